"""Runs the experiment: `python -m experiments.adding`."""

from experiments.adding import EXPERIMENT
from experiments.common.command import main

main(EXPERIMENT)
