"""What the experiments share."""

from tests.mutants.mutant import Mutant

_INTERVALS, _CHECKS = ("test_intervals.py",), ("test_checks.py",)
_SOLVING, _SOLVING_FILE = "test_solving.py::", "experiments/common/solving.py"

MUTANTS = (
    Mutant(
        "an interval that passes by its upper bound",
        "experiments/common/checks.py",
        "passed = bool(found.low >= target)",
        "passed = bool(found.high >= target)",
        _CHECKS,
    ),
    Mutant(
        "what is exactly equal is above",
        "experiments/common/checks.py",
        "bool(found.low > target)",
        "bool(found.low >= target)",
        _CHECKS,
    ),
    Mutant(
        "what is measured after training has the key of an update",
        _SOLVING_FILE,
        "fold_in(jax.random.key(seed), 4)",
        "fold_in(jax.random.key(seed), 1)",
        (f"{_SOLVING}test_what_is_measured_after_training_has_keys_of_its_own",),
    ),
    Mutant(
        "a full size that is asked for by its values has no verdict",
        "experiments/common/options.py",
        "return at_full_size(closed, changes) in",
        "return closed in",
        ("test_full_size.py::test_every_full_size_has_a_verdict",),
    ),
    Mutant(
        "a criterion that NaN meets",
        "experiments/common/checks.py",
        "bool(found <= target))",
        "bool(not found > target))",
        _CHECKS,
    ),
    Mutant(
        "an interval of the sample instead of its mean",
        "experiments/common/intervals.py",
        " / len(values) ** 0.5)",
        ")",
        _INTERVALS,
    ),
    Mutant(
        "an interval with the population's standard deviation",
        "experiments/common/intervals.py",
        "values.std(ddof=1)",
        "values.std()",
        _INTERVALS,
    ),
    Mutant(
        "items of one group drawn one by one",
        "experiments/common/intervals.py",
        "np.arange(len(values)) if groups is None else groups",
        "np.arange(len(values))",
        _INTERVALS,
    ),
    Mutant(
        "a share's interval without the correction of its middle",
        "experiments/common/intervals.py",
        "centre = (share + square / 2) / (1 + square)",
        "centre = share",
        _INTERVALS,
    ),
    Mutant(
        "a difference of shares with the bounds of the wrong side",
        "experiments/common/intervals.py",
        "np.hypot(first.middle - first.low, second.high - second.middle)",
        "np.hypot(first.middle - first.low, second.middle - second.low)",
        _INTERVALS,
    ),
    Mutant(
        "steps are clipped instead of gradients",
        _SOLVING_FILE,
        "optax.chain(clip_by_global_norm(self.clip), chosen)",
        "optax.chain(chosen, clip_by_global_norm(self.clip))",
        (f"{_SOLVING}test_a_descent_is_that_of_the_formulas",),
    ),
    Mutant(
        "a rate that should fall stays",
        _SOLVING_FILE,
        "optax.cosine_decay_schedule(rate, self.falls_over)",
        "rate",
        (f"{_SOLVING}test_a_descent_is_that_of_the_formulas",),
    ),
    Mutant(
        "free parameters learn as fast as the others",
        _SOLVING_FILE,
        "self._by_kind(self.free * rate), self._by_kind(rate)",
        "self._by_kind(rate), self._by_kind(rate)",
        (f"{_SOLVING}test_a_descent_is_that_of_the_formulas",),
    ),
    Mutant(
        "of several lengths only the first is trained",
        _SOLVING_FILE,
        "(count,), 0, len(setting.lengths)))",
        "(count,), 0, 1))",
        (f"{_SOLVING}test_a_training_is_a_loop_of_updates_with_a_length_drawn_before_every_test",),
    ),
    Mutant(
        "every stretch of updates sees the same sequences",
        _SOLVING_FILE,
        "jax.random.fold_in(k_updates, i)",
        "jax.random.fold_in(k_updates, 0)",
        (f"{_SOLVING}test_networks_sequences_and_tests_are_those_of_the_seed_whatever_is_minimised",),
    ),
    Mutant(
        "a test that is passed is not confirmed",
        _SOLVING_FILE,
        "if setting.confirmed and found[2]:",
        "if setting.confirmed and not found[2]:",
        (f"{_SOLVING}test_a_test_that_is_passed_counts_only_if_a_larger_one_is",),
    ),
    Mutant(
        "solved after the last test instead of the first one that is passed",
        _SOLVING_FILE,
        "self.updates[self.solved.argmax()]",
        "self.updates[-1]",
        (f"{_SOLVING}test_a_training_ends_at_the_first_test_that_is_passed",),
    ),
)
