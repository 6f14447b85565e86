"""Where theory puts the wall of `cliff`, and how fast it grows."""

import numpy as np

X_0, TARGET = 0.5, 0.7
SIGMA = float(1 / (1 + np.exp(-X_0)))
SLOPE = SIGMA * (1 - SIGMA)
"""σ'(x_0): along the wall dx_t/dx_{t-1} = 0.235004 w."""
WEIGHTS = (4.5, 5.0, 5.5, 6.0, 6.5, 7.0)
SHORTEST, GROWTH_STEPS = 10, 10


def wall(w):
    """b*(w) = x_0 - w σ(x_0): there x_0 is the unstable fixed point, so that every x_t stays on it."""
    return X_0 - w * SIGMA
