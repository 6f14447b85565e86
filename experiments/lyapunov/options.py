"""The options of `lyapunov`."""

import dataclasses

from experiments.common.options import check_counts

STEPS, PUBLISHED_STEPS = 200, 3000
"""Steps that Newton's method evaluates at once: by default, and with --full."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    gains: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0)
    """Gains of the tanh networks, increasing."""
    spectrum_size: int = 64
    """Units of the networks whose exponents have a closed form."""
    spectra: int = 5
    """Networks per closed form."""
    free_size: int = 200
    """Units of the tanh networks without input."""
    free_networks: int = 16
    """Of these, per gain."""
    steps: int = 2000
    """Steps over which their exponents are taken."""
    driven_size: int = 100
    """Units of the driven tanh networks."""
    driven_networks: int = 3
    """Of these, per gain."""
    long_steps: int = 20_000
    """Steps over which their gradients' rate and exponent are taken."""
    newton_steps: int | None = None
    """Steps that Newton's method evaluates at once; 200 if not given."""
    full: bool = False
    """Let Newton's method evaluate 3,000 steps, the published number: for an accelerator, hours on a CPU."""
    seed: int = 0
    """Seed of networks, inputs and initial states."""

    def __post_init__(self):
        """Refuses values that cannot be run or have no effect, before anything is computed."""
        check_counts(self, "spectrum_size", "free_size", "driven_size", least=2)
        check_counts(self, "spectra", "driven_networks")
        check_counts(self, "free_networks", least=2)
        check_counts(self, "steps", "long_steps", least=20)
        check_counts(self, "seed", least=0)
        if not self.gains or self.gains[0] <= 0 or list(self.gains) != sorted(set(self.gains)):
            raise ValueError(f"--gains must be increasing numbers above 0; got {self.gains}: try 0.5 1 2")
        if self.newton_steps is not None:
            check_counts(self, "newton_steps", least=2)
            if self.full:
                raise ValueError(
                    f"--newton-steps {self.newton_steps} has no effect with --full, which takes {PUBLISHED_STEPS}: "
                    "leave one of them out"
                )

    @property
    def unrolled(self) -> int:
        """Steps that Newton's method evaluates at once."""
        return PUBLISHED_STEPS if self.full else self.newton_steps or STEPS
