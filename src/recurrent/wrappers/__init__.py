"""Functions from cells to cells: depth, what is read and emitted, noise, where the state starts, clipping on the way back."""

from recurrent.wrappers._clip_state_gradients import clip_state_gradients
from recurrent.wrappers._emit import emit_both, emit_state
from recurrent.wrappers._learned_state import LearnedStateParams, learned_state
from recurrent.wrappers._mlp import MLPCellParams, mlp_input, mlp_output
from recurrent.wrappers._noise import NoiseState, dropout, variational_dropout, zoneout
from recurrent.wrappers._residual import ResidualParams, residual
from recurrent.wrappers._stack import dense_skip, grouped, stack

__all__ = [
    "LearnedStateParams",
    "MLPCellParams",
    "NoiseState",
    "ResidualParams",
    "clip_state_gradients",
    "dense_skip",
    "dropout",
    "emit_both",
    "emit_state",
    "grouped",
    "learned_state",
    "mlp_input",
    "mlp_output",
    "residual",
    "stack",
    "variational_dropout",
    "zoneout",
]
