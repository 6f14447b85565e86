"""Options of `cliff`."""

import dataclasses

from experiments.cliff.theory import SHORTEST
from experiments.common.options import check_counts, check_positive


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    num_steps: int = 50
    """Steps T of the network."""
    learning_rate: float = 0.1
    """Learning rate of the descents from the first starts, and of those that are drawn."""
    threshold: float = 1.0
    """Gradient norm above which the clipped descent scales it down."""
    num_starts: int = 30
    """Starts at that learning rate, with w in [4.5, 6] and b within 0.4 of the wall."""
    validation_starts: int = 100
    """Other starts, on which either descent chooses its learning rate from one grid."""
    test_starts: int = 200
    """Other starts again, on which the two chosen descents are compared."""
    updates: int = 800
    """Updates per descent."""
    resolution: int = 300
    """Points per axis of the map of the error."""
    seed: int = 0
    """Seed of the starting points."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        least = {"num_steps": SHORTEST, "num_starts": 1, "validation_starts": 1, "test_starts": 1, "updates": 1}
        for name, value in {**least, "resolution": 2, "seed": 0}.items():
            check_counts(self, name, least=value)
        check_positive(self, "learning_rate", "threshold")
