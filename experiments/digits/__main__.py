"""Runs the experiment: `python -m experiments.digits`."""

from experiments.common.command import main
from experiments.digits import EXPERIMENT

main(EXPERIMENT)
