"""Functions from cells to cells: depth, what is read and emitted, noise, where the state starts, clipping on the way back.

A noisy cell is pure: its key goes into the initial state, one stream per row of the batch, and the state carries it on. So a
masked step draws nothing, a run in two halves draws what one run draws, and a reset starts the noise of its row again.
Build the cell where the key is, inside the function that is compiled:

    def loss(params, key, xs):
        cell = dropout(lstm(3, 64), 0.2, key=key)
        return error(unroll(cell, params, xs)[1])

A state that is carried from one window to the next carries its stream on, too: a new key starts with the next reset or initial
state, and a mask drawn by sequence holds until then.

The rows of a batch have streams of their own. Under `jax.vmap` over the batch there is one row and one key: map over
`jax.random.split(key, batch)` as well, and build the cell inside, or all rows draw the same numbers.

With `key=None` it is the deterministic cell for evaluation. Parameters are those of the cell inside. Two wrappers with the same
key draw the same numbers: split it.
"""

from recurrent.wrappers._clip_state_gradients import clip_state_gradients
from recurrent.wrappers._closed_loop import ClosedLoopParams, ClosedLoopState, closed_loop
from recurrent.wrappers._dilated import dilated
from recurrent.wrappers._emit import emit_both, emit_state, emit_with_input
from recurrent.wrappers._learned_state import LearnedStateParams, learned_state
from recurrent.wrappers._mlp import MLPCellParams, mlp_input, mlp_output
from recurrent.wrappers._noise import NoiseState, dropout, gaussian_noise, variational_dropout, zoneout
from recurrent.wrappers._reparametrized import ReparametrizedParams, reparametrized, with_kernel
from recurrent.wrappers._residual import ResidualParams, residual
from recurrent.wrappers._stack import dense_skip, grouped, stack

__all__ = [
    "ClosedLoopParams",
    "ClosedLoopState",
    "LearnedStateParams",
    "MLPCellParams",
    "NoiseState",
    "ReparametrizedParams",
    "ResidualParams",
    "clip_state_gradients",
    "closed_loop",
    "dense_skip",
    "dilated",
    "dropout",
    "emit_both",
    "emit_state",
    "emit_with_input",
    "gaussian_noise",
    "grouped",
    "learned_state",
    "mlp_input",
    "mlp_output",
    "reparametrized",
    "residual",
    "stack",
    "variational_dropout",
    "with_kernel",
    "zoneout",
]
