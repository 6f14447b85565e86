"""Losses over sequences that ignore masked steps, and the explicit backward pass of a softmax readout."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int


def masked_sum(values: Float[Array, "*steps"], mask: Bool[Array, "*steps"] | None = None) -> Float[Array, ""]:
    """Sums the values of the steps that count; NaN in masked steps stays out."""
    return jnp.sum(values) if mask is None else jnp.sum(jnp.where(mask, values, 0))


def masked_mean(values: Float[Array, "*steps"], mask: Bool[Array, "*steps"] | None = None) -> Float[Array, ""]:
    """Averages the values of the steps that count; 0 where none does."""
    if mask is None:
        return jnp.mean(values)
    return masked_sum(values, mask) / jnp.maximum(jnp.sum(mask), 1).astype(values.dtype)


def cross_entropy(logits: Float[Array, "*steps classes"], labels: Int[Array, "*steps"]) -> Float[Array, "*steps"]:
    """E_t = -ln softmax(o_t)[y_t], in nats per step."""
    log_probabilities = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_probabilities, labels[..., None], axis=-1)[..., 0]


class ReadoutGradients(NamedTuple):
    """Gradients of `masked_sum(cross_entropy(hs @ V + c, labels), mask)`.

    Attributes:
      kernel: dV = Σ_t h_t' do_t, `[hidden, classes]`.
      bias: dc = Σ_t do_t, `[classes]`.
      hs: do_t V', `[T, *batch, hidden]`, what backpropagation through time starts from.
    """

    kernel: Array
    bias: Array
    hs: Array


def softmax_readout_gradients(
    kernel: Float[Array, "hidden classes"],
    bias: Float[Array, "classes"],
    hs: Float[Array, "T *batch hidden"],
    labels: Int[Array, "T *batch"],
    mask: Bool[Array, "T *batch"] | None = None,
) -> ReadoutGradients:
    """do_t = softmax(h_t V + c) - onehot(y_t): the explicit backward pass of a softmax output with cross-entropy."""
    logits = hs @ kernel
    logits = logits + jnp.broadcast_to(bias, logits.shape)
    dlogits = jax.nn.softmax(logits) - jax.nn.one_hot(labels, bias.shape[-1], dtype=hs.dtype)
    if mask is not None:
        dlogits = jnp.where(mask[..., None], dlogits, 0)
    return ReadoutGradients(
        kernel=jnp.einsum("...h,...c->hc", hs, dlogits),
        bias=dlogits.reshape(-1, bias.shape[-1]).sum(axis=0),
        hs=dlogits @ kernel.T,
    )
