"""Runs the experiment: `python -m experiments.reber`."""

from experiments.common.command import main
from experiments.reber import EXPERIMENT

main(EXPERIMENT)
