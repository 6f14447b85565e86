"""Runs the experiment: `python -m experiments.gradient_decay`."""

from experiments.common.command import main
from experiments.gradient_decay import EXPERIMENT

main(EXPERIMENT)
