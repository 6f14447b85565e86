"""What is read off a run: scores, and differences between variants whose networks share seeds."""

import numpy as np

from experiments.common.checks import Check
from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean
from experiments.gate_ablation.trials import BIAS_0, REBER, VANILLA, VARIANTS

NFG = "NFG"


def scores(results: Results, task: str, variant: str) -> np.ndarray:
    """Of every network, higher is better: outer accuracy, or -log10 of the squared error."""
    return results.curves[f"score/{task}/{variant}"]


def difference(results: Results, task: str, variant: str, other: str = VANILLA) -> Interval:
    """How much better a variant is than another one, network by network."""
    return of_mean(scores(results, task, variant) - scores(results, task, other))


def nearest_to_last(results: Results) -> tuple[str, Interval]:
    """The variant whose lead over NFG on streams has the least lower bound, and that lead; `BIAS_0` is none of the paper's."""
    leads = {v: difference(results, REBER, v, NFG) for v in VARIANTS if v not in (NFG, BIAS_0)}
    return min(leads.items(), key=lambda one: one[1].low)


def within_noise(name: str, found: Interval) -> Check:
    """Passes if 0 lies in the interval; NaN fails."""
    return Check(name, found.middle, "interval holds 0", bool(found.low <= 0 <= found.high), found.low, found.high)
