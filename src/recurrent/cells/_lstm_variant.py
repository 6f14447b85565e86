"""The family of the LSTM in one set of equations: every gate, activation and connection is there or not."""

import functools
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.nn import sigmoid
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.activations import elementwise
from recurrent.cells._lstm import LSTMState
from recurrent.dense import dot, preactivation, spread
from recurrent.factories import checked_cell, draw_kernels
from recurrent.initializers import Fused, Initializer, PerGate, draw_blocks, glorot_uniform, orthogonal, zeros
from recurrent.made import remembered
from recurrent.types import Cell, State


class LSTMVariantParams(NamedTuple):
    """Parameters U, W, b, p, R and P of a variant. Its `blocks` are those of i, f, g, o that it has; its gates, all but g."""

    input_kernel: Float[Array, "input blocks*hidden"]
    recurrent_kernel: Float[Array, "projection blocks*hidden"]
    bias: Float[Array, "blocks*hidden"]
    peepholes: Float[Array, "gates*hidden"] | None
    gate_kernel: Float[Array, "gates*hidden gates*hidden"] | None
    projection: Float[Array, "hidden projection"] | None


class LSTMStateWithGates(NamedTuple):
    """The state where gates read gates: c, h, and the gates side by side."""

    c: Float[Array, "*batch hidden"]
    h: Float[Array, "*batch projection"]
    gates: Float[Array, "*batch gates*hidden"]


