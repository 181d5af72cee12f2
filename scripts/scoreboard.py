"""Write the scoreboard of the package: docs/scoreboard.md, its pictures, study/scoreboard.csv.

python scripts/scoreboard.py            # prints it
python scripts/scoreboard.py --write    # and writes the files
"""

from __future__ import annotations

import argparse
from pathlib import Path

import exocast
from exocast.report.scoreboard import draw, markdown
from exocast.study import validate
from exocast.study.validate import write_csv

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "scoreboard.md"
IMAGE = ROOT / "docs" / "images" / "scoreboard.svg"
PROFILES = ROOT / "docs" / "images" / "scoreboard-profiles.svg"
TABLE = Path(validate.__file__).with_name("scoreboard.csv")


def main() -> None:
    """Run every data set, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write page, picture and table")
    write = parser.parse_args().write
    made = exocast.validate()
    print(made.summary())
    if write:
        write_csv(made.board, TABLE)
        made.plot().save(IMAGE)
        draw(made.board)["profiles"].save(PROFILES)
        words = markdown(made.board, f"images/{IMAGE.name}", f"images/{PROFILES.name}")
        PAGE.write_text(words, encoding="utf-8")


if __name__ == "__main__":
    main()
