"""Claims: what the book states is on its page, agrees with the stored runs, and would fail if the results were others."""

import json

import pytest

from uncertlr.book import build, claims
from uncertlr.book.claims import Claims, above_and_below, collected, numbers_in, problems, uncovered
from uncertlr.config import preset
from uncertlr.errors import ClaimError

PAGE = """# A chapter

The rate is `1e-3` here, and see [figure 3](figures.md#4).

## What the published runs show

It **loses 12.3 points** (95 % interval 11.2 to 13.4)
over 1,000 runs.

## Exercises

Try 7 seeds.
"""
QUOTES = ["loses 12.3 points** (95 % interval 11.2 to 13.4) over 1,000 runs."]


def notebook(folder, *quotes, page="chapter"):
    calls = "\n".join(f"claims.check({quote!r}, numbers=[], holds=True)" for quote in quotes)
    source = f"claims, other = Claims({page!r}), 1\n{calls}"
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": PAGE.splitlines(True)},
        {"cell_type": "code", "metadata": {"tags": ["claims"]}, "source": source.splitlines(True), "outputs": []},
    ]
    path = folder / "notebooks" / "chapter.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


@pytest.fixture
def project(tmp_path, monkeypatch):
    for folder in ("notebooks", "book"):
        (tmp_path / folder).mkdir()
    (tmp_path / "book" / "index.md").write_text("The rule stalls.\n\n## Use it\n\nIt loses 12.3 points.\n")
    monkeypatch.setattr(claims, "project_folder", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-12.3 points (95 % interval -13.4 to -11.2)", ["-12.3", "95", "-13.4", "-11.2"]),
        ("\u22120.04 on CIFAR-10 with `lr=3`, $x_1 = 2$ and [7 runs](page.md#8)", ["\u22120.04", "7"]),
        ("1e-3, 20,000 images, x2, v1.2, 5%.", ["1e-3", "20,000", "5"]),
        ("seeds 0, 1 and 2; 10.", ["0", "1", "2", "10"]),
        ("p < 0.05 for 12.3 <b>points</b>, 3 > 2", ["0.05", "12.3", "3", "2"]),
    ],
)
def test_numbers_of_a_sentence(text, expected):
    assert numbers_in(text) == expected


def test_a_true_claim_holds(project):
    notebook(project)
    Claims("chapter").check(QUOTES[0], numbers=[12.26, 95, 11.249, 13.35, 1000], holds=[True, True])
    Claims("index").check("loses 12.3 points", numbers=[12.3], holds=True)


@pytest.mark.parametrize(
    ("quote", "numbers", "holds", "named"),
    [
        ("gains 12.3 points", [12.3], True, ""),
        ("loses 12.3 points", [12.36], True, "12.36"),
        ("loses 12.3 points", [-12.3], True, "-12.3"),
        ("loses 12.3 points", [float("nan")], True, "nan"),
        ("loses 12.3 points", [], True, "12.3"),
        ("loses 12.3 points", [12.34, 1.25], True, "12.34, 1.25"),
        ("interval 11.2 to 13.4", [11.24, 13.46], True, "13.46"),
        ("loses 12.3 points", [12.34], False, "12.34"),
        ("interval 11.2 to 13.4", [11.24, 13.36], False, "11.24, 13.36"),
        ("loses 12.3 points", [12.34], [True, False], "2 of 2"),
        ("loses 12.3 points", [12.3], [], "holds"),
    ],
)
def test_a_false_claim_names_page_quote_and_value(project, quote, numbers, holds, named):
    notebook(project)
    with pytest.raises(ClaimError) as failed:
        Claims("chapter").check(quote, numbers=numbers, holds=holds)
    assert all(part in str(failed.value) for part in ("chapter", quote, named))
    with collected() as outcomes:
        Claims("chapter").check(quote, numbers=numbers, holds=holds)
    assert [bool(outcome.problem) for outcome in outcomes] == [True]


def test_a_page_that_does_not_exist_is_named(project):
    with pytest.raises(ClaimError, match="'nowhere'"):
        Claims("nowhere")


