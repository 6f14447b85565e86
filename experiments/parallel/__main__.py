"""Runs the experiment: `python -m experiments.parallel`."""

from experiments.common.command import main
from experiments.parallel import EXPERIMENT

main(EXPERIMENT)
