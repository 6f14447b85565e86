"""Options of `trees`."""

import dataclasses

from experiments.common.options import check_counts, check_full, check_rates

FULL = {"hidden_size": 128, "examples": 90000, "list_updates": 30000, "syntax_updates": 6000, "seeds": 5}
"""What --full changes."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    hidden_size: int = 32
    """Units of the LSTM that reads from left to right; trees have as many parameters as it."""
    batch_size: int = 32
    """Examples per update."""
    list_updates: int = 1500
    """Updates on list operations."""
    syntax_updates: int = 600
    """Updates on syntax trees."""
    examples: int = 20000
    """List operations to learn from."""
    tested: int = 900
    """List operations per test, and for validation."""
    learning_rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1)
    """Learning rates to choose from, of Adam at the start; they fall to 0 along a cosine."""
    seeds: int = 3
    """Networks of each kind; the first two also choose the rate, on validation examples."""
    full: bool = False
    """128 units, 90,000 list operations, 30,000 and 6,000 updates, 5 seeds: for an accelerator."""
    seed: int = 0
    """Seed of examples and networks."""

    def __post_init__(self):
        """Refuses values that cannot be run or have no effect, before anything is computed."""
        check_counts(self, "hidden_size", "batch_size", "list_updates", "syntax_updates", "examples", "tested", "seeds")
        check_counts(self, "seed", least=0)
        check_rates(self, "0.01 0.03")
        check_full(self, FULL)
