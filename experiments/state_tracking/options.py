"""The options of `state_tracking`."""

import dataclasses

from experiments.common.options import check_counts, check_full, check_rates

FULL = {"updates": 20_000, "batch_size": 256}
"""What --full changes, to the published numbers."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    hidden_size: int = 16
    """Units of every network; entries of a value of the delta rule."""
    key_size: int = 4
    """Entries of a key of the delta rule."""
    lengths: tuple[int, ...] = (8, 40)
    """Lengths of the sequences of training, increasing; each stretch of 100 updates draws one."""
    longest: int = 256
    """Steps of the sequences of the test."""
    batch_size: int = 16
    """Sequences per update."""
    updates: int = 3000
    """Updates per training."""
    learning_rates: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3)
    """Learning rates to choose from, of Adam at the start; they fall to 0 along a cosine."""
    trials: int = 2
    """Networks per learning rate that the choice is made from."""
    runs: int = 5
    """Runs per network and task."""
    networks: int = 2
    """Networks that a run trains, from different seeds; it keeps one."""
    full: bool = False
    """Make 20,000 updates of 256 sequences, the published numbers: for an accelerator."""
    seed: int = 0
    """Seed of networks and sequences."""

    def __post_init__(self):
        """Refuses values that cannot be run or have no effect, before anything is computed."""
        check_counts(self, "hidden_size", "key_size", "batch_size", "updates", "trials", "networks")
        check_counts(self, "runs", least=2)
        check_counts(self, "seed", least=0)
        if not self.lengths or list(self.lengths) != sorted(set(self.lengths)) or self.lengths[0] < 2:
            raise ValueError(f"--lengths must increase from 2 or more; got {self.lengths}: try 8 40")
        if self.longest <= self.lengths[-1]:
            raise ValueError(f"--longest must be above all --lengths, {self.lengths}; got {self.longest}: try 256")
        check_rates(self, "0.01 0.1")
        check_full(self, FULL)
