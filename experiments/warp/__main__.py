"""Runs the experiment: `python -m experiments.warp`."""

from experiments.common.command import main
from experiments.warp import EXPERIMENT

main(EXPERIMENT)
