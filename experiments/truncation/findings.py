"""What is read off the errors of a run."""

import numpy as np

from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean

STAGES = ("untrained", "trained")


def errors_of(results: Results, stage: str, readout: str) -> np.ndarray:
    """Relative errors of the LSTMs, means over batches, `[network, window]`."""
    windows = results.curves["windows"]
    return np.stack([results.curves[f"relative_error/{stage}/{readout}/{w}"].mean(axis=1) for w in windows], axis=1)


def largest_rise(errors: np.ndarray) -> Interval:
    """From one window to the next longer one, paired by network; of all such pairs the one with the highest bound."""
    return max((of_mean(rise) for rise in np.diff(errors, axis=1).T), key=lambda rise: rise.high)
