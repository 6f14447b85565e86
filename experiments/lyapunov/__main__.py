"""Runs the experiment: `python -m experiments.lyapunov`."""

from experiments.common.command import main
from experiments.lyapunov import EXPERIMENT

main(EXPERIMENT)
