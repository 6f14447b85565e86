"""Runs the experiment: `python -m experiments.tagging`."""

from experiments.common.command import main
from experiments.tagging import EXPERIMENT

main(EXPERIMENT)
