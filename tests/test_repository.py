"""What a visitor of the repository relies on."""

import re
import subprocess
import tomllib

import pytest

from uncertlr.runs.paths import project_folder

PROJECT = project_folder()


def read(name):
    return (PROJECT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tracked():
    result = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True)
    if result.returncode:
        pytest.skip("not a git checkout")
    return [PROJECT / name for name in result.stdout.split("\0") if name and (PROJECT / name).is_file()]


def test_the_readmes_links_and_files_exist():
    links = re.findall(r"\]\(([^)#]+)\)", read("README.md"))
    assert links
    assert [link for link in links if not link.startswith("http") and not (PROJECT / link).exists()] == []


def test_the_readmes_scheduler_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", read("README.md"), re.DOTALL)
    names = {}
    exec(code, names)
    assert len(names["monitor"].history) == 10
    assert 0.01 <= names["scheduler"].get_last_lr()[0] <= 0.1  # the power law only raises the rate, tenfold at most
    assert "UncertaintyMonitor" in capsys.readouterr().out


def test_versions_agree():
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert f"version: {version}" in read("CITATION.cff")
    assert f'__version__ = "{version}"' in read("uncertlr/__init__.py")


def test_requirements_name_what_the_project_is_made_of():
    text = read("requirements.txt")
    for package in ("torch", "torchvision", "datasets", "jupyterlab", "matplotlib", "seaborn", "papermill", "jupyter-book"):
        assert re.search(rf"^{package}\b", text, re.MULTILINE), package
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)$", read("requirements-lock.txt"), re.MULTILINE))
    assert {"torch", "torchvision", "datasets", "jupyter-book", "tokenizers"} <= set(locked)


def test_no_file_is_large(tracked):
    large = {path.name: path.stat().st_size for path in tracked if path.stat().st_size > 2**20 and path.suffix != ".parquet"}
    large.pop("tex-chtml.js", None)  # MathJax, vendored: the book needs no network
    assert large == {}
    assert sum(path.stat().st_size for path in tracked if path.parent.name == "results") < 60_000_000


def test_nothing_names_a_machine(tracked):
    pattern = re.compile(r"(?<![\w./])/(home|root|tmp|work|Users)/\w")
    text = [path for path in tracked if path.suffix in {".py", ".md", ".toml", ".yml", ".txt", ".ipynb", ".cff", ""}]
    here = PROJECT / "tests" / "test_repository.py"
    found = [
        path.name for path in text if path != here and pattern.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []
