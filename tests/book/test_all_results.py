"""The searches of the page of all results, with their answers, and what it says of all comparisons."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from uncertlr.book.claims import Claims
from uncertlr.book.outcomes_figure import FOUND, OUTCOME_COLOURS
from uncertlr.book.overview_figure import PANELS, against_constant_rates

BOOK = Path(__file__).resolve().parents[2] / "book"
PAGE = (BOOK / "all_results.md").read_text(encoding="utf-8")
TABLES = re.findall(r"^:::\{div\} searches\n(.*?)^:::$", PAGE, re.DOTALL | re.MULTILINE)
SEARCHES = [found for table in TABLES for found in re.findall(r"^\| .* \| `(.+)` \| (.+) \|$", table, re.MULTILINE)]
MINUS = "\N{MINUS SIGN}"
ONE_DECIMAL = rf"{MINUS}?\d+\.\d"


@pytest.fixture(autouse=True)
def results(published, monkeypatch):
    """The page's module, which reads the published runs."""
    monkeypatch.syspath_prepend(BOOK / "_ext")
    import result_tables

    return result_tables


@pytest.fixture
def groups(results):
    return results.comparisons_in_groups()


@pytest.fixture
def claims():
    return Claims("all_results")


def found(table, words):
    """The rows that the page's search leaves: all the words are in a row's cells, and none of those after a "!"."""
    cells = table.map(str).agg("  ".join, axis="columns")
    kept = np.ones(len(table), dtype=bool)
    for word in words.split():
        kept &= cells.str.contains(word.removeprefix("!"), regex=False) != word.startswith("!")
    return table[kept]


@pytest.mark.parametrize(("words", "answer"), SEARCHES, ids=[words for words, _ in SEARCHES])
def test_a_search_finds_the_rows_of_its_answer(results, words, answer):
    assert not set(words.split()) & {word for outcome in results.OUTCOMES for word in outcome.split()}
    rows = found(results._columns(results._each_comparison_once(), results.COMPARISON_COLUMNS), words)
    parts = re.split(r"\*(.+?)\*: ", answer)[1:]
    stated = [
        (outcome, *(float(number.replace(MINUS, "-")) for number in numbers))
        for outcome, text in zip(parts[::2], parts[1::2], strict=True)
        for numbers in re.findall(rf"({ONE_DECIMAL}) \(({ONE_DECIMAL}) to ({ONE_DECIMAL})\)", text)
    ]
    columns = ("difference (points)", "95 % interval from", "95 % interval to")
    stored = [
        (outcome, *(round(each, 1) for each in points))
        for outcome, *points in zip(rows["outcome"], *(rows[column] for column in columns), strict=True)
    ]
    assert sorted(stated) == sorted(stored) != []
    assert 3 * len(stated) == len(re.findall(ONE_DECIMAL, answer))  # no number stands beside them


def test_what_replays_and_shuffled_signals_allow_to_say(claims, groups):
    judged = groups[groups["outcome"].isin(OUTCOME_COLOURS) & (groups["group"] == "rule against control")]
    judged = judged[~judged["against"].str.endswith("matched_rate")]
    informative = judged[judged["outcome"] != "no contrast"]
    claims.check(
        "In all, 25 comparisons pair a rule with replays or shuffled signals. Nine of them have *no contrast*. "
        "The intervals of the other 16 reach up to 5.6 points",
        [len(judged), len(informative), informative["ci95_high"].max()],
        holds=count(judged, "no contrast") == 9,
    )


def test_what_the_answer_says_of_replays_is_what_their_comparisons_show(claims, groups):
    controls = groups[(groups["group"] == "rule against control") & ~groups["against"].str.endswith("matched_rate")]
    claims.check("No rule is shown to be better than its replays.", holds=count(controls, "helps") == 0)
    worse = controls[controls["outcome"] == "harms"]
    claims.check(
        "At half the length one replay is even better than its rule, and on IMDB all three recorded curves are.",
        holds=sorted(worse["study"]) == ["cifar10-short-recipe", *["imdb-recipe"] * 3],
    )


def table_of_words():
    """Of the page's table: the methods of a row, as patterns, and the word of their runs."""
    rows = PAGE.partition("| methods | word in the run's name |\n|---|---|\n")[2].partition("\n\n")[0]
    for row in rows.splitlines():
        *methods, word = re.findall("`(.+?)`", row)
        yield [method.replace("…", "*") for method in methods], word


def test_a_method_has_the_word_of_its_row_in_the_names_of_its_runs(results):
    runs = results.all_runs().query("status == 'published'")
    methods = results.method_column(runs)
    seen = set()
    for run_id, dataset, method in zip(runs["run_id"], runs["dataset"], methods, strict=True):
        rows = (word for patterns, word in table_of_words() if any(fnmatchcase(method, each) for each in patterns))
        word = next(rows, None)
        assert run_id.startswith(f"{dataset}-{word}-s"), (method, run_id)
        seen.add(word)
    assert seen == {word for _, word in table_of_words()}


