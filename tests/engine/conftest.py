"""A tiny library: a site with two fragments, written to a temporary folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

HEADER = "id,meaning,value,unit,spread,spread_kind,varies,system,source,place,grade,note"
POND = {
    "body/pond.ant": """
// A pond that fish leave for a river.
model pond(river, bed)
  compartment bed, basin;
  substanceOnly species river in bed, fish in basin;
  leave: fish => river; k_leave*fish;
  share := fish/(fish + half);
end
""",
    "body/pond.csv": f"""{HEADER}
basin,basin,4,mL,,fixed,constant,toy,definition,,E,toy
fish,fish at the start,10,item,,fixed,constant,toy,definition,,E,toy
k_leave,fish leave,0.5,1/day,0.2,log_sd,uncertain,toy,assumption,,E,toy
k_leave.between,ratio of a pond to the centre,1,1,0.3,log_sd,patient,toy,assumption,,E,toy
k_leave.literature,as reported,0.9,1/day,0.2,log_sd,uncertain,toy,assumption,,E,toy
shy.k_leave,shy fish leave,0.1,1/day,0.2,log_sd,uncertain,toy,assumption,,E,toy
half,fish for half a share,5,item,,fixed,constant,toy,definition,,E,toy
""",
    "tissue/river.ant": """
// A river that keeps fish, and algae that follow them.
model river()
  compartment bed;
  substanceOnly species fish in bed;
  algae' = growth*(algae_start - algae);
  algae = 2*algae_start;
end
""",
    "tissue/river.csv": f"""{HEADER}
bed,river bed,100,mL,,fixed,constant,toy,definition,,E,toy
growth,algae grow,0.2,1/day,,fixed,constant,toy,definition,,E,toy
algae_start,algae untouched,3,pg/mL,0.4,log_sd,uncertain,toy,assumption,,E,toy
algae,algae,0,pg/mL,,fixed,constant,state,definition,,E,unit of the state
""",
    "tissue/water.yaml": """
schema_version: 1
name: water
title: A pond and its river
joints: [north]
conditions: [spring, autumn]
default_condition: spring
instances:
  river: {fragment: tissue/river}
  "{joint}": {fragment: body/pond, ports: {river: river_fish, bed: river_bed}}
observables:
  all_fish: {formula: "river_fish + north_fish", unit: item, text: all fish, better: higher}
  "{joint}_percent": {formula: "100*{joint}_share_in", unit: "1", text: a share, better: none}
sums:
  "{joint}_share_in": {formula: "{joint}_fish/(river_fish + {joint}_fish)", unit: "1"}
routes:
  bucket: {fish: "{joint}_fish"}
""",
    "tissue/conditions/spring.yaml": """
schema_version: 1
name: spring
title: Spring
numbers: null
""",
    "tissue/conditions/autumn.yaml": """
schema_version: 1
name: autumn
title: Autumn
numbers: autumn.csv
""",
    "tissue/conditions/autumn.csv": f"""{HEADER}
pond.k_leave,fish leave in autumn,0.05,1/day,0.2,log_sd,uncertain,toy,assumption,,E,toy
""",
}


@pytest.fixture
def library(tmp_path: Path) -> Callable[..., Path]:
    """Writes the pond, with texts replaced: ``library({"body/pond.ant": (old, new)})``."""

    def write(changes: dict[str, tuple[str, str]] | None = None, **added: str) -> Path:
        changes = changes or {}
        for name, text in POND.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            old, new = changes.get(name, ("", ""))
            assert old in text
            file.write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
        return tmp_path

    return write
