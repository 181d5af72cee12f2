"""Write what the placebo model predicts for the trials that it was not fitted to.

    python scripts/baseline_placebo.py

Rewrites ``tests/baselines/validation_placebo.yaml``: hits and misses alike.
"""

from __future__ import annotations

from pathlib import Path

from exocast.patient import placebo

BASELINE = Path(__file__).parent.parent / "tests" / "baselines" / "validation_placebo.yaml"
HEAD = """\
# Mean change of pain (0-100) in saline arms that were kept out of the fit: observed, and the 90 %
# interval of a study mean as predicted from each arm's own entry criteria, size and visits.
# A miss is shown, not tuned away. Written by scripts/baseline_placebo.py.
"""


def main() -> None:
    """Predict every arm and write the table."""
    lines = [HEAD + "rows:"]
    found = placebo.predictions()
    lines += [
        f"  - {{arm: {p.arm}, week: {p.week:g}, n: {p.n}, observed: {p.observed:.1f}, "
        f"predicted: {p.mean:.1f}, low: {p.low:.1f}, high: {p.high:.1f}, tau: {p.tau:.1f}, "
        f"sd: {p.sd:.1f}, width_allowed: {p.width_allowed:.1f}, "
        f"hit: {'true' if p.hit else 'false'}}}"
        for p in found
    ]
    hits = sum(p.hit for p in found)
    lines.append(f"totals: {{rows: {len(found)}, hits: {hits}, misses: {len(found) - hits}}}")
    BASELINE.parent.mkdir(parents=True, exist_ok=True)
    BASELINE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{BASELINE}: {hits} of {len(found)} inside")


if __name__ == "__main__":
    main()
