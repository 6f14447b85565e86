"""Every public cell with a small factory: what the contract tests run over."""

from collections.abc import Callable

import jax
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
    "diagonal": lambda **kw: recurrent.diagonal(INPUT, HIDDEN, **kw),
    "lru": lambda **kw: recurrent.lru(INPUT, HIDDEN, **kw),
    "lru-dense": lambda **kw: recurrent.lru(INPUT, HIDDEN, output_size=2, skip="dense", **kw),
    "min_gru": lambda **kw: recurrent.min_gru(INPUT, HIDDEN, **kw),
    "min_lstm": lambda **kw: recurrent.min_lstm(INPUT, HIDDEN, candidate="positive", **kw),
    "output_recurrence": lambda **kw: recurrent.output_recurrence(INPUT, HIDDEN, 2, **kw),
    "emit_state": lambda **kw: recurrent.emit_state(recurrent.lstm(INPUT, HIDDEN, **kw)),
    "emit_both": lambda **kw: recurrent.emit_both(recurrent.gru(INPUT, HIDDEN, **kw)),
    "learned_state": lambda **kw: recurrent.learned_state(recurrent.lstm(INPUT, HIDDEN, **kw), scale=0.5),
    "stack": lambda **kw: recurrent.stack(recurrent.lstm(INPUT, 5, **kw), recurrent.elman(5, HIDDEN, **kw)),
    "residual": lambda **kw: recurrent.residual(recurrent.elman(INPUT, INPUT, **kw)),
    "residual-projected": lambda **kw: recurrent.residual(recurrent.elman(INPUT, HIDDEN, **kw), INPUT, HIDDEN, **kw),
    "dense_skip": lambda **kw: recurrent.dense_skip(recurrent.elman(INPUT, 2, **kw), recurrent.elman(INPUT + 2, HIDDEN, **kw)),
    "grouped": lambda **kw: recurrent.grouped(recurrent.elman(INPUT, 2, **kw), recurrent.lstm(INPUT, HIDDEN, **kw)),
    "mlp_input": lambda **kw: recurrent.mlp_input(recurrent.elman(2, HIDDEN, **kw), (INPUT, 5, 2), **kw),
    "mlp_output": lambda **kw: recurrent.mlp_output(recurrent.elman(INPUT, HIDDEN, **kw), (HIDDEN, 5, 2), **kw),
    "deep_transition": lambda **kw: recurrent.deep_transition(INPUT, HIDDEN, (5,), shortcut=True, **kw),
    "dropout": lambda **kw: recurrent.dropout(recurrent.elman(INPUT, HIDDEN, **kw), 0.4, key=jax.random.key(5)),
    "variational_dropout": lambda **kw: recurrent.variational_dropout(
        recurrent.elman(INPUT, HIDDEN, **kw), 0.4, key=jax.random.key(6), where="input"
    ),
    "zoneout": lambda **kw: recurrent.zoneout(recurrent.lstm(INPUT, HIDDEN, **kw), 0.3, key=jax.random.key(7)),
    "layer_norm_lstm": lambda **kw: recurrent.layer_norm_lstm(INPUT, HIDDEN, **kw),
    "layer_norm_gru": lambda **kw: recurrent.layer_norm_gru(INPUT, HIDDEN, **kw),
}

VARIANTS = {
    "elman-sigmoid",
    "elman-relu",
    "elman-identity",
    "elman-callable",
    "lru-dense",
    "residual-projected",
    "variational_dropout",
}
"""Cells that differ from another entry in an option: tests of gradients run over them always, the others with `-m slow`."""

FACTORIES = {
    "elman",
    "emit_both",
    "emit_state",
    "gru",
    "learned_state",
    "lstm",
    "stack",
    "residual",
    "dense_skip",
    "grouped",
    "mlp_input",
    "mlp_output",
    "deep_transition",
    "dropout",
    "variational_dropout",
    "zoneout",
    "layer_norm_lstm",
    "layer_norm_gru",
    "diagonal",
    "lru",
    "min_gru",
    "min_lstm",
    "output_recurrence",
}
"""The public functions that return cells and stand in `CELLS`."""

NOT_A_PLAIN_CELL = {"clip_state_gradients"}
"""Returns a cell whose gradient is deliberately not that of its step; tested on its own."""
