"""Runs the experiment: `python -m experiments.trees`."""

from experiments.common.command import main
from experiments.trees import EXPERIMENT

main(EXPERIMENT)
