"""Every public cell with a small factory: what the contract tests run over."""

from collections.abc import Callable

import jax.numpy as jnp

import recurrent
from recurrent.types import Cell

INPUT, HIDDEN = 3, 4

CELLS: dict[str, Callable[..., Cell]] = {
    **{
        f"elman-{activation}": lambda activation=activation, **kw: recurrent.elman(INPUT, HIDDEN, activation=activation, **kw)
        for activation in ("tanh", "sigmoid", "relu", "identity")
    },
    "elman-callable": lambda **kw: recurrent.elman(INPUT, HIDDEN, activation=jnp.arctan, **kw),
    "lstm": lambda **kw: recurrent.lstm(INPUT, HIDDEN, **kw),
    "gru-before": lambda **kw: recurrent.gru(INPUT, HIDDEN, reset="before", **kw),
    "gru-after": lambda **kw: recurrent.gru(INPUT, HIDDEN, reset="after", **kw),
    "emit_state": lambda **kw: recurrent.emit_state(recurrent.lstm(INPUT, HIDDEN, **kw)),
    "emit_both": lambda **kw: recurrent.emit_both(recurrent.gru(INPUT, HIDDEN, **kw)),
    "learned_state": lambda **kw: recurrent.learned_state(recurrent.lstm(INPUT, HIDDEN, **kw), scale=0.5),
}

FACTORIES = {"elman", "lstm", "gru", "emit_state", "emit_both", "learned_state"}
"""The public functions that return cells and stand in `CELLS`."""

NOT_A_PLAIN_CELL = {"clip_state_gradients"}
"""Returns a cell whose gradient is deliberately not that of its step; tested on its own."""
