"""Options of `remedies`."""

import dataclasses

from experiments.common.options import check_counts, check_rates


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    length: int = 100
    """Steps of a sequence; the symbol is shown at the first, and asked for at the last."""
    symbols: int = 8
    """Of which one is to be remembered."""
    parameters: int = 4000
    """Of every network at most, its readout's included."""
    batch_size: int = 32
    """Sequences per update."""
    updates: int = 1000
    """Updates at most, rounded up to whole stretches of 50."""
    learning_rates: tuple[float, ...] = (0.0003, 0.001, 0.003, 0.01, 0.03)
    """Learning rates that every remedy chooses from."""
    seeds: int = 3
    """Networks of each remedy."""
    seed: int = 0
    """Seed of networks and sequences."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "parameters", "batch_size", "updates", "seeds")
        check_counts(self, "length", least=4)
        check_counts(self, "symbols", least=2)
        check_counts(self, "seed", least=0)
        check_rates(self, "0.001 0.01")
