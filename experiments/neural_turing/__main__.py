"""Runs the experiment: `python -m experiments.neural_turing`."""

from experiments.common.command import main
from experiments.neural_turing import EXPERIMENT

main(EXPERIMENT)
