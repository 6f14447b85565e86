"""Backpropagation through time: the backward pass derived from the step, run over sequences, to be read and looked into."""

from recurrent.bptt._buffers import read as read_step
from recurrent.bptt._check import GradientReport, LeafReport, check_gradients
from recurrent.bptt._engine import masked
from recurrent.bptt._explicit import Gradients, Trace, backpropagate, explicit_scan, filled, inexact, inexact_cotangents
from recurrent.bptt._record import Recorded, Sweep, add_scaled, record, step_contributions, sweep

__all__ = [
    "GradientReport",
    "Gradients",
    "LeafReport",
    "Recorded",
    "Sweep",
    "Trace",
    "add_scaled",
    "backpropagate",
    "check_gradients",
    "explicit_scan",
    "filled",
    "inexact",
    "inexact_cotangents",
    "masked",
    "read_step",
    "record",
    "step_contributions",
    "sweep",
]
