"""Options of `liquid`."""

import dataclasses

from experiments.common.options import check_counts, check_positive
from experiments.liquid.columns import TRACE_MS
from experiments.liquid.telling import Split


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    liquids: int = 10
    """Columns, each with pairs, templates and sequences of its own."""
    neurons: int = 135
    """Neurons of a column, a fifth of them inhibitory."""
    distances: tuple[float, ...] = (0.0, 0.1, 0.2, 0.4)
    """Distances of pairs of spike trains, increasing from 0."""
    pairs: int = 200
    """Pairs at every distance."""
    segment_ms: int = 250
    """Milliseconds of one of the four segments of a pattern."""
    jitter_ms: float = 4.0
    """Standard deviation by which every spike of a template is moved."""
    training: int = 1000
    """Sequences that readouts are fitted to."""
    validation: int = 300
    """Sequences on which penalties and filters are chosen."""
    test: int = 500
    """Sequences that are scored."""
    filters_ms: tuple[float, ...] = (5.0, 10.0, 20.0, 30.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)
    """Time constants that the filter of the input is chosen from; 30 is that of the liquid."""
    seed: int = 0
    """Seed of columns, spike trains and initial states."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "pairs", "segment_ms", "validation", "test")
        check_counts(self, "liquids", "training", least=2)
        check_counts(self, "neurons", least=5)
        check_counts(self, "seed", least=0)
        check_positive(self, "jitter_ms")
        if self.distances[:1] != (0.0,) or len(self.distances) < 2 or list(self.distances) != sorted(set(self.distances)):
            raise ValueError(f"--distances must increase from 0 and be two or more; got {self.distances}: try 0 0.2 0.4")
        if TRACE_MS not in self.filters_ms or min(self.filters_ms) <= 0:
            raise ValueError(f"--filters-ms must be positive, and {TRACE_MS:g} among them; got {self.filters_ms}")

    @property
    def split(self) -> Split:
        """How sequences are divided."""
        return Split(self.training, self.validation, self.test)
