"""Options of `gradient_decay`."""

import dataclasses

from experiments.common.options import check_counts, option
from experiments.gradient_decay.data import STEPS, Input

UPDATES = 100


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    input: Input = "digits"
    """What the networks read: digits pixel by pixel (64 steps), the standard library's sources, or Gaussian noise."""
    num_steps: int | None = None
    """Steps per sequence of text or noise, 64 if not given; digits have 64."""
    hidden_size: int = 64
    """Units of every network."""
    sequences: int = 16
    """Sequences per network; every network has its own."""
    seeds: int = 10
    """Networks per setting."""
    radii: tuple[float, ...] = (0.5, 0.8, 0.9, 1.0, 1.1, 1.25)
    """Spectral radii of the vanilla networks' recurrent matrices."""
    forget_biases: tuple[float, ...] = (0.0, 1.0, 3.0)
    """Forget biases of the LSTMs."""
    trained: bool = False
    """Train every network first (Adam, global-norm clip 1), then measure."""
    training_steps: int | None = None
    """Updates for --trained, 100 if not given."""
    bounded: int = 1000
    """Random networks on which the bound eta^lag is tested."""
    seed: int = 1
    """Seed of networks and sequences."""

    def __post_init__(self):
        """Refuses values that cannot be run or have no effect, before anything is computed."""
        check_counts(self, "hidden_size", "sequences", "seeds", "bounded")
        check_counts(self, "seed", least=0)
        if self.num_steps is not None and self.input == "digits":
            raise ValueError(f"--num-steps {self.num_steps} has no effect on digits, which have {STEPS}: add --input text")
        if self.num_steps is not None and self.num_steps < 8:
            raise ValueError(f"--num-steps must be at least 8 to fit a rate; got {self.num_steps}")
        if self.training_steps is not None:
            check_counts(self, "training_steps")
            if not self.trained:
                raise ValueError(f"--training-steps {self.training_steps} has no effect without --trained: add it")
        if not self.radii or min(self.radii) <= 0:
            raise ValueError(f"--radii must be one or more positive numbers; got {self.radii}")
        if not self.forget_biases:
            raise ValueError("--forget-biases must be one or more numbers; got none")
        for name in ("radii", "forget_biases"):
            values = [f"{value:g}" for value in getattr(self, name)]
            if len(set(values)) < len(values):
                raise ValueError(f"{option(name)} must differ from each other; got {' '.join(values)}")

    @property
    def steps(self) -> int:
        """Steps per sequence."""
        return STEPS if self.num_steps is None else self.num_steps

    @property
    def updates(self) -> int | None:
        """Updates of training before anything is measured; None for none."""
        if not self.trained:
            return None
        return UPDATES if self.training_steps is None else self.training_steps
