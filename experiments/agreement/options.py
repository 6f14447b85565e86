"""The options of `agreement`."""

import dataclasses

from experiments.agreement.sentences import MOST, SHORTEST
from experiments.common.options import check_counts


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    longest: int = 40
    """Largest number of words between subject and reflexive in training; every number from 1 on is equally likely."""
    test_longest: int = 60
    """Largest number of words between them in the test; beyond `longest` the networks have to extrapolate."""
    hidden_size: int = 32
    """Units of every network."""
    batch_size: int = 32
    """Sentences per update, all fresh."""
    updates: int = 1500
    """Updates per training; the n-gram counts the very sentences that a network sees."""
    validation_sentences: int = 2000
    """Fresh sentences on which learning rates and the order of the n-gram are chosen, per seed."""
    test_sentences: int = 240
    """Fresh sentences per distance and seed, balanced."""
    tuning_seeds: int = 2
    """Seeds on which learning rates and the order are chosen; they are not tested."""
    seeds: int = 8
    """Seeds that are tested."""
    seed: int = 0
    """Seed of all of them."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "hidden_size", "batch_size", "updates", "validation_sentences", "tuning_seeds")
        check_counts(self, "seeds", least=2)
        check_counts(self, "longest", least=SHORTEST)
        check_counts(self, "seed", least=0)
        if self.test_longest <= self.longest:
            raise ValueError(f"--test-longest must be above --longest {self.longest}; got {self.test_longest}")
        if self.test_sentences < 1 or self.test_sentences % (4 * MOST):
            raise ValueError(f"--test-sentences must be a multiple of {4 * MOST}; got {self.test_sentences}: try 240")
