"""A functional JAX laboratory for recurrent networks: cells, explicit backpropagation through time, gradient flow.

The names that most programs need stand here; all others are in the rooms: `recurrent.cells`, `recurrent.wrappers`,
`recurrent.unrolling`, `recurrent.layers`, `recurrent.seq2seq`, `recurrent.parallel`, `recurrent.bptt`, `recurrent.flow`,
`recurrent.train`, `recurrent.data`, `recurrent.initializers`, `recurrent.parametrizations`, `recurrent.activations`,
`recurrent.losses`, `recurrent.memories`, `recurrent.readouts`, `recurrent.tasks`, `recurrent.trees`.
"""

from recurrent import (
    activations,
    bptt,
    cells,
    data,
    exporting,
    flow,
    initializers,
    layers,
    losses,
    memories,
    parallel,
    parametrizations,
    readouts,
    seq2seq,
    tasks,
    train,
    trees,
    unrolling,
    wrappers,
)
from recurrent.bptt import backpropagate, check_gradients
from recurrent.cells import elman, gru, lru, lstm, min_gru
from recurrent.flow import describe, gradient_decay, spectral_radius
from recurrent.layers import bidirectional, scanned, serial
from recurrent.parallel import unroll_parallel
from recurrent.pytrees import count_parameters
from recurrent.sequences import lengths_to_mask
from recurrent.train import clip_by_global_norm, fit, init_train_state, make_optimizer, make_train_step
from recurrent.types import Adjoint, Cell, Layer, LinearForm
from recurrent.unrolling import unroll, unroll_truncated
from recurrent.wrappers import dropout, emit_state, learned_state, residual, stack

__version__ = "0.1.0"

exporting.register(
    bptt, cells, data, flow, layers, memories, parallel, parametrizations, readouts, seq2seq, tasks, train, trees, wrappers
)

__all__ = [
    "Adjoint",
    "Cell",
    "Layer",
    "LinearForm",
    "activations",
    "backpropagate",
    "bidirectional",
    "bptt",
    "cells",
    "check_gradients",
    "clip_by_global_norm",
    "count_parameters",
    "data",
    "describe",
    "dropout",
    "elman",
    "emit_state",
    "fit",
    "flow",
    "gradient_decay",
    "gru",
    "init_train_state",
    "initializers",
    "layers",
    "learned_state",
    "lengths_to_mask",
    "losses",
    "lru",
    "lstm",
    "make_optimizer",
    "make_train_step",
    "memories",
    "min_gru",
    "parallel",
    "parametrizations",
    "readouts",
    "residual",
    "scanned",
    "seq2seq",
    "serial",
    "spectral_radius",
    "stack",
    "tasks",
    "train",
    "trees",
    "unrolling",
    "unroll",
    "unroll_parallel",
    "unroll_truncated",
    "wrappers",
]
