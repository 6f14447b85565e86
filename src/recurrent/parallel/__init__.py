"""Evaluation in parallel over time: associative scans of linear recurrences, over devices too, Newton iterations of others."""

from recurrent.parallel._associative import linear_scan
from recurrent.parallel._newton import Convergence
from recurrent.parallel._over_devices import communicated_bytes, unroll_over_devices
from recurrent.parallel._unroll import Method, takes_one_scan, unroll_parallel

__all__ = [
    "Convergence",
    "Method",
    "communicated_bytes",
    "linear_scan",
    "takes_one_scan",
    "unroll_over_devices",
    "unroll_parallel",
]
