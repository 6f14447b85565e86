"""Runs the experiment: `python -m experiments.clipping`."""

from experiments.clipping import EXPERIMENT
from experiments.common.command import main

main(EXPERIMENT)
