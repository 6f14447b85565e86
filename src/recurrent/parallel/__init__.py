"""Evaluation in parallel over time: associative scans of linear recurrences, Newton iterations of any other."""

from recurrent.parallel._associative import linear_scan
from recurrent.parallel._newton import Convergence
from recurrent.parallel._unroll import Method, takes_one_scan, unroll_parallel

__all__ = [
    "Convergence",
    "Method",
    "linear_scan",
    "takes_one_scan",
    "unroll_parallel",
]
