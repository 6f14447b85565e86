"""The options of `temporal_order`."""

import dataclasses
from typing import Literal

from experiments.common.options import check_counts, check_full, check_positive, check_rates

FULL = {
    "lengths": (50, 100, 150, 200, 250),
    "updates": 5_000_000,
    "learning_rates": (0.01,),
    "seeds": 10,
    "span": (50, 200),
    "span_updates": 5_000_000,
    "models": 5,
}
"""What --full changes; ten seeds instead of the authors' five, for five cannot show a gap of 40 points."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    lengths: tuple[int, ...] = (20, 30, 40, 50)
    """Steps of the sequences, increasing, from 10 on."""
    init: Literal["sigmoid", "basic_tanh", "smart_tanh"] = "basic_tanh"
    """Units and initial weights, by the authors' names."""
    form: Literal["squared", "plain"] = "squared"
    """Whether Omega compares squared norms (the authors' equation 10 and program) or norms (equation 9)."""
    exact: bool = False
    """Differentiate through the backpropagated vector of Omega, too, which the authors hold constant."""
    weight: float = 4.0
    """Weight of Omega."""
    hidden_size: int = 50
    """Units."""
    batch_size: int = 20
    """Sequences per update."""
    learning_rates: tuple[float, ...] = (0.01, 0.03, 0.1)
    """Learning rates, constant, that every method chooses from at every length."""
    updates: int = 5000
    """Updates at most, rounded up to whole stretches of 250."""
    seeds: int = 8
    """Networks per method and length."""
    trials: int = 2
    """Networks of other seeds with which a rate is chosen."""
    span: tuple[int, int] = (10, 50)
    """Shortest and longest sequence of the models that are trained with Omega on many lengths."""
    span_updates: int = 10_000
    """Their updates."""
    models: int = 1
    """How many of them."""
    full: bool = False
    """Lengths 50 to 250, up to 5,000,000 updates at rate 0.01, 10 seeds: the published size, days on an accelerator."""
    seed: int = 300
    """Seed of networks, sequences and tests."""

    def __post_init__(self):
        """Refuses values that cannot be run or have no effect, before anything is computed."""
        check_counts(self, "hidden_size", "batch_size", "updates", "seeds", "trials", "span_updates", "models")
        check_counts(self, "seed", least=0)
        check_positive(self, "weight")
        check_rates(self, "0.03 0.1")
        if not self.lengths or list(self.lengths) != sorted(set(self.lengths)) or self.lengths[0] < 10:
            raise ValueError(f"--lengths must increase from 10 or more; got {self.lengths}: try 20 40")
        if not 10 <= self.span[0] < self.span[1]:
            raise ValueError(
                f"--span must be two lengths, of which the first is 10 or more and less; got {self.span}: try 10 50"
            )
        check_full(self, FULL)
