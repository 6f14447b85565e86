"""The gallery: a page for each experiment, made from its recorded summary, its claim, its docstring and its figure."""

import importlib
import io
from typing import Any

from PIL import Image

from docs.book.docstrings import blocks, escaped, title
from experiments.__main__ import all_names, load
from experiments.common import records
from experiments.common.checks import Check
from experiments.common.experiment import Experiment

WIDTH = 480
"""Of a thumbnail, in pixels."""


def pages() -> dict[str, bytes]:
    """Index, pages and thumbnails of all recorded experiments, by path."""
    runs = {name: (load(name), summary) for name in all_names() if (summary := records.recorded(name))}
    texts = {f"gallery/{name}.rst": page(experiment, summary, _docstring(name)) for name, (experiment, summary) in runs.items()}
    texts["gallery/index.rst"] = index(runs)
    return {path: text.encode() for path, text in texts.items()} | {f"gallery/{name}.png": thumbnail(name) for name in runs}


def page(experiment: Experiment, summary: dict[str, Any], docstring: str) -> str:
    """Claim, verdict, figure, every criterion with what was measured, and what the experiment says of itself."""
    name, checks, environment = experiment.name, records.checks_of(summary), summary["environment"]
    device = " ".join(dict.fromkeys(environment["device"].split()))  # a CPU's platform and kind are both "cpu"
    run = f"{records.duration(name)} on {device}, jax {environment['jax']}"
    parts = [
        title(name, "="),
        escaped(experiment.claim),
        f"Source: {escaped(experiment.source)}",
        f"Verdict: **{verdict(checks)}**, in a run of {escaped(run)}: ``python -m experiments {name} --check``",
        f".. image:: /docs/figures/{name}.png\n   :alt: {experiment.claim}\n   :target: /_images/{name}.png",
        title("Criteria", "-"),
        _table(checks),
        title("How it is tested", "-"),
        "\n".join(blocks(docstring)),
    ]
    return "\n\n".join([*parts, ""])


def index(runs: dict[str, tuple[Experiment, dict[str, Any]]]) -> str:
    """Thumbnails of all experiments with claim and verdict."""
    intro = (
        "Each experiment is one published claim, with criteria set before it was run. Numbers and figures are those of the "
        "recorded runs; criteria that were missed are shown as missed."
    )
    toctree = ".. toctree::\n   :hidden:\n\n" + "\n".join(f"   {name}" for name in runs)
    cards = [_card(experiment, records.checks_of(summary)) for experiment, summary in runs.values()]
    return "\n\n".join([title("Gallery of experiments", "="), intro, ".. container:: gallery", *cards, toctree, ""])


def verdict(checks: list[Check]) -> str:
    """How many criteria were missed, in words."""
    missed = sum(not check.passed for check in checks)
    return f"{missed} of {len(checks)} criteria missed" if missed else f"all {len(checks)} criteria met"


def thumbnail(name: str) -> bytes:
    """An experiment's figure, made small."""
    with Image.open(records.FIGURES / f"{name}.png") as figure:
        small = figure.convert("RGB")
    small.thumbnail((WIDTH, WIDTH))
    buffer = io.BytesIO()
    small.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def _card(experiment: Experiment, checks: list[Check]) -> str:
    name, said = experiment.name, verdict(checks)
    lines = [
        f".. figure:: {name}.png",
        f"   :alt: {experiment.claim}",
        f"   :target: {name}.html",
        "",
        f"   :doc:`{name}`: {escaped(experiment.claim)} *{said[0].upper()}{said[1:]}.*",
    ]
    return "\n".join(f"   {line}" if line else "" for line in lines)


def _table(checks: list[Check]) -> str:
    rows = [["criterion", "measured", "wanted", "verdict"]]
    for check in checks:
        rows.append([escaped(check.name), check.found, escaped(check.criterion), "met" if check.passed else "**missed**"])
    cells = ["\n".join(f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(row)) for row in rows]
    return "\n".join([".. list-table::", "   :header-rows: 1", "   :widths: 50 22 20 8", "", *cells])


def _docstring(name: str) -> str:
    return importlib.import_module(f"experiments.{name}").__doc__ or ""
