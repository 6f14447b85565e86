"""Turning a next-symbol model into sequences: greedily, by sampling, by beam search. All of it compiles.

A model is a function `step(state, token) -> (state, logits)` with tokens `[batch]`, logits `[batch, symbols]`, and state leaves
that lead with `[batch]`. Decoding stops when every row has produced the end symbol.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from recurrent import checks
from recurrent.types import State

TokenStep = Callable[[State, Array], tuple[State, Array]]


class Decoded(NamedTuple):
    """Sequences, and how likely the model finds them.

    Attributes:
      tokens: `[num_steps, batch]`; the end symbol from where a row has ended.
      lengths: `[batch]`, symbols before the end symbol.
      log_probability: `[batch]`, natural log, of the symbols and the end symbol.
    """

    tokens: Int[Array, "T batch"]
    lengths: Int[Array, "batch"]
    log_probability: Float[Array, "batch"]


def greedy(step: TokenStep, state: State, start: Int[Array, "batch"], *, num_steps: int, end: int) -> Decoded:
    """token_t = argmax p(· | token_{t-1}, state).

    Args:
      step: the model.
      state: before the first step, leaves `[batch, ...]`.
      start: the symbol each row begins with.
      num_steps: at most so many symbols.
      end: the symbol that ends a row; a negative number for none.

    Raises:
      ValueError: `num_steps` below 1.
    """
    return _decode(step, lambda key, logits: jnp.argmax(logits, axis=-1), state, start, num_steps, end, jax.random.key(0))


def sample(
    step: TokenStep,
    state: State,
    start: Int[Array, "batch"],
    key: Array,
    *,
    num_steps: int,
    end: int = -1,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> Decoded:
    """token_t ~ softmax(logits / temperature), over the k most likely symbols only if `top_k` is given.

    Args:
      step: the model.
      state: before the first step, leaves `[batch, ...]`.
      start: the symbol each row begins with.
      key: PRNG key.
      num_steps: at most so many symbols.
      end: the symbol that ends a row; a negative number for none.
      temperature: below 1 sharpens, above 1 flattens.
      top_k: how many symbols to choose among; all by default.

    Raises:
      ValueError: a temperature that is not positive and finite, `top_k` or `num_steps` below 1.
    """
    if not 0 < temperature < float("inf"):
        raise ValueError(f"temperature must be positive and finite; got {temperature} (greedy decoding is the limit of 0)")
    checks.counts(top_k=1 if top_k is None else top_k)

    def choose(key, logits):
        if top_k is None or top_k >= logits.shape[-1]:
            return jax.random.categorical(key, logits / temperature, axis=-1)
        best, symbols = jax.lax.top_k(logits, top_k)
        drawn = jax.random.categorical(key, best / temperature, axis=-1)
        return jnp.take_along_axis(symbols, drawn[..., None], axis=-1)[..., 0]

    return _decode(step, choose, state, start, num_steps, end, key)


def beam_search(
    step: TokenStep,
    state: State,
    start: Int[Array, "batch"],
    *,
    num_steps: int,
    end: int,
    width: int,
    length_penalty: float = 0.0,
) -> Decoded:
    """Keeps the `width` most likely beginnings at every step; returns the best by log p / ((5 + length) / 6)^penalty.

    Args:
      step: the model; called with `batch * width` rows.
      state: before the first step, leaves `[batch, ...]`.
      start: the symbol each row begins with.
      num_steps: at most so many symbols.
      end: the symbol that ends a row.
      width: beginnings kept; 1 is greedy decoding.
      length_penalty: 0 compares probabilities, which favours short sequences; 0.6-1 is usual.

    Raises:
      ValueError: `width` or `num_steps` below 1.

    Reference: Wu et al. (2016), Google's neural machine translation system, section 7.
    """
    checks.counts(width=width, num_steps=num_steps)
    batch = start.shape[0]

    def spread(leaf):
        return jnp.repeat(leaf, width, axis=0)

    def advance(carry):
        t, state, last, tokens, scores, done = carry
        state, logits = step(state, last.reshape(-1))
        log_p = jax.nn.log_softmax(logits).reshape(batch, width, -1)
        symbols = log_p.shape[-1]
        only_end = jnp.where(jnp.arange(symbols) == end, 0.0, -jnp.inf).astype(log_p.dtype)
        log_p = jnp.where(done[..., None], only_end[None, None, :], log_p)
        scores, chosen = jax.lax.top_k((scores[..., None] + log_p).reshape(batch, -1), width)
        origin, last = chosen // symbols, (chosen % symbols).astype(start.dtype)
        rows = (jnp.arange(batch, dtype=origin.dtype)[:, None] * width + origin).reshape(-1)
        state = jax.tree.map(lambda leaf: leaf[rows], state)
        tokens = jnp.take_along_axis(tokens, origin[None], axis=2).at[t].set(last)
        done = jnp.take_along_axis(done, origin, axis=1) | (last == end)
        return t + 1, state, last, tokens, scores, done

    first = spread(start).reshape(batch, width)
    tokens = jnp.full((num_steps, batch, width), end, start.dtype)
    dtype = jax.eval_shape(step, jax.tree.map(spread, state), spread(start))[1].dtype
    scores = jnp.where(jnp.arange(width) == 0, 0.0, -jnp.inf).astype(dtype)  # one beginning, not `width` equal ones
    scores = jnp.broadcast_to(scores, (batch, width))
    carry = (0, jax.tree.map(spread, state), first, tokens, scores, jnp.zeros((batch, width), bool))
    carry = jax.lax.while_loop(lambda c: (c[0] < num_steps) & ~jnp.all(c[-1]), advance, carry)
    _, _, _, tokens, scores, _ = carry
    lengths = jnp.sum(tokens != end, axis=0)
    normalized = scores / ((5.0 + lengths.astype(scores.dtype)) / 6.0) ** length_penalty
    best = jnp.argmax(normalized, axis=1)[:, None]
    pick = lambda values: jnp.take_along_axis(values, best, axis=1)[:, 0]  # noqa: E731
    return Decoded(jnp.take_along_axis(tokens, best[None], axis=2)[..., 0], pick(lengths), pick(scores))


def _decode(step: TokenStep, choose, state: State, start: Array, num_steps: int, end: int, key: Array) -> Decoded:
    checks.counts(num_steps=num_steps)

    def advance(carry):
        t, state, last, tokens, score, done = carry
        state, logits = step(state, last)
        token = jnp.where(done, jnp.asarray(end, start.dtype), choose(jax.random.fold_in(key, t), logits).astype(start.dtype))
        gained = jnp.take_along_axis(jax.nn.log_softmax(logits), jnp.maximum(token, 0)[:, None], axis=-1)[:, 0]
        score = score + jnp.where(done, 0, gained)
        return t + 1, state, token, tokens.at[t].set(token), score, done | (token == end)

    batch = start.shape[0]
    tokens = jnp.full((num_steps, batch), end, start.dtype)
    logits = jax.eval_shape(step, state, start)[1]
    carry = (0, state, start, tokens, jnp.zeros(batch, logits.dtype), jnp.zeros(batch, bool))
    carry = jax.lax.while_loop(lambda c: (c[0] < num_steps) & ~jnp.all(c[-1]), advance, carry)
    return Decoded(carry[3], jnp.sum(carry[3] != end, axis=0), carry[4])
