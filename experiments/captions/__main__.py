"""Runs the experiment: `python -m experiments.captions`."""

from experiments.captions import EXPERIMENT
from experiments.common.command import main

main(EXPERIMENT)
