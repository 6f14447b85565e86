"""The equations of the cells, what they draw, and their adjoints written by hand."""

from tests.mutants.mutant import Mutant

_LSTM = ("test_bptt.py::test_lstm_through_the_stacked_matrix",)
_GRU = ("test_bptt.py::test_gru",)
_BY_HAND = ("test_bptt.py::test_derived_and_written_by_hand_agree_under_masks_and_resets",)
_LRU = ("test_parallel.py::test_the_lru_is_a_complex_recurrence",)
_RING = (
    "test_parallel.py::test_the_lru_starts_on_its_ring_and_keeps_the_variance_of_white_noise",
    "test_lru_variances.py",
)
_LOG_SPACE = ("test_parallel.py::test_positive_gated_cells_equal_their_log_space_form",)
_FORCED = (
    "test_teacher_forcing.py::test_teacher_forcing_equals_the_cell_fed_with_targets_and_has_no_loop",
    "test_output_recurrence.py",
)

MUTANTS = (
    Mutant(
        "the activation of the slope of ReLU is 1 at 0",
        "activations.py",
        "lambda h: (h > 0).astype(h.dtype)",
        "lambda h: (h >= 0).astype(h.dtype)",
        ("test_elman_slopes.py",),
    ),
    Mutant(
        "the slope of the sigmoid lacks its first factor",
        "activations.py",
        "lambda h: h * (1 - h)",
        "lambda h: 1 - h",
        ("test_elman_slopes.py",),
    ),
    Mutant(
        "the vanilla adjoint forgets the gradient of its output",
        "cells/_elman.py",
        "dh_t = dh_t + dy_t",
        "dh_t = dh_t",
        _BY_HAND,
    ),
    Mutant(
        "the forget bias goes to the input gate",
        "cells/_lstm.py",
        "bias.at[hidden_size : 2 * hidden_size].add(forget_bias)",
        "bias.at[:hidden_size].add(forget_bias)",
        ("test_initializers.py::test_forget_bias_is_explicit",),
    ),
    Mutant(
        "input and forget gate change places",
        "cells/_lstm.py",
        "f * state.c + i * g",
        "i * state.c + f * g",
        _LSTM,
    ),
    Mutant(
        "the output of the LSTM skips the tanh of its memory",
        "cells/_lstm.py",
        'h_t = checkpoint_name(o * tanh_c, "h")',
        'h_t = checkpoint_name(o * c_t, "h")',
        _LSTM,
    ),
    Mutant(
        "the adjoint of the LSTM lacks the slope of tanh c",
        "cells/_lstm.py",
        "dh_t * o * (1 - tape_t.tanh_c**2)",
        "dh_t * o",
        _BY_HAND,
    ),
    Mutant(
        "the update gate holds where it should renew",
        "cells/_gru.py",
        "return h_tm1 + gates.z * (gates.n - h_tm1)",
        "return gates.n + gates.z * (h_tm1 - gates.n)",
        _GRU,
    ),
    Mutant(
        "nothing is reset before the product",
        "cells/_gru.py",
        "z_n = z_n + dot(r * h_tm1,",
        "z_n = z_n + dot(h_tm1,",
        _GRU,
    ),
    Mutant(
        "the reset after the product takes the input with it",
        "cells/_gru.py",
        "jnp.tanh(z_n + r * s)",
        "jnp.tanh(r * (z_n + s))",
        _GRU,
    ),
    Mutant(
        "the recurrent bias gets the delta from outside the reset",
        "cells/_gru.py",
        "sum_rows(deltas.s[..., 2 *",
        "sum_rows(deltas.z[..., 2 *",
        _GRU,
    ),
    Mutant(
        "layers are normalised by the unbiased variance",
        "cells/_layer_norm.py",
        "variance = jnp.mean(centered**2, axis=-1, keepdims=True)",
        "variance = jnp.sum(centered**2, axis=-1, keepdims=True) / (a.shape[-1] - 1)",
        ("test_layer_norm.py::test_layer_norm_lstm_against_numpy",),
    ),
    Mutant(
        "the normalised memory lacks its bias",
        "cells/_layer_norm.py",
        "add_bias(layer_norm(c_t, params.cell_gain, epsilon), params.cell_bias)",
        "layer_norm(c_t, params.cell_gain, epsilon)",
        ("test_layer_norm.py::test_layer_norm_lstm_against_numpy",),
    ),
    Mutant(
        "the candidate is normalised together with the gates",
        "cells/_layer_norm.py",
        "    return jnp.concatenate([layer_norm(part, part_gain, epsilon) for part, part_gain in pairs], axis=-1)\n",
        "    return layer_norm(a, gain, epsilon)\n",
        ("test_layer_norm.py::test_layer_norm_gru_against_numpy",),
    ),
    Mutant(
        "the eigenvalues of the lru are conjugated",
        "cells/_lru.py",
        "spread(modulus * jnp.sin(phase), re)",
        "spread(-modulus * jnp.sin(phase), re)",
        _LRU,
    ),
    Mutant(
        "gamma of the lru is squared",
        "cells/_lru.py",
        "gamma_log=(0.5 * jnp.log(",
        "gamma_log=(jnp.log(",
        _RING,
    ),
    Mutant(
        "real and imaginary inputs of the lru have the variance of the whole",
        "cells/_lru.py",
        "0.5 / input_size",
        "1 / input_size",
        _RING,
    ),
    Mutant(
        "the outputs of the lru are drawn by the wrong width",
        "cells/_lru.py",
        "(2 * hidden_size, output_size), 1 / hidden_size)",
        "(2 * hidden_size, output_size), 0.5 / hidden_size)",
        _RING,
    ),
    Mutant(
        "moduli are uniform instead of their squares",
        "cells/_linear.py",
        "u * (r_max**2 - r_min**2) + r_min**2",
        "(u * (r_max - r_min) + r_min) ** 2",
        _RING,
    ),
    Mutant(
        "the minLSTM keeps what it should take in",
        "cells/_minimal.py",
        "return sigmoid(odds), sigmoid(-odds) * CANDIDATES[candidate](n)",
        "return sigmoid(-odds), sigmoid(odds) * CANDIDATES[candidate](n)",
        _LOG_SPACE,
    ),
    Mutant(
        "the positive candidate jumps at 0",
        "cells/_minimal.py",
        "jnp.where(k >= 0, k + 0.5, sigmoid(k))",
        "jnp.where(k >= 0, k + 1.0, sigmoid(k))",
        _LOG_SPACE,
    ),
    Mutant(
        "the output recurrence lacks its output bias",
        "cells/_output_recurrence.py",
        "o_t = add_bias(dot(h_t, params.output_kernel, dtype), params.output_bias)",
        "o_t = dot(h_t, params.output_kernel, dtype)",
        _FORCED,
    ),
    Mutant(
        "teacher forcing ignores the given state",
        "cells/_output_recurrence.py",
        "first = cell.initial_state(params, xs.shape[1:-1]) if state is None else state",
        "first = cell.initial_state(params, xs.shape[1:-1])",
        _FORCED,
    ),
)
