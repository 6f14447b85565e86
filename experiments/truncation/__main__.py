"""Runs the experiment: `python -m experiments.truncation`."""

from experiments.common.command import main
from experiments.truncation import EXPERIMENT

main(EXPERIMENT)
