"""What a run of `remedies` says of each of them."""

from typing import NamedTuple

import numpy as np

from experiments.common.experiment import Results
from experiments.remedies.measures import horizon

NEVER = np.inf
"""Updates of what is not learned."""


class Finding(NamedTuple):
    """A remedy, as medians over seeds but for the number of seeds that solved the task.

    Attributes:
      before, after: the decay of the gradient `[lag]`, log10.
      horizon_before, horizon_after: lags up to which a hundredth of it is left.
      exponent_before, exponent_after: largest Lyapunov exponents.
      kept_before, kept_after: directions of the state of which a hundredth is left, as shares of its size.
      updates: until the task was solved.
      solved, seeds: how many networks solved it, of how many.
      cost: microseconds of a step, forward and back.
    """

    before: np.ndarray
    after: np.ndarray
    horizon_before: float
    horizon_after: float
    exponent_before: float
    exponent_after: float
    kept_before: float
    kept_after: float
    updates: float
    solved: int
    seeds: int
    cost: float


def findings(results: Results) -> dict[str, Finding]:
    """By remedy, in the order of the run."""
    return {str(name): _finding(results, str(name)) for name in results.curves["remedies"]}


def _finding(results: Results, name: str) -> Finding:
    of = lambda key: results.curves[f"{key}/{name}"]  # noqa: E731
    before, after = (np.median(of(f"{when}/decay"), axis=0) for when in ("before", "after"))
    median = lambda key: float(np.median(of(key)))  # noqa: E731
    updates = of("updates")
    return Finding(
        before=before,
        after=after,
        horizon_before=float(np.median([horizon(decay) for decay in of("before/decay")])),
        horizon_after=float(np.median([horizon(decay) for decay in of("after/decay")])),
        exponent_before=median("before/exponent"),
        exponent_after=median("after/exponent"),
        kept_before=float(np.median(of("before/kept") / of("before/size"))),
        kept_after=float(np.median(of("after/kept") / of("after/size"))),
        updates=median("updates"),
        solved=int(np.isfinite(updates).sum()),
        seeds=len(updates),
        cost=median("cost"),
    )
