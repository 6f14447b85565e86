"""Runs the experiment: `python -m experiments.memory_network`."""

from experiments.common.command import main
from experiments.memory_network import EXPERIMENT

main(EXPERIMENT)
