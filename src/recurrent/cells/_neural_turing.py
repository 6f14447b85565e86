"""The neural Turing machine: a controller that reads and writes a memory outside its own state."""

import functools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import sigmoid
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.cells._addressing import addressed, addressing, addressing_size
from recurrent.cells._lstm import lstm
from recurrent.cells._memory import association
from recurrent.dense import DenseParams, dense
from recurrent.initializers import Fused, Initializer, PerGate, draw_bias, draw_blocks, glorot_uniform, zeros
from recurrent.made import remembered
from recurrent.pytrees import at_least_float32
from recurrent.types import Cell, Params, State

EMPTY = 1e-6
"""What stands in the memory before the first step."""


class NeuralTuringParams(NamedTuple):
    """Parameters of the controller, and of what it tells the heads: head beside head.

    Each head is told k, β, g, γ and s, in this order; a write head e and a behind them.
    """

    controller: Params
    read: DenseParams
    write: DenseParams


class NeuralTuringState(NamedTuple):
    """State of the controller, memory M_t, the weights of the heads over its slots, and what was read."""

    controller: State
    memory: Float[Array, "*batch slots width"]
    read_weights: Float[Array, "*batch read_heads slots"]
    write_weights: Float[Array, "*batch write_heads slots"]
    reads: Float[Array, "*batch read_heads width"]