def test_numbers_without_a_claim_are_found(project):
    notebook(project)
    assert uncovered("chapter", QUOTES) == []
    assert len(uncovered("chapter", [])) == 5
    (left,) = uncovered("chapter", ["loses 12.3 points** (95 % interval 11.2 to 13.4)"])
    assert "1,000" in left


def test_numbers_without_a_claim_on_the_front_page_are_found(project):
    (project / "book" / "index.md").write_text(
        "# A question\n\n::::{grid} 2\n:gutter: 3\n\nIt loses 12.3 points.\n\n## Install\n\nPython 3.11.\n"
    )
    (left,) = uncovered("index", [])
    assert "12.3" in left
    assert uncovered("index", ["It loses 12.3 points."]) == []
    (found,) = problems([notebook(project, *QUOTES)])
    assert "index" in found
    assert "12.3" in found


def test_problems_name_page_and_sentence(project):
    assert problems([notebook(project, *QUOTES)]) == []
    found = problems([notebook(project, *QUOTES, "a sentence that is not there")])
    assert len(found) == 1
    assert "chapter" in found[0]
    assert "a sentence that is not there" in found[0]
    assert any("1,000" in line for line in problems([notebook(project)]))


def test_a_quote_that_is_put_together_by_code_is_refused(project):
    path = notebook(project, *QUOTES)
    path.write_text(path.read_text().replace("claims.check('loses", "claims.check('it ' + 'loses"))
    with pytest.raises(ClaimError, match=r"chapter\.ipynb.*'it ' \+ 'loses"):
        problems([path])


def test_the_title_of_a_figure_can_be_quoted(project):
    path = notebook(project, *QUOTES)
    content = json.loads(path.read_text())
    source = 'ax.set_title("The rule loses 3 points")\nax.set(title="All fall", xlabel="loses 9")\nax.set_title(name)'
    content["cells"].append({"cell_type": "code", "metadata": {}, "source": [source], "outputs": []})
    path.write_text(json.dumps(content))
    Claims("chapter").check("The rule loses 3 points", numbers=[3.2])
    Claims("chapter").check("All fall")
    for title, numbers in (("The rule loses 3 points", [4.2]), ("loses 9", [9])):
        with pytest.raises(ClaimError):
            Claims("chapter").check(title, numbers=numbers)


def test_the_build_stops_at_a_planted_problem_and_lists_all_claims(project):
    notebook(project, *QUOTES)
    build.check_claims(project)
    assert json.loads((project / "book" / "_generated" / "claims.json").read_text()) == {"chapter": QUOTES}
    notebook(project, *QUOTES, "loses 11.9 points")
    with pytest.raises(ClaimError, match="loses 11.9 points"):
        build.check_claims(project)


def test_a_changed_page_executes_the_notebooks_that_claim_about_it(project, monkeypatch):
    monkeypatch.setattr(build, "project_folder", lambda: project)
    path = notebook(project, "loses 12.3 points", page="index")
    before = build._key(path, {})
    (project / "book" / "index.md").write_text("The rule loses 12.3 points, no more.\n")
    assert build._key(path, {}) != before


def test_a_table_shows_the_claims_for_the_published_runs_and_for_the_readers(project):
    notebook(project, *QUOTES)
    published, mine = preset("digits", "quick"), preset("digits", "quick", seed=3)

    def loses(claims, config):
        loss = {0: 12.34, 3: -1.2}[config.seed]
        claims.check(QUOTES[0], numbers=[loss, 95, 11.2, 13.4, 1000], holds=loss > 0)

    def needs_a_run(claims, config):
        claims.check("a quote", numbers=[{0: 1.0}[config.seed]], holds=True)

    table = Claims("chapter").table([loses, needs_a_run], published, mine)
    assert table["published"].tolist() == ["holds", "holds"]
    assert table["yours"].tolist() == ["does not hold", "not run"]
    assert table["numbers (yours)"].tolist()[0].startswith("-1.2;")
    assert set(Claims("chapter").table([loses], published)["yours"]) == {"not run"}


def test_the_line_above_the_results_names_what_differs(capsys):
    published = preset("cifar10", "standard", rule="threshold")
    above_and_below(published.replace(threshold=0.9, progress="quiet"), published)
    assert "(threshold=0.9)" in capsys.readouterr().out
