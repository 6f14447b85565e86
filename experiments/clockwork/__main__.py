"""Runs the experiment: `python -m experiments.clockwork`."""

from experiments.clockwork import EXPERIMENT
from experiments.common.command import main

main(EXPERIMENT)
