"""The runs that the project quotes: recorded from finished runs alone, and told alike in the list and the table."""

import json

import pytest

from experiments import __main__ as command
from experiments.common import records

CHECKS = [
    {"name": "gain", "measured": 0.5, "criterion": "lower bound at least 0.1", "passed": True, "low": 0.2, "high": 0.8},
    {"name": "loss", "measured": 2.0, "criterion": "at most 1", "passed": False, "low": None, "high": None},
]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A project with the experiment `cliff`, nothing recorded, and an empty table."""
    (tmp_path / "experiments" / "cliff").mkdir(parents=True)
    (tmp_path / "experiments" / "cliff" / "__init__.py").touch()
    (tmp_path / "figures").mkdir()
    readme = tmp_path / "experiments" / "README.md"
    readme.write_text(f"before\n{records.START}\nold\n{records.END}\nafter\n")
    for name, value in (("PACKAGE", readme.parent), ("FIGURES", tmp_path / "figures"), ("README", readme)):
        monkeypatch.setattr(records, name, value)
    return tmp_path


def finished_run(tree, **changes):
    folder = tree / "results" / "cliff" / "20260101-000000"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps({"checks": CHECKS, "seconds": 75, "resumed": False, **changes}))
    (folder / "figure.png").write_bytes(b"picture")
    return folder


def test_a_recorded_run_gives_duration_misses_and_table(tree):
    assert records.record(finished_run(tree)) == "cliff"
    assert records.duration("cliff") == "1 min 15 s"
    assert (tree / "figures" / "cliff.png").read_bytes() == b"picture"
    records.rewrite_readme(["cliff", "digits"], {"cliff": "A claim.", "digits": "Another."})
    text = records.README.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| [`cliff`](#cliff) | A claim. | 1 min 15 s | **1 of 2 missed** | [figure](../docs/figures/cliff.png) |" in text
    assert "\n### cliff\n\n- met: gain: 0.5 [0.2, 0.8] (lower bound at least 0.1)\n- **missed**: loss: 2 (at most 1)\n" in text
    assert "| `digits` | Another. | | not recorded | |" in text


@pytest.mark.parametrize("changes", [{"resumed": True}])
def test_a_run_of_unknown_duration_is_not_recorded(tree, changes):
    with pytest.raises(ValueError, match="was resumed"):
        records.record(finished_run(tree, **changes))
    assert records.recorded("cliff") is None


def test_an_unfinished_run_is_not_recorded(tree):
    with pytest.raises(ValueError, match="no finished run"):
        records.record(tree / "results" / "cliff" / "x")


def test_the_table_of_the_project_is_the_one_that_its_records_make():
    names = command.all_names()
    table = "\n".join(records.lines(names, {name: command.load(name).claim for name in names}))
    assert table in records.README.read_text()
