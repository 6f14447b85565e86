"""Runs the experiment: `python -m experiments.dates`."""

from experiments.common.command import main
from experiments.dates import EXPERIMENT

main(EXPERIMENT)
