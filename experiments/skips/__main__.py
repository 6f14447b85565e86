"""Runs the experiment: `python -m experiments.skips`."""

from experiments.common.command import main
from experiments.skips import EXPERIMENT

main(EXPERIMENT)
