"""Runs the experiment: `python -m experiments.liquid`."""

from experiments.common.command import main
from experiments.liquid import EXPERIMENT

main(EXPERIMENT)
