"""Metrics over many batches, and when to stop."""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import numpy as np

from recurrent.types import Params, PyTree


def evaluate(
    eval_step: Callable[[Params, PyTree], tuple[dict[str, Any], Any]], params: Params, batches: Iterable[PyTree]
) -> dict[str, float]:
    """Σ_b w_b m_b / Σ_b w_b for every metric m, summed in float64.

    Args:
      eval_step: `(params, batch) -> (metrics, weight)`: a dict of scalars that are means over the batch, and how much the
        batch counts, such as its number of unmasked steps. Call it under `jax.jit`. A batch of weight 0 does not count,
        whatever its metrics.
      params: parameters.
      batches: the batches, at least one of positive weight.

    Raises:
      ValueError: no batches, weights that are negative or all 0, batches with different metrics.
    """
    # read back at the end, so that an accelerator is never left waiting
    measured = jax.device_get([eval_step(params, batch) for batch in batches])
    weights = np.array([float(weight) for _, weight in measured])
    if not np.all(weights >= 0) or not np.sum(weights) > 0:
        raise ValueError(f"evaluate needs batches of positive weight in all; got {len(weights)} of weights {weights.tolist()}")
    names = {tuple(sorted(metrics)) for metrics, _ in measured}
    if len(names) > 1:
        raise ValueError(f"eval_step must return the same metrics for every batch; got {sorted(names)}")
    counted = [(metrics, weight) for metrics, weight in measured if weight > 0]
    return {
        name: float(np.average([np.float64(metrics[name]) for metrics, _ in counted], weights=weights[weights > 0]))
        for name in measured[0][0]
    }


class EarlyStopping(NamedTuple):
    """Stops where the validation loss has not fallen for `patience` evaluations.

        stopping = EarlyStopping(patience=5)
        stopping = stopping.update(validation_loss)
        if stopping.stopped: ...

    Attributes:
      patience: evaluations without a new best loss that end the training, at least 1.
      best: the lowest loss so far.
      waited: evaluations since then.
    """

    patience: int
    best: float = math.inf
    waited: int = 0

    def update(self, loss: float) -> "EarlyStopping":
        """Returns the state after one more evaluation; NaN counts as no improvement."""
        if float(loss) < self.best:
            return self._replace(best=float(loss), waited=0)
        return self._replace(waited=self.waited + 1)

    @property
    def stopped(self) -> bool:
        """Whether to stop."""
        return self.waited >= self.patience
