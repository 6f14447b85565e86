"""The experiment of the methods to clip: a tiny run that passes its checks."""

import json

import pytest
from runs import finished, refused, stays_finished

from experiments import clipping

TINY = ["--updates", "20", "--seeds", "1", "--batch-size", "8", "--hidden-size", "32", "--check"]


def test_a_run_passes_its_checks_writes_every_file_and_is_not_resumed(tmp_path):
    folder, _, summary = finished(clipping.EXPERIMENT, TINY, tmp_path)
    assert json.loads((folder / "config.json").read_text())["updates"] == 20
    assert len(summary["checks"]) == 4
    assert all(check["passed"] for check in summary["checks"])
    stays_finished(clipping.EXPERIMENT, TINY, folder)


@pytest.mark.parametrize(("option", "value"), [("updates", "0"), ("value_limit", "-0.1"), ("seed", "-1")])
def test_a_bad_option_stops_before_anything_is_written(option, value, tmp_path, capsys):
    said = refused(clipping.EXPERIMENT, [f"--{option.replace('_', '-')}", value], tmp_path / "out", capsys)
    assert option in said
    assert value in said
