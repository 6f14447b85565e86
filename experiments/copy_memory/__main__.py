"""Runs the experiment: `python -m experiments.copy_memory`."""

from experiments.common.command import main
from experiments.copy_memory import EXPERIMENT

main(EXPERIMENT)
