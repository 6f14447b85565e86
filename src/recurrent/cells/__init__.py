"""Recurrent cells: factories that return a `Cell`, and the equations they are made of.

Every factory takes sizes first: `input_size` features of x_t, `hidden_size` units. The options of all cells are keywords:

    kernel_init     initialiser of U, what leads from x_t; called per gate unless `recurrent.initializers.Fused`
    recurrent_init  initialiser of W, what leads from the state; likewise
    bias_init       initialiser of the biases, called per gate
    dtype           of the matrix products; that of the parameters by default. The state is at least float32
    param_dtype     of the parameters

A size that is not a positive integer, params of another cell, and inputs of another width are refused with a ValueError. A
recurrence of your own is `Cell(init, initial_state, step)`; `check_gradients` proves its gradient.
"""

from recurrent.cells._addressing import content_weights, sharpened, shifted
from recurrent.cells._clockwork import ClockworkParams, ClockworkState, clockwork, clockwork_step
from recurrent.cells._column import column, connection_probabilities, exponential_strengths
from recurrent.cells._deep_transition import DeepTransitionParams, deep_transition, deep_transition_step
from recurrent.cells._delta_rule import (
    DeltaRuleParams,
    delta_rule,
    delta_rule_coefficients,
    delta_rule_output,
    delta_rule_step,
)
from recurrent.cells._echo_state import diagonalized, echo_state
from recurrent.cells._elman import ElmanDeltas, ElmanParams, ElmanTape, elman, elman_adjoint, elman_step
from recurrent.cells._gru import (
    GRUDeltas,
    GRUGates,
    GRUParams,
    GRUTape,
    ResetAfterGRUParams,
    gru,
    gru_adjoint,
    gru_step,
    split_gru_gates,
)
from recurrent.cells._layer_norm import (
    LayerNormGRUParams,
    LayerNormLSTMParams,
    layer_norm,
    layer_norm_gru,
    layer_norm_gru_step,
    layer_norm_lstm,
    layer_norm_lstm_step,
)
from recurrent.cells._leaky import LeakyParams, leaky, leaky_step
from recurrent.cells._linear import DiagonalParams, diagonal, diagonal_coefficients
from recurrent.cells._liquid_state import (
    LiquidConstants,
    LiquidState,
    LiquidStateParams,
    liquid_state,
    liquid_state_step,
)
from recurrent.cells._lru import LRUParams, LRUState, lru, lru_coefficients, lru_output
from recurrent.cells._lstm import (
    LSTMDeltas,
    LSTMGates,
    LSTMParams,
    LSTMState,
    LSTMTape,
    lstm,
    lstm_adjoint,
    lstm_step,
    split_lstm_gates,
)
from recurrent.cells._lstm_variant import LSTMStateWithGates, LSTMVariantParams, lstm_variant, lstm_variant_step
from recurrent.cells._mgu import MGUParams, mgu, mgu_step
from recurrent.cells._minimal import (
    MinGRUParams,
    MinLSTMParams,
    min_gru,
    min_gru_coefficients,
    min_lstm,
    min_lstm_coefficients,
)
from recurrent.cells._mlstm import MLSTMParams, MLSTMState, mlstm, mlstm_parallel, mlstm_step
from recurrent.cells._modrelu import modrelu, modrelu_step
from recurrent.cells._neural_turing import NeuralTuringParams, NeuralTuringState, neural_turing, neural_turing_step
from recurrent.cells._output_recurrence import (
    OutputRecurrenceParams,
    output_recurrence,
    output_recurrence_step,
    teacher_forced,
)
from recurrent.cells._slstm import SLSTMParams, SLSTMState, slstm, slstm_step
from recurrent.cells._time_skip import TimeSkipParams, time_skip, time_skip_step

__all__ = [
    "ClockworkParams",
    "ClockworkState",
    "DeepTransitionParams",
    "DeltaRuleParams",
    "DiagonalParams",
    "ElmanDeltas",
    "ElmanParams",
    "ElmanTape",
    "GRUDeltas",
    "GRUGates",
    "GRUParams",
    "GRUTape",
    "LRUParams",
    "LRUState",
    "LSTMDeltas",
    "LSTMGates",
    "LSTMParams",
    "LSTMState",
    "LSTMStateWithGates",
    "LSTMTape",
    "LSTMVariantParams",
    "LayerNormGRUParams",
    "LayerNormLSTMParams",
    "LeakyParams",
    "LiquidConstants",
    "LiquidState",
    "LiquidStateParams",
    "MGUParams",
    "MLSTMParams",
    "MLSTMState",
    "MinGRUParams",
    "MinLSTMParams",
    "NeuralTuringParams",
    "NeuralTuringState",
    "OutputRecurrenceParams",
    "ResetAfterGRUParams",
    "SLSTMParams",
    "SLSTMState",
    "TimeSkipParams",
    "clockwork",
    "clockwork_step",
    "column",
    "connection_probabilities",
    "content_weights",
    "deep_transition",
    "deep_transition_step",
    "delta_rule",
    "delta_rule_coefficients",
    "delta_rule_output",
    "delta_rule_step",
    "diagonal",
    "diagonal_coefficients",
    "diagonalized",
    "echo_state",
    "elman",
    "elman_adjoint",
    "elman_step",
    "exponential_strengths",
    "gru",
    "gru_adjoint",
    "gru_step",
    "layer_norm",
    "layer_norm_gru",
    "layer_norm_gru_step",
    "layer_norm_lstm",
    "layer_norm_lstm_step",
    "leaky",
    "leaky_step",
    "liquid_state",
    "liquid_state_step",
    "lru",
    "lru_coefficients",
    "lru_output",
    "lstm",
    "lstm_adjoint",
    "lstm_step",
    "lstm_variant",
    "lstm_variant_step",
    "mgu",
    "mgu_step",
    "min_gru",
    "min_gru_coefficients",
    "min_lstm",
    "min_lstm_coefficients",
    "mlstm",
    "mlstm_parallel",
    "mlstm_step",
    "modrelu",
    "modrelu_step",
    "neural_turing",
    "neural_turing_step",
    "output_recurrence",
    "output_recurrence_step",
    "sharpened",
    "shifted",
    "slstm",
    "slstm_step",
    "split_gru_gates",
    "split_lstm_gates",
    "teacher_forced",
    "time_skip",
    "time_skip_step",
]
