"""The benchmarks' captions and titles say what was measured."""

import math
import re

import pytest
from matplotlib.figure import Figure

from benchmarks import tables
from uncertlr.book.claims import Claims, numbers_in
from uncertlr.runs.archive import load_study
from uncertlr.runs.index import list_runs
from uncertlr.runs.paths import project_folder


@pytest.fixture
def claims(published):
    return Claims("benchmarks")


def curve(group, name):
    """x to the values of each line."""
    measured = load_study("costs")["groups"][group]["curves"][name]
    lines = measured.get("milliseconds") or measured["seconds"]
    return {line: dict(zip(measured["x"], values, strict=True)) for line, values in lines.items()}


def test_a_curve_is_shaded_between_its_quartiles_where_they_are_stored(monkeypatch):
    monkeypatch.syspath_prepend(project_folder() / "book" / "_ext")
    import benchmark_page

    lines = {"training step": [2.0, 3.0, 4.0], "closed form": [1.0, 5.0, None]}
    spread = {"training step": [[1.0, 3.0], [2.0, 5.0], [3.0, 6.0]], "closed form": [[0.5, 2.0], [4.0, 6.0], None]}
    curve = {"x": [10, 100, 1_000], "milliseconds": lines, "spread": spread}
    shades = []
    for stored in (curve, {name: value for name, value in curve.items() if name != "spread"}):
        groups = {"scaling": {"curves": {"classes": stored}}}
        monkeypatch.setattr(benchmark_page, "load_study", lambda name, groups=groups: {"groups": groups})
        ax = Figure().subplots()
        benchmark_page.draw_growth(ax, "#57606a", "growth-classes")
        shades.append([shade.get_datalim(ax.transData).extents.tolist() for shade in ax.collections])
    assert shades == [[[10, 1, 1_000, 6], [10, 0.5, 100, 6]], []]


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
    shares = {x: 100 * value / batch["training step"][x] for x, value in batch["masks for each example"].items()}
    claims.check(
        "The share of masks falls from 6.5 % of the step at 8 examples to 2 to 3 % from 128 on.",
        numbers=[shares[8], 8, 2, 3, 128],
        holds=[all(2 <= share <= 3 if x >= 128 else share > 3 for x, share in shares.items())],
    )
    claims.check("for the estimate alone 6.5 % at 8 examples.", numbers=[shares[8], 8])


def test_masks_and_step_cross_at_the_stated_number_of_classes(claims):
    classes = curve("scaling", "classes")
    ratio = {x: value / classes["training step"][x] for x, value in classes["masks for each example"].items()}
    claims.check(
        "cross at about 3,000 classes", numbers=[3000], holds=[ratio[1000] < 0.5, 0.8 < ratio[3000] < 1.25, ratio[10000] > 2]
    )
    claims.check(
        "Many classes: 7 % at 100, 14 % at 300, 38 % at 1,000, and as much as the step itself at about 3,000",
        numbers=[number for x in (100, 300, 1000) for number in (100 * ratio[x], x)] + [3000],
    )
    closed = {x: value / classes["training step"][x] for x, value in classes["closed form"].items() if value}
    claims.check(
        "at 100 classes it takes a quarter of a step, at 300 it takes 14 steps",
        numbers=[100, 300, closed[300]],
        holds=round(4 * closed[100]) == 1,
    )


def test_the_scatter_of_rounds_is_the_one_that_was_stored(claims):
    rows = {row["name"].rpartition(": ")[2]: row for row in load_study("costs")["groups"]["step"]["rows"]}
    cnn, lstm = (rows[f"{network}, Monte Carlo dropout, T = 32"] for network in ("CNN", "LSTM"))
    low, high, lowest, highest = (100 * (end - 1) for row in (cnn, lstm) for end in row["processor"]["spread"])
    claims.check(
        "Of the CNN's 400 rounds on the CPU the middle half lies between 0.7 and 6.6 %, of the LSTM's 120 between −0.5 "
        "and 1.7 %",
        numbers=[cnn["rounds"], low, high, lstm["rounds"], lowest, highest],
    )
    # of a normal sample's median: its standard deviation, from the quartiles, times 1.25 over the root of its size
    errors = [
        1.96 * 1.25 * (b - a) / 1.35 / math.sqrt(row["rounds"]) for a, b, row in ((low, high, cnn), (lowest, highest, lstm))
    ]
    claims.check(
        "the two medians are good to about half a point within their session.",
        holds=all(0.25 < error < 0.75 for error in errors),
    )


