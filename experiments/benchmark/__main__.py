"""Runs the experiment: `python -m experiments.benchmark`."""

from experiments.benchmark import EXPERIMENT
from experiments.common.command import main

main(EXPERIMENT)
