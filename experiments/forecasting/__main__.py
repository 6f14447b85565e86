"""Runs the experiment: `python -m experiments.forecasting`."""

from experiments.common.command import main
from experiments.forecasting import EXPERIMENT

main(EXPERIMENT)
