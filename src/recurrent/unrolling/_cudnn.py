"""The plain LSTM by cuDNN: weights in its layout, its sequence arguments, and what it cannot do.

Its kernels run the whole sequence, and keep what their backward pass reads to themselves.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import pytrees
from recurrent.sequences import Sequence, lengths_to_mask
from recurrent.types import Cell, Params, State

_ONLY = 'backprop="cudnn" is for the plain LSTM in float32 on CUDA, with lengths or without'


def check_cudnn(cell: Cell, params: Params, sequence: Sequence, **asked: bool) -> None:
    """Raises ValueError for what cuDNN does not do.

    Args:
      cell: has to be an `lstm` that computes in float32.
      params: its parameters.
      sequence: from `prepare`.
      **asked: options of the driver that cuDNN does not have, and whether each is asked for.
    """
    recipe = cell.recipe
    if recipe is None or recipe.factory.__name__ != "lstm" or not recipe.factory.__module__.startswith("recurrent.cells"):
        raise _refusal(f"{cell} is another cell")
    computed = dict(recipe.named).get("dtype")
    leaves = jax.tree.leaves((params, sequence.xs, sequence.state))
    other = {jnp.dtype(dtype) for dtype in (computed or jnp.float32, *(leaf.dtype for leaf in leaves))} - {
        jnp.dtype(jnp.float32)
    }
    if other:
        raise _refusal(f"there is {', '.join(sorted(map(str, other)))} in cell, params, xs or state")
    if any(asked.values()):
        raise _refusal(f"it knows no {', '.join(name for name, is_asked in asked.items() if is_asked)}")
    if not sequence.num_steps:
        raise _refusal("the sequence has no steps")
    if jax.default_backend() != "gpu":
        raise _refusal(f"JAX runs on {jax.default_backend()}")


def _refusal(reason: str) -> ValueError:
    return ValueError(f'{_ONLY}: {reason}. backprop="explicit" takes every cell everywhere')


def cudnn_scan(params: Params, sequence: Sequence, lengths: Array | None) -> tuple[State, Array]:
    """Runs the LSTM over a sequence: `(final_state, ys)`. Reverse mode only.

    Args:
      params: of the LSTM, any type with its fields.
      sequence: from `prepare`, padding replaced; the state has the fields c and h.
      lengths: valid steps of each row; all if None.

    Reference: Appleyard, Kočiský & Blunsom (2016), Optimizing performance of recurrent neural networks on GPUs.
    """
    from jax.experimental import rnn  # here, because it looks for libraries of CUDA

    num_steps, *batch_shape, input_size = sequence.xs.shape
    hidden_size = params.recurrent_kernel.shape[0]
    lengths = jnp.full(batch_shape, num_steps) if lengths is None else jnp.minimum(jnp.asarray(lengths), num_steps)
    rows_first = jnp.swapaxes(sequence.xs.reshape(num_steps, -1, input_size), 0, 1)
    h_0, c_0 = (leaf.reshape(1, -1, hidden_size) for leaf in (sequence.state.h, sequence.state.c))
    # a row without any step is run for one, and what comes of that is not taken
    steps = jnp.maximum(lengths, 1).astype(jnp.int32).reshape(-1)
    layers, dropout, bidirectional = 1, 0.0, False
    options = input_size, hidden_size, layers, dropout, bidirectional
    found: Any = rnn.lstm(rows_first, h_0, c_0, flat_weights(params), steps, *options)
    ys, h_n, c_n = found
    ys = jnp.swapaxes(ys, 0, 1).reshape(num_steps, *batch_shape, hidden_size)
    after = sequence.state._replace(c=c_n.reshape(sequence.state.c.shape), h=h_n.reshape(sequence.state.h.shape))
    valid = lengths_to_mask(lengths, num_steps)
    return pytrees.where(lengths > 0, after, sequence.state), pytrees.where(valid, ys, jnp.zeros_like(ys))


def flat_weights(params: Params) -> Array:
    """U', W', the bias of the inputs, and that of the state, which is 0, laid out for cuDNN; gates in the order i, f, g, o."""
    kernels = [kernel.T.reshape(-1) for kernel in (params.input_kernel, params.recurrent_kernel)]
    return jnp.concatenate([*kernels, params.bias, jnp.zeros_like(params.bias)])
