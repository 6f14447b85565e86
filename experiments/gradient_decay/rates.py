"""From curves to rates: one value per network, intervals over networks, and what a rate does in the long run."""

import jax.numpy as jnp
import numpy as np
from scipy import stats

from experiments.common.intervals import LEVEL, Interval, of_mean
from recurrent.flow import decay_rate


def slopes(curves: np.ndarray, last: int) -> np.ndarray:
    """Slopes of ln norm over the later three quarters of the lags 0 ... last, from log10 norms `[network, lag, sequence]`.

    A gradient that is exactly 0 has vanished: its rate is -inf. That happens beyond a step at which no ReLU is active, and
    from lag 0 on where the softmax is saturated.
    """
    kept = curves[:, : last + 1]
    dead = np.any(~np.isfinite(kept), axis=1)
    by_time = np.where(np.expand_dims(dead, 1), 0, kept).swapaxes(0, 1)[::-1]
    return np.where(dead, -np.inf, np.asarray(decay_rate(jnp.asarray(by_time), last // 4, last)))


def of_networks(values: np.ndarray) -> np.ndarray:
    """The median over the sequences of each network, `[network, ..., sequence]`; what is not finite counts as vanished."""
    return np.median(np.where(np.isfinite(values), values, -np.inf), axis=-1)


def of_median(values: np.ndarray) -> Interval:
    """The median of independent values between two order statistics that hold it with at least 95 %; -inf may be among them.

    Unbounded for fewer than six values.
    """
    values = np.sort(np.asarray(values, np.float64))
    rank = int(stats.binom.ppf((1 - LEVEL) / 2, len(values), 0.5))
    bounds = (float(values[rank - 1]), float(values[-rank])) if rank else (-np.inf, np.inf)
    return Interval(bounds[0], float(np.median(values)), bounds[1])


def of_errors(errors: np.ndarray) -> Interval:
    """The mean of errors; beyond every bound if one of them is infinite, as where a network is dead."""
    return of_mean(errors) if np.isfinite(errors).all() else Interval(-np.inf, np.inf, np.inf)


def verdict(rate: float) -> str:
    """Names what a rate per step, in nats, does within 1,000 steps: 6 decades down, 6 up, or neither."""
    decades = 1000 * rate / np.log(10)
    return "vanishes" if decades < -6 else "explodes" if decades > 6 else "keeps"


def lag_of_loss(curve: np.ndarray, rate: float) -> str:
    """The first lag whose norm is below 1e-6 or above 1e6 of lag 0; extrapolated with a tilde where the run is too short."""
    beyond = np.flatnonzero(~(np.abs(curve) < 6))
    if beyond.size and np.isneginf(curve[beyond[0]]):
        return f"exactly 0 at {beyond[0]}"
    if beyond.size:
        return f"{'<1e-6' if curve[beyond[0]] < 0 else '>1e6'} at {beyond[0]}"
    if abs(rate) < 1e-4:
        return "never"
    return f"{'<1e-6' if rate < 0 else '>1e6'} at ~{len(curve) - 1 + (6 - abs(curve[-1])) * np.log(10) / abs(rate):.0f}"
