"""The driver: one cell over one sequence."""

from recurrent.unrolling._unroll import Backprop, unroll, unroll_truncated

__all__ = [
    "Backprop",
    "unroll",
    "unroll_truncated",
]
