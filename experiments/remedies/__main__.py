"""Runs the experiment: `python -m experiments.remedies`."""

from experiments.common.command import main
from experiments.remedies import EXPERIMENT

main(EXPERIMENT)
