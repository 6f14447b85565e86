"""Backpropagation through time: the backward pass derived from the step, run over sequences, to be read and looked into.

It stands behind `backprop="explicit"`: the backward pass is then a program of its own, with phases, states and deltas that can
be named, kept and printed, where autodiff leaves them inside of a transposed loop. The derivative of one step is traced and
sorted (`_program`, `_split`): `project` needs no state and runs before the loop over time, `advance` is the loop, `emit` feeds
no state and runs after it; going back, `absorb`, `retreat` and `collect` are their transposes (`_phases`). `_engine` runs them
over a sequence, in chunks (`_chunks`), `_segments` with checkpoints; `record` keeps a run for `recurrent.flow`. What is kept of
every step is the cheapest set from which the rest is made again (`_cut`). Any step that autodiff can differentiate can be
taken apart; one whose rows see each other is mapped over time instead of laid out in rows (`_rows`), which costs speed alone.
"""

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
