"""A small experiment in parts, to be started as a process, interrupted, and resumed: `python slow_walk.py --help`."""

import dataclasses
import signal
import sys
import time

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.checks import at_least
from experiments.common.command import main
from experiments.common.devices import PARTS
from experiments.common.experiment import Experiment, Results


@dataclasses.dataclass(frozen=True)
class Config:
    """Options."""

    steps: int = 2
    """Parts."""
    pause: float = 0.0
    """Seconds before each part after the first one."""
    target: float = 0.0
    """What the mean is to reach."""
    weights: tuple[float, ...] = (1.0, 2.0)
    """Numbers."""


def run(config, part):
    def compute(i):
        time.sleep(config.pause if i else 0)
        return {"x": np.random.default_rng(i).normal(size=3000)}

    parts = [found["x"] for found in part.each("part", compute, range(config.steps)).values()]
    mean = float(np.mean(parts))
    return Results([{"part": i, "mean": float(x.mean())} for i, x in enumerate(parts)], {"mean": mean}, {"x": np.stack(parts)})


def plot(results):
    figure, axes = plt.subplots()
    axes.plot(results.curves["x"].T)
    return figure


def check(config, results):
    return [at_least("mean", results.summary["mean"], config.target)]


EXPERIMENT = Experiment("slow_walk", "A walk goes nowhere.", "Nobody (2000)", Config, run, plot, check, spreads=PARTS)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which is not so in the background of a shell
    main(EXPERIMENT, sys.argv[1:])
