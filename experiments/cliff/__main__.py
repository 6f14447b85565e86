"""Runs the experiment: `python -m experiments.cliff`."""

from experiments.cliff import EXPERIMENT
from experiments.common.command import main

main(EXPERIMENT)
