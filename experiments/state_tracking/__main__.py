"""Runs the experiment: `python -m experiments.state_tracking`."""

from experiments.common.command import main
from experiments.state_tracking import EXPERIMENT

main(EXPERIMENT)
