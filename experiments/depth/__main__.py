"""Runs the experiment: `python -m experiments.depth`."""

from experiments.common.command import main
from experiments.depth import EXPERIMENT

main(EXPERIMENT)
