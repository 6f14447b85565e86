"""Options of `skips`."""

import dataclasses

from experiments.common.options import check_counts, check_full, check_rates
from experiments.common.studies import STEPS

FULL = {"hidden_size": 96, "updates": 10000}
"""What --full changes."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    skips: tuple[int, ...] = (2, 5, 9, 13, 21)
    """How many steps ago the other state lies that is read, one network each. A plain network is always trained."""
    blanks: tuple[int, ...] = (0, 64, 256)
    """Blank steps after a digit."""
    hidden_size: int = 32
    """Units of networks with skips; the plain one has more, for as many parameters."""
    batch_size: int = 16
    """Digits per update."""
    updates: int = 500
    """Updates per training."""
    learning_rates: tuple[float, ...] = (0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008)
    """Learning rates to choose from, of Adam at the start; they fall to 0 along a cosine."""
    folds: int = 5
    """Parts of the digits that are tested in turn."""
    seeds: int = 1
    """Networks per fold."""
    full: bool = False
    """96 units and 10,000 updates: hours on two cores."""
    seed: int = 1
    """Seed of splits, networks and batches."""

    def __post_init__(self):
        """Refuses values that cannot be run or have no effect, before anything is computed."""
        check_counts(self, "hidden_size", "batch_size", "updates", "seeds")
        check_counts(self, "folds", least=2)
        check_counts(self, "seed", least=0)
        check_rates(self, "0.0005 0.0015")
        if not self.blanks or list(self.blanks) != sorted(set(self.blanks)) or self.blanks[0] < 0:
            raise ValueError(f"--blanks must be increasing and not negative; got {self.blanks}: try 0 64 256")
        if not self.skips or list(self.skips) != sorted(set(self.skips)) or self.skips[0] < 2:
            raise ValueError(
                f"--skips must be increasing and at least 2, 1 being the plain network; got {self.skips}: try 2 21"
            )
        shortest = STEPS + self.blanks[0]
        if self.skips[-1] >= shortest:
            raise ValueError(
                f"--skips must be shorter than the shortest sequence, of {shortest} steps, or they bridge nothing; "
                f"got {self.skips[-1]}: take shorter skips, or more --blanks"
            )
        check_full(self, FULL)
