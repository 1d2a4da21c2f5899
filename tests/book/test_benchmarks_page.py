"""The benchmarks' captions and titles say what was measured."""

import pytest

from uncertlr.book.claims import Claims
from uncertlr.runs.archive import load_study


@pytest.fixture
def claims(monkeypatch):
    monkeypatch.delenv("UNCERTLR_RESULTS")
    return Claims("benchmarks")


def curve(group, name):
    """x to the values of each line."""
    measured = load_study("costs")["groups"][group]["curves"][name]
    lines = measured.get("milliseconds") or measured["seconds"]
    return {line: dict(zip(measured["x"], values, strict=True)) for line, values in lines.items()}


def test_only_full_passes_cost_more_than_a_step(claims):
    samples = curve("growth", "samples")
    step = samples.pop("training step")
    dear = [x for x, value in samples.pop("full passes").items() if value > step[x]]
    claims.check(
        "Full passes cost more than the training step from four samples on; "
        "masks and the closed form stay under a fifth of it, even with 256 samples.",
        numbers=[256],
        holds=[min(dear) == 4, *(value < 0.2 * step[x] for line in samples.values() for x, value in line.items())],
    )


def test_the_share_of_masks_falls_with_the_batch(claims):
    batch = curve("growth", "batch")
    shares = {name: [value / batch["training step"][x] for x, value in sorted(batch[name].items())] for name in batch}
    claims.check(
        "masks and the closed form grow more slowly, so their share is smaller from 16 examples on.",
        numbers=[16],
        holds=[max(shares[name][1:]) < shares[name][0] for name in ("masks for each example", "closed form")],
    )


def test_masks_and_step_cross_at_the_stated_number_of_classes(claims):
    classes = curve("scaling", "classes")
    ratio = {x: value / classes["training step"][x] for x, value in classes["masks for each example"].items()}
    claims.check(
        "cross at about 3,000 classes", numbers=[3000], holds=[ratio[1000] < 0.5, 0.8 < ratio[3000] < 1.25, ratio[10000] > 2]
    )


def test_a_tables_time_is_proportional_and_a_sweeps_workers_pay_off(claims):
    (table,) = curve("scaling", "stored runs").values()
    claims.check(
        "a third of a second for 1,000 runs.",
        numbers=[1000],
        holds=[round(3 * table[1000]) == 1, 80 < table[10_000] / table[100] < 125],
    )
    sweep = curve("scaling", "runs of a sweep")
    ours, alone = sweep["sweep"], sweep["a run alone, times the number of runs"]
    claims.check(
        "Starting the workers takes about five seconds, more than ten such runs need alone.",
        holds=[round(ours[10] - alone[10] / 2) == 5, ours[10] > alone[10], ours[100] < alone[100]],
    )
