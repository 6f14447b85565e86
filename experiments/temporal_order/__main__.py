"""Runs the experiment: `python -m experiments.temporal_order`."""

from experiments.common.command import main
from experiments.temporal_order import EXPERIMENT

main(EXPERIMENT)
