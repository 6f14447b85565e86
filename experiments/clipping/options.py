"""Options of `clipping`."""

import dataclasses

from experiments.common.options import check_counts, check_positive


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    spectral_radius: float = 1.5
    """Spectral radius of the recurrent matrix; gradients can explode above 1."""
    hidden_size: int = 64
    """Units of the network."""
    batch_size: int = 32
    """Digits per update."""
    updates: int = 250
    """Updates per training."""
    learning_rate: float = 0.1
    """Learning rate of gradient descent, clipped by the global norm."""
    threshold: float = 1.0
    """Largest norm, of the whole gradient or of each tensor."""
    value_limit: float = 0.02
    """Largest entry for clipping by value."""
    seeds: int = 10
    """Networks, each with its own batches."""
    seed: int = 0
    """Seed of networks and batches."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "hidden_size", "batch_size", "updates", "seeds")
        check_positive(self, "spectral_radius", "learning_rate", "threshold", "value_limit")
        check_counts(self, "seed", least=0)
