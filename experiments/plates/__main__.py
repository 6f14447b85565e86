"""Runs the experiment: `python -m experiments.plates`."""

from experiments.common.command import main
from experiments.plates import EXPERIMENT

main(EXPERIMENT)
