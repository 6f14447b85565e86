"""A functional JAX laboratory for recurrent networks: cells, explicit backpropagation through time, gradient flow."""

from recurrent.bptt import Gradients, Trace, backpropagate
from recurrent.cells.elman import ElmanParams, elman, elman_adjoint
from recurrent.cells.gru import GRUParams, ResetAfterGRUParams, gru, gru_adjoint
from recurrent.cells.layer_norm import LayerNormGRUParams, LayerNormLSTMParams, layer_norm_gru, layer_norm_lstm
from recurrent.cells.linear import DiagonalParams, diagonal
from recurrent.cells.lru import LRUParams, LRUState, lru
from recurrent.cells.lstm import LSTMParams, LSTMState, lstm, lstm_adjoint
from recurrent.cells.minimal import MinGRUParams, MinLSTMParams, min_gru, min_lstm
from recurrent.cells.output_recurrence import OutputRecurrenceParams, output_recurrence, teacher_forced
from recurrent.checking import check_gradients
from recurrent.checkpoints import Checkpoints, restore_checkpoint, save_checkpoint
from recurrent.clipping import clip_by_global_norm, clip_by_tensor_norm, raise_if_nonfinite
from recurrent.combine import clip_state_gradients, count_parameters, emit_both, emit_state, learned_state
from recurrent.flow.decay import decay_rate, gradient_decay, vanishing_bound
from recurrent.flow.jacobians import step_jacobians, transport
from recurrent.flow.lyapunov import lyapunov_spectrum
from recurrent.flow.nonfinite import explain_nonfinite, first_nonfinite_step
from recurrent.flow.paths import path_shares
from recurrent.flow.regularizer import flow_regularizer
from recurrent.flow.report import describe
from recurrent.flow.states import (
    Run,
    state_gradients,
    temporal_contributions,
    truncation_bias,
)
from recurrent.initializers import flax_like, irnn, keras_like, torch_like
from recurrent.loop import fit
from recurrent.noise import NoiseState, dropout, variational_dropout, zoneout
from recurrent.parallel.driver import scanned_parallel, unroll_parallel
from recurrent.parallel.newton import Convergence
from recurrent.sequences import lengths_to_mask
from recurrent.spectra import spectral_radius
from recurrent.stacking import ResidualParams, dense_skip, grouped, residual, stack
from recurrent.training import EarlyStopping, TrainState, evaluate, init_train_state, make_optimizer, make_train_step
from recurrent.transition import DeepTransitionParams, MLPCellParams, deep_transition, mlp_input, mlp_output
from recurrent.types import Adjoint, Cell, Layer, LinearForm
from recurrent.unrolling import unroll, unroll_truncated

__all__ = [
    "Adjoint",
    "Cell",
    "Checkpoints",
    "Convergence",
    "DeepTransitionParams",
    "DiagonalParams",
    "EarlyStopping",
    "ElmanParams",
    "GRUParams",
    "Gradients",
    "LRUParams",
    "LRUState",
    "LSTMParams",
    "LSTMState",
    "Layer",
    "LayerNormGRUParams",
    "LayerNormLSTMParams",
    "LinearForm",
    "MLPCellParams",
    "MinGRUParams",
    "MinLSTMParams",
    "NoiseState",
    "OutputRecurrenceParams",
    "ResetAfterGRUParams",
    "ResidualParams",
    "Run",
    "Trace",
    "TrainState",
    "backpropagate",
    "check_gradients",
    "clip_by_global_norm",
    "clip_by_tensor_norm",
    "clip_state_gradients",
    "count_parameters",
    "decay_rate",
    "deep_transition",
    "dense_skip",
    "describe",
    "diagonal",
    "dropout",
    "elman",
    "elman_adjoint",
    "emit_both",
    "emit_state",
    "evaluate",
    "explain_nonfinite",
    "first_nonfinite_step",
    "fit",
    "flax_like",
    "flow_regularizer",
    "gradient_decay",
    "grouped",
    "gru",
    "gru_adjoint",
    "init_train_state",
    "irnn",
    "keras_like",
    "layer_norm_gru",
    "layer_norm_lstm",
    "learned_state",
    "lengths_to_mask",
    "lru",
    "lstm",
    "lstm_adjoint",
    "lyapunov_spectrum",
    "make_optimizer",
    "make_train_step",
    "min_gru",
    "min_lstm",
    "mlp_input",
    "mlp_output",
    "output_recurrence",
    "path_shares",
    "raise_if_nonfinite",
    "residual",
    "restore_checkpoint",
    "save_checkpoint",
    "scanned_parallel",
    "spectral_radius",
    "stack",
    "state_gradients",
    "step_jacobians",
    "teacher_forced",
    "temporal_contributions",
    "torch_like",
    "transport",
    "truncation_bias",
    "unroll",
    "unroll_parallel",
    "unroll_truncated",
    "vanishing_bound",
    "variational_dropout",
    "zoneout",
]
