"""Runs the experiment: `python -m experiments.gate_ablation`."""

from experiments.common.command import main
from experiments.gate_ablation import EXPERIMENT

main(EXPERIMENT)