def test_the_share_of_an_estimate_changes_between_sessions(claims):
    times = load_study("costs")["groups"]["step"]["times"]
    alone, step = (times[f"CNN: {task}"]["processor"]["seconds"] for task in ("observation alone, mc_dropout", "fixed rate"))
    points = [(("growth", "samples"), 32), (("growth", "batch"), 64), (("scaling", "classes"), 10)]
    curves = [(curve(*where), x) for where, x in points]
    shares = [lines["masks for each example"][x] / lines["training step"][x] for lines, x in curves]
    claims.check(
        "that of the CNN's estimate alone is 2.5, 2.6, 3.3 and 4.3 % of the step in the four that this page uses.",
        numbers=[100 * share for share in sorted([*shares, alone / step])],
    )
    plain = [load_study("gpu")["steps"][f"{arm}, plain"]["spread"] for arm in ("fixed rate", "report's rule")]
    claims.check("On the GPU the quartiles of the two plain steps overlap.", holds=plain[1][0] < plain[0][1])


def test_the_bare_loop_and_the_versions_are_those_that_were_measured(claims):
    groups = load_study("costs")["groups"]
    shares = [100 * (1 - 1 / row["processor"]["value"]) for row in groups["epoch"]["rows"]]
    claims.check(
        "a bare loop of that kind takes 4 to 7 % less than ours", numbers=[4, 7], holds=[4 <= share <= 7 for share in shares]
    )
    versions = groups["signal"]["environment"]["versions"] | groups["signal"]["peers"] | groups["bootstrap"]["peers"]
    ours = "PyTorch 2.15, Lightning 2.6.6, Transformers 5.24, "
    text = f"{ours}torchmetrics 1.9, netcal 1.4, torch-uncertainty 0.13 and baal 2.1;"
    names = ("torch", "lightning", "transformers", "torchmetrics", "netcal", "torch-uncertainty", "baal")
    stated = re.findall(r"[\d.]*\d", text)
    claims.check(
        text,
        numbers=numbers_in(text),
        holds=[versions[name].startswith(each) for name, each in zip(names, stated, strict=True)],
    )


def test_a_tables_time_is_proportional_and_a_sweeps_workers_pay_off(claims):
    (table,) = curve("scaling", "stored runs").values()
    claims.check(
        "takes a third of a second for 1,000 runs, and grows in proportion up to 10,000",
        numbers=[1000, max(table)],
        holds=[round(3 * table[1000]) == 1, 80 < table[10_000] / table[100] < 125],
    )
    sweep = curve("scaling", "runs of a sweep")
    ours, alone = sweep["sweep"], sweep["a run alone, times the number of runs"]
    claims.check(
        "Starting the workers takes about five seconds: ten such runs are faster one after another, a hundred are not.",
        holds=[round(ours[10] - alone[10] / 2) == 5, ours[10] > alone[10], ours[100] < alone[100]],
    )


