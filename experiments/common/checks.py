"""Criteria of a claim, and what a run measured beside them."""

from typing import NamedTuple

from experiments.common.intervals import Interval


class Check(NamedTuple):
    """One acceptance criterion and what was measured."""

    name: str
    measured: float
    criterion: str
    passed: bool
    low: float | None = None
    high: float | None = None

    @property
    def found(self) -> str:
        """What was measured, with its interval if there is one."""
        return f"{self.measured:.6g}" if self.low is None else f"{self.measured:.4g} [{self.low:.4g}, {self.high:.4g}]"

    def __str__(self) -> str:
        """One line with the verdict first."""
        return f"{'pass' if self.passed else 'FAIL'}  {self.name}: {self.found} ({self.criterion})"


def at_least(name: str, found: float | Interval, target: float) -> Check:
    """Passes if a number, or the lower bound of an interval, is at least the target; NaN fails."""
    if isinstance(found, Interval):
        passed = bool(found.low >= target)
        return Check(name, found.middle, f"lower bound at least {target:g}", passed, found.low, found.high)
    return Check(name, float(found), f"at least {target:g}", bool(found >= target))


def above(name: str, found: Interval, target: float = 0.0) -> Check:
    """Passes if the lower bound of an interval is above the target, so that what is exactly equal fails, as NaN does."""
    passed = bool(found.low > target)
    return Check(name, found.middle, f"lower bound above {target:g}", passed, found.low, found.high)


def at_most(name: str, found: float | Interval, target: float) -> Check:
    """Passes if a number, or the upper bound of an interval, is at most the target; NaN fails."""
    if isinstance(found, Interval):
        passed = bool(found.high <= target)
        return Check(name, found.middle, f"upper bound at most {target:g}", passed, found.low, found.high)
    return Check(name, float(found), f"at most {target:g}", bool(found <= target))


def verdict(checks: list[Check]) -> str:
    """What the criteria say of the claim, in one line."""
    if not checks:
        return "verdict: none, for the criteria are stated for other options"
    missed = sum(not check.passed for check in checks)
    if missed:
        return f"verdict: the claim is NOT met by this run, which misses {missed} of {len(checks)} criteria"
    return f"verdict: the claim holds, all {len(checks)} criteria are met"
