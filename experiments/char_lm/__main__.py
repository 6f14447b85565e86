"""Runs the experiment: `python -m experiments.char_lm`."""

from experiments.char_lm import EXPERIMENT
from experiments.common.command import main

main(EXPERIMENT)
