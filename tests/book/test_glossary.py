"""The glossary's table of names: the arms that there are, and what legends and runs call them."""

import re
from pathlib import Path

from uncertlr.analysis.scores import arm_name
from uncertlr.sweep import read_sweep

PROJECT = Path(__file__).resolve().parents[2]


def table() -> dict[str, tuple[str, str, str]]:
    """Arm to legend, rule, and beginning of the run's name."""
    text = (PROJECT / "book" / "glossary.md").read_text(encoding="utf-8").partition("(names)=")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    return {
        arm: (legend, rule.strip("`"), run.strip("`…"))
        for _, arms, legend, rule, run in rows[1:]
        for arm in re.findall(r"`(\w+)`", arms)
    }


def test_the_names_are_those_of_the_sweep() -> None:
    studies = (read_sweep(PROJECT / "sweeps" / f"cifar10-{name}.yaml") for name in ("regulating", "standard"))
    jobs = list({job.arm: job for study in studies for job in reversed(study)}.values())
    named = table()
    assert set(named) == {job.arm for job in jobs}
    for job in jobs:
        legend, rule, run = named[job.arm]
        assert (legend, rule) == (arm_name(job.config), job.config.rule), job.arm
        assert job.config.run_id.startswith(run), job.arm


def test_terms_are_in_the_order_of_the_alphabet() -> None:
    text = (PROJECT / "book" / "glossary.md").read_text(encoding="utf-8")
    block = text.partition("```{glossary}\n")[2].partition("```")[0]
    terms = [line.lower() for line in block.splitlines() if line and not line.startswith(" ")]
    assert len(terms) == len(set(terms))
    assert terms == sorted(terms), [(a, b) for a, b in zip(terms, sorted(terms), strict=True) if a != b][:2]
