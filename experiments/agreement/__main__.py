"""Runs the experiment: `python -m experiments.agreement`."""

from experiments.agreement import EXPERIMENT
from experiments.common.command import main

main(EXPERIMENT)