def test_the_targets_that_are_missed_are_named(claims):
    rows = [row for group in load_study("costs")["groups"].values() for row in group["rows"] if tables.met(row) is not None]
    missed = {row["name"]: row[row["clock"]]["value"] for row in rows if not tables.met(row)}
    loops = {name: missed.pop(name) for name in list(missed) if name.endswith("per epoch on IMDB")}
    claims.check("20 of the 26 targets that were set in advance are met", numbers=[sum(map(tables.met, rows)), len(rows)])
    claims.check(
        "the CNN's step with the closed form (1.021 instead of 1.02), "
        "baal on a new batch of the CNN (10.4 times our time instead of 15), "
        "the three other training loops on IMDB (2.4 to 2.5 times instead of 5), "
        "and torchmetrics in the bootstrap (27.9 instead of 50)",
        numbers=[
            missed.pop("training step with an observation and the rule over the fixed-rate step: CNN, closed form"),
            1.02,
            missed.pop("baal over our observation on a fresh batch: CNN"),
            15,
            min(loops.values()),
            max(loops.values()),
            5,
            missed.pop("bootstrap of the calibration error, a loop over torchmetrics over ours"),
            50,
        ],
        holds=[not missed, len(loops) == 3],
    )


def test_why_targets_are_missed(claims):
    groups = load_study("costs")["groups"]
    rows = {row["name"]: row for group in groups.values() for row in group["rows"]}

    def taken(group, task):
        return groups[group]["times"][task]["processor"]["seconds"]

    closed = rows["training step with an observation and the rule over the fixed-rate step: CNN, closed form"]
    claims.check(
        "The closed form's by 0.001, less than its median is good to.",
        numbers=[closed["processor"]["value"] - closed["at_most"]],
    )
    trunk_passes = taken("signal", "CNN: baal, MCCachingModule of MCDropoutModule, a loop over samples") / taken(
        "signal", "CNN: one pass through the trunk"
    )
    claims.check(
        "baal takes 12.0 times as long as one pass through the layers before the dropout",
        numbers=[trunk_passes],
        holds=trunk_passes < rows["baal over our observation on a fresh batch: CNN"]["at_least"],
    )
    claims.check(
        "On IMDB the other loops' batches hold 1.67 times as many words and padding as ours",
        numbers=[rows["plain loop over ours, per epoch on IMDB"]["padding_over_ours"]],
    )
    counting, whole = (taken("bootstrap", f"uncertlr{part}, 1,000 replicates") for part in (", its counts alone", ""))
    claims.check(
        "In the bootstrap 76 % of our time goes into counting how often each example is drawn.",
        numbers=[100 * counting / whole],
    )


def test_runs_that_share_a_gpu(claims):
    gpu = load_study("gpu")
    shared = tables.shared_gpu(list_runs(status="published"), gpu["environment"]["processor"])
    alone, recorded = gpu["runs"]["CIFAR-10, report's rule, 50 epochs"], gpu["steps"]["report's rule, recorded"]["ms"]
    pace = shared.steps / shared.seconds
    claims.check(
        "Of the 28 s of a run on CIFAR-10, its 35,200 steps alone take 23 s.",
        numbers=[alone["seconds"], tables.STEPS, tables.STEPS * recorded / 1_000],
    )
    claims.check(
        "274 published runs shared it, 14 at a time on average, and made 3,072 steps per second together, "
        "2.0 times as many as one run alone.",
        numbers=[shared.runs, shared.at_once, pace, pace * recorded / 1_000],
    )


def test_the_targets_of_a_gpu(claims):
    gpu = load_study("gpu")
    shared = tables.shared_gpu(list_runs(status="published"), gpu["environment"]["processor"])
    outcomes = tables.gpu_targets_table(gpu, shared)["outcome"]
    claims.check(
        "On the GPU both targets of CIFAR-10 are missed; that of IMDB is met by training alone",
        holds=[
            [outcome for name, outcome in outcomes.items() if "CIFAR-10" in name] == ["missed", "missed"],
            [outcome for name, outcome in outcomes.items() if "IMDB" in name] == ["met by training alone"],
        ],
    )


def test_a_run_of_one_epoch_on_a_gpu(claims):
    run = load_study("gpu")["runs"]["IMDB, report's rule, 1 epoch"]
    claims.check(
        "A run of one epoch took 2.9 s with loading and evaluation, of which 1.5 s were training",
        numbers=[run["seconds"], run["seconds_per_epoch"]],
    )
