"""Attention of a query over a sequence of keys and values, additive and multiplicative, with masks."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Bool, Float

from recurrent import checks
from recurrent.dense import dot
from recurrent.initializers import Initializer, draw, glorot_uniform
from recurrent.types import PyTree


class AttentionParams(NamedTuple):
    """Parameters of a score.

    Attributes:
      query_kernel: W_q.
      key_kernel: W_k, or None where the score is multiplicative.
      score: v, or None where the score is multiplicative.
    """

    query_kernel: Float[Array, "query attention"]
    key_kernel: Float[Array, "key attention"] | None
    score: Float[Array, "attention"] | None


class Attention(NamedTuple):
    """A way to score keys.

    Attributes:
      init: `key -> params`.
      prepare: `(params, keys, mask=None) -> memory`, what does not depend on the query, computed once for all steps of a
        decoder; NaN in masked keys stays out of it.
      scores: `(params, query, memory) -> scores`.
    """

    init: PyTree
    prepare: PyTree
    scores: PyTree


def additive(
    query_size: int,
    key_size: int,
    attention_size: int,
    *,
    kernel_init: Initializer = glorot_uniform,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Attention:
    """score_i = v · tanh(q W_q + k_i W_k); dtypes as for all cells.

    Raises:
      ValueError: a size is not a positive integer.

    Reference: Bahdanau, Cho & Bengio (2015), Neural machine translation by jointly learning to align and translate.
    """
    checks.sizes("additive", query_size=query_size, key_size=key_size, attention_size=attention_size)

    def init(key):
        k_query, k_key, k_score = jax.random.split(key, 3)
        return AttentionParams(
            query_kernel=draw(kernel_init, k_query, (query_size, attention_size), param_dtype),
            key_kernel=draw(kernel_init, k_key, (key_size, attention_size), param_dtype),
            score=draw(kernel_init, k_score, (attention_size, 1), param_dtype)[:, 0],
        )

    def prepare(params, keys, mask=None):
        return dot(_valid(keys, mask), params.key_kernel, dtype)

    def scores(params, query, memory):
        hidden = jnp.tanh(memory + dot(query, params.query_kernel, dtype)[None])
        return dot(hidden, params.score[:, None], dtype)[..., 0]

    return Attention(init, prepare, scores)


def multiplicative(
    query_size: int,
    key_size: int,
    *,
    kernel_init: Initializer = glorot_uniform,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Attention:
    """score_i = (q W) · k_i / √key_size; dtypes as for all cells.

    Raises:
      ValueError: a size is not a positive integer.

    Reference: Luong, Pham & Manning (2015), Effective approaches to attention-based neural machine translation.
    """
    checks.sizes("multiplicative", query_size=query_size, key_size=key_size)

    def init(key):
        return AttentionParams(draw(kernel_init, key, (query_size, key_size), param_dtype), None, None)

    def prepare(params, keys, mask=None):
        del params
        return _valid(keys, mask)

    def scores(params, query, memory):
        projected = dot(query, params.query_kernel, dtype) / key_size**0.5
        return jnp.sum(memory.astype(projected.dtype) * projected[None], axis=-1)

    return Attention(init, prepare, scores)


def attend(
    scores: Float[Array, "S *batch"], values: Float[Array, "S *batch features"], mask: Bool[Array, "S *batch"] | None = None
) -> tuple[Float[Array, "*batch features"], Float[Array, "S *batch"]]:
    """context = Σ_i softmax(score)_i value_i over the steps that count.

    Returns:
      The context, in the dtype of the values, and the weights, which sum to 1 over S; both are 0 for a row in which no step
      counts.
    """
    if mask is None:
        weights = jax.nn.softmax(scores, axis=0)
    else:
        lowest = jnp.finfo(scores.dtype).min  # not -inf, whose gradient is NaN where no step counts
        weights = jnp.where(mask, jax.nn.softmax(jnp.where(mask, scores, lowest), axis=0), 0)
        values = jnp.where(mask[..., None], values, 0)
    return jnp.sum(weights[..., None] * values.astype(weights.dtype), axis=0).astype(values.dtype), weights


def _valid(keys: Array, mask: Array | None) -> Array:
    return keys if mask is None else jnp.where(mask[..., None], keys, jnp.zeros_like(keys))
