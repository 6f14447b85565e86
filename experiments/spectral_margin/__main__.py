"""Runs the experiment: `python -m experiments.spectral_margin`."""

from experiments.common.command import main
from experiments.spectral_margin import EXPERIMENT

main(EXPERIMENT)
