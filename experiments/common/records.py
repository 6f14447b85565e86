"""The runs that the project quotes: `experiments/NAME/summary.json`, copied from a run, and the table made from them."""

import json
import shutil
from pathlib import Path
from typing import Any

from experiments.common.checks import Check
from experiments.common.files import write
from experiments.common.folders import SUMMARY

PACKAGE = Path(__file__).parents[1]
FIGURES = PACKAGE.parent / "docs" / "figures"
README = PACKAGE / "README.md"
START, END = "<!-- made by python -m experiments record -->", "<!-- end -->"


def recorded(name: str) -> dict[str, Any] | None:
    """The summary of the run of an experiment that the project quotes, or None."""
    file = PACKAGE / name / SUMMARY
    return json.loads(file.read_text()) if file.exists() else None


def checks_of(summary: dict[str, Any]) -> list[Check]:
    """The criteria of a recorded run."""
    return [Check(**check) for check in summary["checks"]]


def duration(name: str) -> str:
    """How long the recorded run took, in words."""
    summary = recorded(name)
    if summary is None:
        return "an unknown time"
    minutes, seconds = divmod(int(summary["seconds"]), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def record(folder: Path) -> str:
    """Copies summary and figure of a finished run to where the project quotes them; returns the experiment's name.

    Raises:
      ValueError: the run is not finished, or was resumed, so that its duration means nothing.
    """
    name, file = folder.resolve().parent.name, folder / SUMMARY
    if not file.exists() or not (PACKAGE / name / "__init__.py").exists():
        raise ValueError(f"{folder} is no finished run of an experiment; give a folder such as results/cliff/STAMP")
    if json.loads(file.read_text())["resumed"]:
        raise ValueError(f"{folder} was resumed, so that its duration is not known; run it in one go")
    shutil.copyfile(file, PACKAGE / name / SUMMARY)
    shutil.copyfile(folder / "figure.png", FIGURES / f"{name}.png")
    return name


def lines(names: list[str], claims: dict[str, str]) -> list[str]:
    """All recorded runs in Markdown: a table with claim, time and verdict, then every criterion of every run."""
    table = ["| name | claim | time | verdict | figure |", "|---|---|---|---|---|"]
    criteria = []
    for name in names:
        summary = recorded(name)
        if summary is None:
            table.append(f"| `{name}` | {claims[name]} | | not recorded | |")
            continue
        checks = checks_of(summary)
        missed = sum(not check.passed for check in checks)
        verdict = f"**{missed} of {len(checks)} missed**" if missed else f"all {len(checks)} met"
        picture = f"[figure](../docs/figures/{name}.png)"
        table.append(f"| [`{name}`](#{name}) | {claims[name]} | {duration(name)} | {verdict} | {picture} |")
        criteria += ["", f"### {name}", "", *(f"- {_in_words(check)}" for check in checks)]
    return [*table, *criteria]


def _in_words(check: Check) -> str:
    return str(check).replace("pass  ", "met: ", 1).replace("FAIL  ", "**missed**: ", 1)


def rewrite_readme(names: list[str], claims: dict[str, str]) -> None:
    """Puts `lines` between the two marks in experiments/README.md."""
    before, rest = README.read_text().split(START)
    after = rest.split(END)[1]
    text = "\n".join([f"{before}{START}", *lines(names, claims), f"{END}{after}"])
    write(README, lambda path: path.write_text(text))