def test_each_question_has_a_search():
    rows = [row for table in TABLES for row in table.strip().splitlines()[2:]]  # without a head and a line
    assert len(SEARCHES) == len(rows) > 10


def count(table, outcome):
    return int((table["outcome"] == outcome).sum())


def test_the_text_alternatives_say_what_the_figure_shows(claims, groups):
    constant, found_rule, replays = (pd.concat([rows for _, rows in panel(groups)]) for panel in PANELS.values())
    harming = np.sort(constant.loc[constant["outcome"] == "harms", "difference"].abs())
    gain = constant.loc[constant["outcome"] == "helps"]
    claims.check(
        "Fifteen comparisons of rules with constant rates, under four headings",
        holds=[len(constant) == 15, len(against_constant_rates(groups)) == 4],
    )
    claims.check("Six harm, by 2.4 to 23.9 points.", [harming[0], harming[-1]], holds=len(harming) == 6)
    claims.check(
        "One helps: the rate divided by uncertainty, untuned on CIFAR-10, by 2.6 points.",
        [gain["difference"].item()],
        holds=[list(gain["arm"]) == ["inverse"], list(gain["study"]) == ["cifar10-standard"]],
    )
    on_images = found_rule[found_rule["study"].str.startswith("cifar10-")].reset_index(drop=True)
    by_schedule = on_images.groupby("against")["difference"]
    claims.check(
        "It helps in all of them, by 6.5 points against cosine and by 0.8 and 0.9 against one-cycle.",
        [by_schedule.max()["cosine"], by_schedule.min()["one_cycle"], by_schedule.max()["one_cycle"]],
        holds=[set(found_rule["outcome"]) == {"helps"}, len(found_rule) == 5],
    )
    claims.check(
        "All are inconclusive, with intervals around 0; the widest reaches from −5.9 to 5.6 points.",
        [0, replays["ci95_low"].min(), replays["ci95_high"].max()],
        holds=[
            (replays["outcome"] == "inconclusive").all(),
            ((replays["ci95_low"] < 0) & (replays["ci95_high"] > 0)).all(),
            (len(replays), replays["arm"].nunique()) == (7, 4),
        ],
    )


def test_mixed_comparisons_are_counted(claims, groups):
    mixed = groups[(groups["pairs"] == 10) & (groups["mixed_pairs"] == 10)].set_index(["arm", "against"])
    claims.check(
        "In eleven comparisons one method ran on a GPU with PyTorch 2.11, and the other on CPUs with 2.15.",
        [2.11, 2.15],
        holds=len(mixed) == 11,
    )
    claimed = mixed[mixed["outcome"].isin(["helps", "harms"])]["difference"]
    loss, mean_rate = claimed["report", "bold_driver"], claimed[FOUND, f"{FOUND}_matched_rate"]
    claims.check(
        "the two below one point: 0.65 (the report's rule against the bold driver, CIFAR-10) and 0.77",
        [loss, mean_rate],
        holds=(claimed.abs() < 1).sum() == 2,
    )


def test_fully_mixed_comparisons_ran_on_one_gpu_and_on_cpus(results, groups):
    runs = results.all_runs().set_index("run_id")
    mixed = groups[(groups["pairs"] == 10) & (groups["mixed_pairs"] == 10)]
    for row in mixed.itertuples():
        arms = results.read_study(row.study).arms
        devices = [
            set(runs.loc[[run.config.run_id for run in arms[each].values()], "processor"]) for each in (row.arm, row.against)
        ]
        gpu = [all("NVIDIA" in name for name in of_arm) for of_arm in devices]
        assert sum(gpu) == 1, (row.study, row.arm, row.against, devices)


def test_a_run_has_the_studies_that_plan_it(results):
    studies = results._studies()
    for name in ("cifar10-recipe", "digits-map"):
        for run in results.read_study(name).finished:
            assert name in studies[run.config.run_id]
    published = results.all_runs().query("status == 'published'")
    of_none = published[[run not in studies for run in published["run_id"]]]
    assert sorted(of_none["dataset"]) == ["imdb"] * 4


def test_shared_runs_are_those_of_the_found_rule(claims, results):
    names = ("cifar10-found-replays", "cifar10-recipe", "cifar10-tuned-warmup")
    seeds = [sorted(results.read_study(name).arms[FOUND]) for name in names]
    claims.check(
        "The ten runs of the found rule on seeds 1021 to 1030 are in `cifar10-found-replays`, `cifar10-recipe` and "
        "`cifar10-tuned-warmup`",
        [seeds[0][0], seeds[0][-1]],
        holds=[seeds[0] == seeds[1] == seeds[2], len(seeds[0]) == 10],
    )