@remembered
def lstm_variant(
    input_size: int,
    hidden_size: int,
    *,
    input_gate: bool = True,
    forget_gate: Literal["own", "coupled"] | None = "own",
    output_gate: bool = True,
    input_activation: bool = True,
    output_activation: bool = True,
    peepholes: bool = False,
    gate_recurrence: bool = False,
    projection_size: int | None = None,
    kernel_init: Initializer | Fused = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer | PerGate = zeros,
    forget_bias: float = 1.0,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[LSTMVariantParams, Any]:
    """c_t = f ⊙ c_{t-1} + i ⊙ φ(z_g), h_t = (o ⊙ ψ(c_t)) P, y_t = h_t, where z_t = x_t U + h_{t-1} W + b + gates_{t-1} R.

    i, f = σ(z + p ⊙ c_{t-1}) and o = σ(z + p ⊙ c_t), φ = ψ = tanh. The default, without p, R and P, is `lstm`. A variant, in
    brackets as Greff et al. call it, has no input gate (i = 1, NIG), no forget gate (f = 1, NFG) or one that is "coupled"
    (f = 1 - i, CIFG), no output gate (o = 1, NOG), no input activation (φ(z) = z, NIAF), no output activation (ψ(c) = c, NOAF),
    no peepholes (p = 0, NP), or full gate recurrence (FGR): then the gates of the step before are state, 0 at the start.

    With k gates and r units of h_t (`projection_size`, or h if that is None) there are (k + 1)h(d + r + 1) parameters in U, W
    and b, and where they exist, kh in p, k²h² in R, and hr in P.

    `recurrent_init` draws W, R and P; p starts at 0. Of the blocks that `lstm` draws, a variant leaves out those that it lacks,
    so a `PerGate` bias names i, f, g, o for every variant. `forget_bias` is added to what is drawn for an "own" forget gate.
    The other options are those of all cells, see `recurrent.cells`.

    Raises:
      ValueError: an option that is none of its choices; a forget gate coupled to no input gate; peepholes or gate recurrence of
        no gate; a forget bias, not 0 or the default, without an "own" forget gate; when run, params of another variant.

    Reference: Greff et al. (2017), LSTM: a search space odyssey, section on LSTM variants; projection: Sak, Senior &
    Beaufays (2014), Long short-term memory recurrent neural network architectures for large scale acoustic modeling, section 2.
    """
    flags = {"input_gate": input_gate, "output_gate": output_gate, "peepholes": peepholes, "gate_recurrence": gate_recurrence}
    for flag, value in (flags | {"input_activation": input_activation, "output_activation": output_activation}).items():
        checks.choice(f"lstm_variant: {flag}", value, (True, False))
    checks.choice("lstm_variant: forget_gate", forget_gate, ("own", "coupled", None))
    blocks = "i" * input_gate + "f" * (forget_gate == "own") + "g" + "o" * output_gate
    if forget_gate == "coupled" and not input_gate:
        raise ValueError('lstm_variant: forget_gate="coupled" is 1 - i; got input_gate=False: choose "own" or None')
    if blocks == "g" and (peepholes or gate_recurrence):
        raise ValueError("lstm_variant: peepholes and gate_recurrence lead to gates; got no gate: leave both out")
    if not (math.isfinite(forget_bias) if "f" in blocks else forget_bias in (0, 1)):
        raise ValueError(f'lstm_variant: forget_bias must be finite, and left out without an "own" gate; got {forget_bias}')
    gates, width = len(blocks) - 1, hidden_size if projection_size is None else projection_size
    parts = {"peepholes": peepholes, "gate_kernel": gate_recurrence, "projection": projection_size is not None}
    phi, psi = (elementwise("tanh" if flag else "identity") for flag in (input_activation, output_activation))

    def init(key):
        keys, (k_gates, k_projection) = jax.random.split(key, 3), jax.random.split(jax.random.fold_in(key, 3))
        inits = (kernel_init, recurrent_init, bias_init)
        *kernels, bias = draw_kernels(keys, (input_size, width), hidden_size, 4, inits, param_dtype)
        drawn = (*kernels, bias.at[hidden_size : 2 * hidden_size].add(forget_bias))
        own = np.repeat([block in blocks for block in "ifgo"], hidden_size)
        draw = functools.partial(draw_blocks, recurrent_init, dtype=param_dtype)
        return LSTMVariantParams(
            *(array[..., own] for array in drawn),
            peepholes=jnp.zeros(gates * hidden_size, param_dtype) if peepholes else None,
            gate_kernel=draw(k_gates, gates * hidden_size, hidden_size, gates) if gate_recurrence else None,
            projection=draw(k_projection, hidden_size, width, 1) if projection_size else None,
        )

    def state(zeros):
        c_and_h = (zeros(hidden_size), zeros(width))
        return LSTMStateWithGates(*c_and_h, zeros(gates * hidden_size)) if gate_recurrence else LSTMState(*c_and_h)

    def step(params, state, x_t):
        for part, there in parts.items():
            if there is (getattr(params, part) is None):
                raise ValueError(f"lstm_variant: this cell has {'' if there else 'no '}params.{part}; draw them with its init")
        return lstm_variant_step(params, state, x_t, blocks, forget_gate == "coupled", phi, psi, dtype)

    sizes = {"input": input_size, "hidden": hidden_size, "projection": width, "blocks": len(blocks)}
    return checked_cell("lstm_variant", LSTMVariantParams, sizes | {"gates": gates} if gates else sizes, init, state, step)


def lstm_variant_step(
    params: LSTMVariantParams,
    state: State,
    x_t: Array,
    blocks: str = "ifgo",
    coupled: bool = False,
    phi: Callable[[Array], Array] = jnp.tanh,
    psi: Callable[[Array], Array] = jnp.tanh,
    dtype: DTypeLike | None = None,
) -> tuple[State, Array]:
    """s_t, y_t of the variant of these blocks; a gate without a block is 1, but for f = 1 - i if coupled."""
    names = blocks.replace("g", "")
    z = _split(preactivation(params, dot(x_t, params.input_kernel, dtype), state.h, dtype), blocks)
    if params.gate_kernel is not None:
        seen = _split(dot(state.gates, params.gate_kernel, dtype), names)
        z |= {name: z[name] + seen[name] for name in names}
    p = {} if params.peepholes is None else _split(params.peepholes, names)

    def gate(name, c):
        if name not in z:
            return jnp.ones_like(c)
        return sigmoid(z[name] + spread(p[name], c) * c if p else z[name])

    i = gate("i", state.c)
    f = 1 - i if coupled else gate("f", state.c)
    c_t = f * state.c + i * phi(z["g"])
    o = gate("o", c_t)
    h_t = o * psi(c_t)
    if params.projection is not None:
        h_t = dot(h_t, params.projection, dtype)
    if params.gate_kernel is None:
        return LSTMState(c_t, h_t), h_t
    gates = {"i": i, "f": f, "o": o}
    return LSTMStateWithGates(c_t, h_t, jnp.concatenate([gates[name] for name in names], axis=-1)), h_t


def _split(array: Array, names: str) -> dict[str, Array]:
    return dict(zip(names, jnp.split(array, len(names), axis=-1), strict=True))
