"""Tiny runs of experiments, and what refused ones leave behind: nothing."""

import csv
import json

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.text import Text

from experiments.common.command import main
from experiments.common.figures import SHOWN, SMALLEST, WIDTH

FILES = {"config.json", "metrics.csv", "summary.json", "figure.png", "figure.svg", "curves.npz", "parts"}
SMALL = ["--hidden-size", "3", "--batch-size", "4", "--updates", "2"]


def run_legibly(experiment, options, output):
    """Runs an experiment, and looks at its figure as it was drawn."""
    figures = []

    def plot(results):
        figures.append(experiment.plot(results))
        draw_as_png_alone(figures[-1])
        return figures[-1]

    main(experiment._replace(plot=plot), [*options, "--output", str(output)])
    for figure in figures:
        assert_legible(figure)


def draw_as_png_alone(figure):
    """Leaves the svg without a picture: it has what the png has, and `test_interrupted_runs.py` looks at one."""
    save = figure.savefig

    def savefig(path, **options):
        return save(path, **options) if options["format"] == "png" else path.write_text("<svg/>")

    figure.savefig = savefig


def finished(experiment, options, output):
    """Runs an experiment; returns its folder, the rows of its table, and its summary."""
    run_legibly(experiment, options, output)
    (folder,) = (output / experiment.name).iterdir()
    assert {path.name for path in folder.iterdir()} == FILES
    assert (folder / "figure.png").stat().st_size > 5000
    with (folder / "metrics.csv").open() as file:
        return folder, list(csv.DictReader(file)), json.loads((folder / "summary.json").read_text())


def drawn_empty(experiment):
    """An experiment that draws its figure, but saves an empty one, which is as much as a run needs whose figure is known."""

    def plot(results):
        figure = experiment.plot(results)
        figure.clear()
        return figure

    return experiment._replace(plot=plot)


def assert_legible(figure):
    """Checks the width of a figure that was drawn, and the pixels of its smallest text where a README shows it."""
    assert figure.get_figwidth() == WIDTH
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    small = {text.get_text(): text.get_fontsize() / 72 * SHOWN / WIDTH for text in texts}
    assert not {text: pixels for text, pixels in small.items() if pixels < SMALLEST}


def refused(experiment, options, output, capsys) -> str:
    """What an experiment says before it stops, without frames and line breaks; it has written nothing."""
    with pytest.raises(SystemExit) as stopped:
        main(experiment, [*options, "--output", str(output)])
    assert stopped.value.code
    assert not output.exists()
    return " ".join(f"{stopped.value.code} {capsys.readouterr().err}".replace("│", " ").split())


def meaningless_digits(count):
    """Random images `[count, 64]` with random labels: only who has seen a digit knows its label."""
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.random((count, 64), np.float32)), jnp.asarray(rng.permutation(np.arange(count) % 10))


def stays_finished(experiment, options, folder):
    """A finished run is not resumed, and nothing in its folder changes."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert all(path.stat().st_size > 0 for path in before)
    with pytest.raises(SystemExit, match="that run is finished"):
        main(experiment, [*options, "--resume", str(folder)])
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
