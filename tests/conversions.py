"""Weights of torch, flax and haiku as parameters of this library.

Every function is smooth in the weights, so gradients go the other way by differentiating through it:
`jax.grad(lambda weights: loss(lstm_from_torch(weights)))` is the gradient in torch's own layout.

Here kernels are [in, out] and act as x @ kernel, with gates side by side in the order i, f, g, o and r, z, n, and
h' = (1 - z) h + z n. Torch and flax write z h + (1 - z) n instead: since 1 - σ(a) = σ(-a), all weights of their z change sign.
"""

from collections.abc import Mapping

import jax.numpy as jnp
from jax import Array

from recurrent.cells import ElmanParams, GRUParams, LSTMParams, LSTMVariantParams, ResetAfterGRUParams

Weights = Mapping[str, Array]
Modules = Mapping[str, Weights]


def elman_from_torch(weights: Weights) -> ElmanParams:
    """Torch's kernels are [out, in], and its two biases act as their sum."""
    bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    return ElmanParams(weights["weight_ih_l0"].T, weights["weight_hh_l0"].T, bias)


def lstm_from_torch(weights: Weights) -> LSTMParams:
    """As `elman_from_torch`; torch's order of gates is i, f, g, o, too."""
    return LSTMParams(*elman_from_torch(weights))


def projected_lstm_from_torch(weights: Weights) -> LSTMVariantParams:
    """As `lstm_from_torch`, with the projection [out, in]."""
    return LSTMVariantParams(*lstm_from_torch(weights), None, None, weights["weight_hr_l0"].T)


def gru_from_torch(weights: Weights) -> ResetAfterGRUParams:
    """Order r, z, n; z changes sign; the biases of r and z act as their sum, and b_hn stays inside the reset."""
    hidden = weights["weight_hh_l0"].shape[1]
    b_hh = weights["bias_hh_l0"]
    bias = weights["bias_ih_l0"] + jnp.concatenate([b_hh[: 2 * hidden], jnp.zeros_like(b_hh[2 * hidden :])])
    return ResetAfterGRUParams(
        input_kernel=_negate_update(weights["weight_ih_l0"].T),
        recurrent_kernel=_negate_update(weights["weight_hh_l0"].T),
        bias=_negate_update(bias),
        recurrent_bias=b_hh[2 * hidden :],
    )


def elman_from_flax(cell: Modules) -> ElmanParams:
    """`SimpleCell`: the bias goes with the inputs."""
    return ElmanParams(cell["i"]["kernel"], cell["h"]["kernel"], cell["i"]["bias"])


def lstm_from_flax(cell: Modules) -> LSTMParams:
    """`LSTMCell` and `OptimizedLSTMCell`: one module per gate; the biases go with the state."""
    return LSTMParams(
        input_kernel=_join(cell[f"i{gate}"]["kernel"] for gate in "ifgo"),
        recurrent_kernel=_join(cell[f"h{gate}"]["kernel"] for gate in "ifgo"),
        bias=_join(cell[f"h{gate}"]["bias"] for gate in "ifgo"),
    )


def gru_from_flax(cell: Modules) -> ResetAfterGRUParams:
    """`GRUCell`: one module per gate; z changes sign; only `hn` has a bias of its own."""
    return ResetAfterGRUParams(
        input_kernel=_negate_update(_join(cell[f"i{gate}"]["kernel"] for gate in "rzn")),
        recurrent_kernel=_negate_update(_join(cell[f"h{gate}"]["kernel"] for gate in "rzn")),
        bias=_negate_update(_join(cell[f"i{gate}"]["bias"] for gate in "rzn")),
        recurrent_bias=cell["hn"]["bias"],
    )


def elman_from_haiku(modules: Modules) -> ElmanParams:
    """`VanillaRNN`, a relu network with two biases that act as their sum."""
    from_input, from_state = modules["vanilla_rnn/linear"], modules["vanilla_rnn/linear_1"]
    return ElmanParams(from_input["w"], from_state["w"], from_input["b"] + from_state["b"])


def lstm_from_haiku(modules: Modules) -> LSTMParams:
    """One kernel for [x, h], gates in the order i, g, f, o, and 1 is added to the forget gate at run time."""
    kernel, bias = (_swap_haiku_gates(modules["lstm/linear"][name]) for name in ("w", "b"))
    hidden = kernel.shape[1] // 4
    input_kernel, recurrent_kernel = jnp.split(kernel, [kernel.shape[0] - hidden])
    return LSTMParams(input_kernel, recurrent_kernel, bias.at[hidden : 2 * hidden].add(1.0))


def gru_from_haiku(modules: Modules) -> GRUParams:
    """Order z, r, n; the reset comes before the product, and z means the same as here."""

    def reorder(weight):
        z, r, n = jnp.split(weight, 3, axis=-1)
        return jnp.concatenate([r, z, n], axis=-1)

    return GRUParams(*(reorder(modules["gru"][name]) for name in ("w_i", "w_h", "b")))


def _join(gates) -> Array:
    return jnp.concatenate(list(gates), axis=-1)


def _negate_update(weight: Array) -> Array:
    r, z, n = jnp.split(weight, 3, axis=-1)
    return jnp.concatenate([r, -z, n], axis=-1)


def _swap_haiku_gates(weight: Array) -> Array:
    i, g, f, o = jnp.split(weight, 4, axis=-1)
    return jnp.concatenate([i, f, g, o], axis=-1)
