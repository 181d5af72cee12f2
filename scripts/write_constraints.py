"""Write constraints.txt: the versions in this environment of all that Exocast stands on.

Only names and versions, so that any index and any installer can read it; run it in an
environment in which the tests pass.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TARGET = Path(__file__).parent.parent / "constraints.txt"
EVERY_PLATFORM = (
    {"sys_platform": "linux"},
    {"sys_platform": "win32", "platform_system": "Windows"},
)


def needed(name: str, extras: frozenset[str], found: dict[str, str]) -> None:
    """Add a distribution and all it requires to ``found``."""
    key = canonicalize_name(name)
    try:
        distribution = metadata.distribution(key)
    except metadata.PackageNotFoundError:
        return  # another platform's
    if key in found and not extras:
        return
    found[key] = distribution.version
    for text in distribution.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        here = {**default_environment()}
        if marker is None or any(
            marker.evaluate({**here, **platform, "extra": extra})
            for platform in EVERY_PLATFORM
            for extra in (extras or {""})
        ):
            needed(requirement.name, frozenset(requirement.extras), found)


def main() -> None:
    """Write the file, or say why not."""
    found: dict[str, str] = {}
    needed("exocast", frozenset({"dev"}), found)
    needed("exocast", frozenset(), found)
    found.pop("exocast", None)
    lines = [
        "# Versions the tests were last run with. Written by scripts/write_constraints.py;",
        "# pip and uv read it as: pip install -c constraints.txt -e .",
        *(f"{name}=={version}" for name, version in sorted(found.items())),
    ]
    bad = [line for line in lines[2:] if not re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.!+]+", line)]
    if bad:
        sys.exit("not a plain pin: " + ", ".join(bad))
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {len(found)} pins")


if __name__ == "__main__":
    main()
