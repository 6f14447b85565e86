"""Every public cell with a small factory: what the contract tests run over."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import get_origin

import jax
import jax.numpy as jnp

from recurrent import Cell, cells, parametrizations, wrappers
from recurrent.initializers import normal, zeros

INPUT, HIDDEN = 3, 4
TINY_LIQUID = {
    "inhibitory": 0.25,
    "membrane_ms": 2.0,
    "threshold_mv": 1.0,
    "reset_mv": -0.5,
    "refractory_ms": (1.0, 2.0),
    "trace_ms": 5.0,
    "strengths_na": ((3.0, 3.0), (3.0, 3.0)),
    "kernel_init": normal(3.0),
    "bias_init": zeros,
}
"""Fast neurons with strong inputs, which fire within a few steps."""

CELLS: dict[str, Callable[..., Cell]] = {
    **{
        f"elman-{activation}": lambda activation=activation, **kw: cells.elman(INPUT, HIDDEN, activation=activation, **kw)
        for activation in ("tanh", "sigmoid", "relu", "identity")
    },
    "elman-callable": lambda **kw: cells.elman(INPUT, HIDDEN, activation=jnp.arctan, **kw),
    "lstm": lambda **kw: cells.lstm(INPUT, HIDDEN, **kw),
    "lstm_variant": lambda **kw: cells.lstm_variant(INPUT, HIDDEN, **kw),
    "lstm_variant-1997": lambda **kw: cells.lstm_variant(INPUT, HIDDEN, forget_gate=None, peepholes=True, **kw),
    "lstm_variant-gates": lambda **kw: cells.lstm_variant(
        INPUT, HIDDEN, forget_gate="coupled", gate_recurrence=True, peepholes=True, **kw
    ),
    "lstm_variant-projected": lambda **kw: cells.lstm_variant(INPUT, HIDDEN, output_activation=False, projection_size=2, **kw),
    "mgu": lambda **kw: cells.mgu(INPUT, HIDDEN, **kw),
    "gru-before": lambda **kw: cells.gru(INPUT, HIDDEN, reset="before", **kw),
    "gru-after": lambda **kw: cells.gru(INPUT, HIDDEN, reset="after", **kw),
    "diagonal": lambda **kw: cells.diagonal(INPUT, HIDDEN, **kw),
    "lru": lambda **kw: cells.lru(INPUT, HIDDEN, **kw),
    "lru-dense": lambda **kw: cells.lru(INPUT, HIDDEN, output_size=2, skip="dense", **kw),
    "min_gru": lambda **kw: cells.min_gru(INPUT, HIDDEN, **kw),
    "min_gru-negative": lambda **kw: cells.min_gru(INPUT, HIDDEN, negative_eigenvalues=True, **kw),
    "min_lstm": lambda **kw: cells.min_lstm(INPUT, HIDDEN, candidate="positive", **kw),
    "slstm": lambda **kw: cells.slstm(INPUT, HIDDEN, **kw),
    "slstm-exp": lambda **kw: cells.slstm(INPUT, HIDDEN, forget="exp", **kw),
    "mlstm": lambda **kw: cells.mlstm(INPUT, HIDDEN, key_size=3, **kw),
    "delta_rule": lambda **kw: cells.delta_rule(INPUT, HIDDEN, key_size=3, **kw),
    "leaky": lambda **kw: cells.leaky(INPUT, HIDDEN, leak=(1.0, 0.7, 0.4, 0.1), **kw),
    "leaky-learned": lambda **kw: cells.leaky(INPUT, HIDDEN, leak=0.3, learned=True, **kw),
    "echo_state": lambda **kw: cells.echo_state(INPUT, HIDDEN, leak=0.6, input_scaling=(1.0, 0.5, 2.0), **kw),
    "time_skip": lambda **kw: cells.time_skip(INPUT, HIDDEN, (1, 3), **kw),
    "clockwork": lambda **kw: cells.clockwork(INPUT, HIDDEN, (1, 3), **kw),
    "output_recurrence": lambda **kw: cells.output_recurrence(INPUT, HIDDEN, 2, **kw),
    "liquid_state": lambda **kw: cells.liquid_state(INPUT, HIDDEN, **TINY_LIQUID, **kw),
    "liquid_state-static": lambda **kw: cells.liquid_state(INPUT, HIDDEN, synapses="static", **TINY_LIQUID, **kw),
    "neural_turing": lambda **kw: cells.neural_turing(INPUT, HIDDEN, 5, 3, read_heads=2, **kw),
    "neural_turing-gru": lambda **kw: cells.neural_turing(INPUT, HIDDEN, 5, 3, controller=cells.gru, write_heads=2, **kw),
    "emit_state": lambda **kw: wrappers.emit_state(cells.lstm(INPUT, HIDDEN, **kw)),
    "emit_both": lambda **kw: wrappers.emit_both(cells.gru(INPUT, HIDDEN, **kw)),
    "emit_with_input": lambda **kw: wrappers.emit_with_input(cells.gru(INPUT, HIDDEN, **kw)),
    "closed_loop": lambda **kw: wrappers.closed_loop(cells.elman(INPUT + 2, HIDDEN, **kw), HIDDEN, 2, **kw),
    "learned_state": lambda **kw: wrappers.learned_state(cells.lstm(INPUT, HIDDEN, **kw), scale=0.5),
    "stack": lambda **kw: wrappers.stack(cells.lstm(INPUT, 5, **kw), cells.elman(5, HIDDEN, **kw)),
    "residual": lambda **kw: wrappers.residual(cells.elman(INPUT, INPUT, **kw)),
    "residual-projected": lambda **kw: wrappers.residual(cells.elman(INPUT, HIDDEN, **kw), INPUT, HIDDEN, **kw),
    "dense_skip": lambda **kw: wrappers.dense_skip(cells.elman(INPUT, 2, **kw), cells.elman(INPUT + 2, HIDDEN, **kw)),
    "grouped": lambda **kw: wrappers.grouped(cells.elman(INPUT, 2, **kw), cells.lstm(INPUT, HIDDEN, **kw)),
    "dilated": lambda **kw: wrappers.dilated(cells.lstm(INPUT, HIDDEN, **kw), 2),
    "modrelu": lambda **kw: cells.modrelu(INPUT, HIDDEN, **kw),
    "reparametrized": lambda **kw: wrappers.reparametrized(cells.elman(INPUT, HIDDEN, **kw), parametrizations.exponential()),
    "reparametrized-svd": lambda **kw: wrappers.reparametrized(
        cells.gru(INPUT, HIDDEN, **kw), parametrizations.svd(0.3, parametrizations.cayley(negative=1))
    ),
    "reparametrized-householder": lambda **kw: wrappers.reparametrized(
        cells.modrelu(INPUT, HIDDEN, **kw), parametrizations.householder(3)
    ),
    "mlp_input": lambda **kw: wrappers.mlp_input(cells.elman(2, HIDDEN, **kw), (INPUT, 5, 2), **kw),
    "mlp_output": lambda **kw: wrappers.mlp_output(cells.elman(INPUT, HIDDEN, **kw), (HIDDEN, 5, 2), **kw),
    "deep_transition": lambda **kw: cells.deep_transition(INPUT, HIDDEN, (5,), shortcut=True, **kw),
    "dropout": lambda **kw: wrappers.dropout(cells.elman(INPUT, HIDDEN, **kw), 0.4, key=jax.random.key(5)),
    "variational_dropout": lambda **kw: wrappers.variational_dropout(
        cells.elman(INPUT, HIDDEN, **kw), 0.4, key=jax.random.key(6), where="input"
    ),
    "zoneout": lambda **kw: wrappers.zoneout(cells.lstm(INPUT, HIDDEN, **kw), 0.3, key=jax.random.key(7)),
    "gaussian_noise": lambda **kw: wrappers.gaussian_noise(cells.lstm(INPUT, HIDDEN, **kw), 0.3, key=jax.random.key(8)),
    "layer_norm_lstm": lambda **kw: cells.layer_norm_lstm(INPUT, HIDDEN, **kw),
    "layer_norm_gru": lambda **kw: cells.layer_norm_gru(INPUT, HIDDEN, **kw),
}

OPTIONS = {
    "elman-sigmoid",
    "elman-relu",
    "elman-identity",
    "elman-callable",
    "lstm_variant",
    "lstm_variant-1997",
    "lstm_variant-projected",
    "lru-dense",
    "min_gru-negative",
    "leaky-learned",
    "slstm-exp",
    "neural_turing-gru",
    "liquid_state-static",
    "residual-projected",
    "variational_dropout",
    "reparametrized-svd",
    "reparametrized-householder",
}
"""Cells that differ from another entry in an option: the contract is repeated for them with `-m slow`."""

VARIANTS = OPTIONS | {
    "layer_norm_gru",
    "emit_both",
    "emit_with_input",
    "closed_loop",
    "residual",
    "dense_skip",
    "grouped",
    "dilated",
    "mlp_input",
    "mlp_output",
    "zoneout",
    "gaussian_noise",
    "reparametrized",
}
"""And cells like another one, and wrappers whose own tests say what they compute: of those, gradients are checked always."""

KINDS = {"elman-tanh", "lstm", "lru", "mlstm", "stack", "dropout", "learned_state", "output_recurrence"}
"""One cell of each kind of state: an array, a pair, complex numbers, a matrix, a tree, random keys, a parameter, an output."""

LINEAR = {"diagonal", "lru", "lru-dense", "min_gru", "min_gru-negative", "min_lstm", "delta_rule"}
"""Cells that have a linear form."""

NOT_A_PLAIN_CELL = {"clip_state_gradients"}
"""Returns a cell whose gradient is deliberately not that of its step; tested on its own."""


def cell_makers(room: ModuleType) -> list[str]:
    """The names in a room of the functions that return a cell."""
    functions = {name: getattr(room, name) for name in room.__all__ if inspect.isfunction(getattr(room, name))}
    returned = {name: inspect.signature(made).return_annotation for name, made in functions.items()}
    return [name for name, kind in returned.items() if (get_origin(kind) or kind) is Cell]
