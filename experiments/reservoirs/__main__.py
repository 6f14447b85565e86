"""Runs the experiment: `python -m experiments.reservoirs`."""

from experiments.common.command import main
from experiments.reservoirs import EXPERIMENT

main(EXPERIMENT)
