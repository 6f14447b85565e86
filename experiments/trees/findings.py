"""What is read off the results of a run."""

import numpy as np

from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean


def right(results: Results, problem: str, test: str, name: str) -> np.ndarray:
    """Whether examples are answered right, `[network, example]`; a guess counts as one network."""
    guess = f"{problem}/guess/{name}/{test}"
    return results.curves[guess][None] if guess in results.curves else results.curves[f"{problem}/{name}/right/{test}"]


def accuracies(results: Results, problem: str, test: str, name: str) -> np.ndarray:
    """`[network]`."""
    return right(results, problem, test, name).mean(axis=1)


def gain(results: Results, problem: str, test: str, one: str, other: str) -> Interval:
    """One composition's accuracy minus another's, or a guess's, seed by seed."""
    return of_mean(accuracies(results, problem, test, one) - accuracies(results, problem, test, other))


def arrival(results: Results, stage: str, one: str, other: str) -> Interval:
    """Decades by which gradients at the first digits, over those at the last ones, are larger in one than in the other."""
    thirds = (results.curves[f"list operations/{name}/thirds/{stage}"] for name in (one, other))
    return of_mean(np.subtract(*thirds))