@remembered
def neural_turing(
    input_size: int,
    hidden_size: int,
    slots: int,
    width: int,
    *,
    controller: Callable[..., Cell] = lstm,
    read_heads: int = 1,
    write_heads: int = 1,
    max_shift: int = 1,
    kernel_init: Initializer | Fused = glorot_uniform,
    bias_init: Initializer | PerGate = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[NeuralTuringParams, NeuralTuringState]:
    """h_t = controller([x_t, r_{t-1}]), M_t = M_{t-1} ⊙ Π (1 - w' e) + Σ w' a, r_t = w M_t, y_t = [h_t, r_t].

    Per step: the controller tells every head what to look for (`addressing`); the write heads find their slots in M_{t-1},
    erase and add; then the read heads find theirs in M_t and read it, as equation 2 has it, so that what is written can be
    read in the same step. Several write heads erase one after the other, in any order, before all add. e = σ(·) and
    a = tanh(·) are affine maps of h_t, as is what addresses, with keys that tanh bounds, too: the paper leaves these bounds
    open. So does it the output, which here is [h_t, r_t], for a linear readout to stand behind (`mlp_output`, or `linear`).

    Before the first step the memory is 1e-6 everywhere, and every head stands at slot 0: equal weights of slots that are
    equal would stay equal for ever. `learned_state` makes all of this parameters. The weights of a run are those in the
    states that `emit_state(cell)` gives.

    Args:
      input_size: features of x_t.
      hidden_size: units of the controller.
      slots: of the memory.
      width: numbers in a slot.
      controller: `(input_size, hidden_size, *, dtype, param_dtype) -> Cell`, such as `gru`; it is asked for a cell that reads
        input_size + read_heads * width features.
      read_heads, write_heads: how many.
      max_shift: how many slots a head can move, up or down, from where it was.
      kernel_init, bias_init: of what the controller tells the heads, drawn head by head.
      dtype, param_dtype: as for all cells, and for the controller's.

    Raises:
      ValueError: a size, or a number of heads or slots, that is not a positive integer; shifts over more slots than there are;
        a controller that is no such factory, or one of cells that do not emit one array.

    Reference: Graves, Wayne & Danihelka (2014), Neural Turing machines, section 3; memory and bounds as in Collier & Beel
    (2018), Implementing neural Turing machines.
    """
    counts = {"slots": slots, "width": width, "read_heads": read_heads, "write_heads": write_heads, "max_shift": max_shift}
    checks.sizes("neural_turing", input_size=input_size, hidden_size=hidden_size)
    checks.counts(**{f"neural_turing: {name}": count for name, count in counts.items()})
    if 2 * max_shift + 1 > slots:
        raise ValueError(
            f"neural_turing: shifts of up to max_shift={max_shift} reach {2 * max_shift + 1} slots, and there are {slots}: "
            "take more slots or a smaller max_shift"
        )
    inner = _made_by(controller, (input_size + read_heads * width, hidden_size), {"dtype": dtype, "param_dtype": param_dtype})
    emitted, addressing_width = _output_size(inner, input_size + read_heads * width), addressing_size(width, max_shift)
    heads = ((addressing_width, read_heads), (addressing_width + 2 * width, write_heads))

    def init(key):
        k_controller, *keys = jax.random.split(key, 5)
        kernels = [draw_blocks(kernel_init, k, emitted, *head, param_dtype) for k, head in zip(keys[:2], heads, strict=True)]
        biases = [draw_bias(bias_init, k, *head, param_dtype) for k, head in zip(keys[2:], heads, strict=True)]
        return NeuralTuringParams(inner.init(k_controller), *map(DenseParams, kernels, biases))

    def check(params):
        checks.params("neural_turing", params, NeuralTuringParams)
        for name, told, (size, count) in zip(("read", "write"), params[1:], heads, strict=True):
            checks.params(f"neural_turing, {name} heads", told, DenseParams, input=emitted, output=size * count)

    def initial_state(params, batch_shape=()):
        check(params)
        kept = at_least_float32(params.read.kernel.dtype)
        first = lambda count: jnp.zeros((*batch_shape, count, slots), kept).at[..., 0].set(1)  # noqa: E731
        empty = lambda count: jnp.full((*batch_shape, count, width), EMPTY, kept)  # noqa: E731
        before = inner.initial_state(params.controller, batch_shape)
        return NeuralTuringState(before, empty(slots), first(read_heads), first(write_heads), empty(read_heads))

    def step(params, state, x_t):
        check(params)
        checks.features("neural_turing", x_t, input_size)
        return neural_turing_step(params, state, x_t, inner, dtype)

    return Cell(init, initial_state, step)


def neural_turing_step(
    params: NeuralTuringParams, state: NeuralTuringState, x_t: Array, controller: Cell, dtype: DTypeLike | None = None
) -> tuple[NeuralTuringState, Array]:
    """s_t, y_t of the neural Turing machine."""
    width = state.memory.shape[-1]
    seen = jnp.concatenate([x_t.astype(state.reads.dtype), _flat(state.reads)], axis=-1)
    controller_state, h_t = controller.step(params.controller, state.controller, seen)
    told = _per_head(dense(params.write, h_t, dtype), state.write_weights)
    write_weights = addressed(addressing(told[..., : -2 * width], width), state.write_weights, state.memory)
    erase, add = sigmoid(told[..., -2 * width : -width]), jnp.tanh(told[..., -width:])
    memory = written(state.memory, write_weights, erase, add)
    told = _per_head(dense(params.read, h_t, dtype), state.read_weights)
    read_weights = addressed(addressing(told, width), state.read_weights, memory)
    reads = jnp.matmul(read_weights, memory, precision="highest")
    y_t = jnp.concatenate([h_t, _flat(reads)], axis=-1)
    return NeuralTuringState(controller_state, memory, read_weights, write_weights, reads), y_t


def written(memory: Array, weights: Array, erase: Array, add: Array) -> Array:
    """M ⊙ Π_h (1 - w_h' e_h) + Σ_h w_h' a_h, with weights `[*batch, heads, slots]`, e and a `[*batch, heads, width]`."""
    kept = 1 - association(weights, erase)
    kept = functools.reduce(operator.mul, [kept[..., head, :, :] for head in range(weights.shape[-2])])
    return memory * kept + jnp.matmul(jnp.swapaxes(weights, -1, -2), add, precision="highest")


def _flat(reads: Array) -> Array:
    return reads.reshape(*reads.shape[:-2], -1)


def _per_head(told: Array, weights: Array) -> Array:
    return told.reshape(*weights.shape[:-1], -1)


def _made_by(controller: Any, sizes: tuple[int, int], dtypes: dict[str, Any]) -> Cell:
    expected = (
        "neural_turing: controller must be a factory (input_size, hidden_size, *, dtype, param_dtype) -> Cell, such as gru"
    )
    if not callable(controller):
        raise ValueError(f"{expected}; got {controller!r}")
    try:
        made = controller(*sizes, **dtypes)
    except TypeError as error:
        raise ValueError(f"{expected}; {controller!r} raised {error}") from error
    if not isinstance(made, Cell):
        raise ValueError(f"{expected}; {controller!r} made a {type(made).__name__}")
    return made


def _output_size(controller: Cell, input_size: int) -> int:
    def first_output():
        params = controller.init(jax.random.key(0))
        return controller.step(params, controller.initial_state(params), jnp.zeros(input_size))[1]

    output = jax.eval_shape(first_output)
    checks.array("neural_turing", "the output of the controller", output)
    return output.shape[-1]
