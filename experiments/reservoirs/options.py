"""Options of `reservoirs`."""

import dataclasses

from experiments.common.options import check_counts

WASHOUT = 1000
"""Steps of Mackey-Glass series before anything counts, as published."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    sizes: tuple[int, ...] = (10, 20, 50, 100, 200)
    """Units of reservoirs whose memory is measured."""
    strengths: tuple[float, ...] = (0.01, 0.1, 0.3, 1.0, 3.0)
    """Input scalings at which the memory of the middle size is measured, increasing."""
    memory_networks: int = 5
    """Reservoirs of each kind and size whose memory is measured."""
    memory_steps: int = 10_000
    """Inputs of a reservoir whose memory is measured; half of them fit the readouts."""
    units: int = 400
    """Units of reservoirs that predict Mackey-Glass series."""
    large_units: int = 1000
    """Units of the large ones."""
    steps: int = 3000
    """Training steps at tau = 17, the first 1,000 of which wash the initial state out."""
    long_steps: int = 21_000
    """Training steps at tau = 30, likewise."""
    narma_sizes: tuple[int, ...] = (50, 100, 200)
    """Units of reservoirs that compute NARMA10."""
    narma_steps: int = 2000
    """Steps of NARMA10 for training, for validation and for the test, each behind 200 more."""
    networks: int = 10
    """Reservoirs of each kind that predict series."""
    seed: int = 0
    """Seed of reservoirs and series."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "units", "large_units", "narma_steps")
        check_counts(self, "networks", "memory_networks", least=2)
        check_counts(self, "seed", least=0)
        check_counts(self, "steps", "long_steps", least=WASHOUT + 1)
        for name in ("sizes", "narma_sizes"):
            sizes = getattr(self, name)
            if not sizes or list(sizes) != sorted(set(sizes)) or sizes[0] < 2:
                raise ValueError(f"--{name.replace('_', '-')} must increase from 2 or more; got {sizes}: try 10 50")
        strengths = self.strengths
        if len(strengths) < 2 or list(strengths) != sorted(set(strengths)) or strengths[0] <= 0:
            raise ValueError(f"--strengths must be two or more increasing numbers above 0; got {strengths}: try 0.1 1")
        if self.memory_steps < 10 * self.sizes[-1]:
            raise ValueError(
                f"--memory-steps must be at least ten times the largest size, {self.sizes[-1]}; got {self.memory_steps}: "
                f"try {10 * self.sizes[-1]}"
            )

    @property
    def middle(self) -> int:
        """The size whose memory is measured at all strengths."""
        return self.sizes[len(self.sizes) // 2]
