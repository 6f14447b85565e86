"""Backpropagation through time: the backward pass derived from the step, and run over sequences."""

from recurrent.bptt._engine import masked
from recurrent.bptt._explicit import Gradients, Trace, backpropagate, explicit_scan, filled, inexact, inexact_cotangents
from recurrent.bptt._record import Recorded, Sweep, add_scaled, record, step_contributions, sweep

__all__ = [
    "Gradients",
    "Recorded",
    "Sweep",
    "Trace",
    "add_scaled",
    "backpropagate",
    "explicit_scan",
    "filled",
    "inexact",
    "inexact_cotangents",
    "masked",
    "record",
    "step_contributions",
    "sweep",
]
