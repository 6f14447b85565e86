"""Runs the experiment: `python -m experiments.names`."""

from experiments.common.command import main
from experiments.names import EXPERIMENT

main(EXPERIMENT)
