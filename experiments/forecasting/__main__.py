"""Runs the experiment: `python -m experiments.forecasting`."""

from experiments.forecasting import EXPERIMENT
from experiments.common.command import main

main(EXPERIMENT)
