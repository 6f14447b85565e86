"""The encoder-decoders of `dates`, their training and their answers."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common.training import LossFn, train_one
from experiments.dates.data import END, ISO, ISO_STEPS, Pairs
from recurrent import Layer, bidirectional, gru, scanned
from recurrent.losses import cross_entropy
from recurrent.seq2seq import EncoderDecoder, additive, decoding_state, encoder_decoder, greedy, teacher_forcing, token_step

CONTEXTS = ("none", "last", "transformed", "attention")
"""What the decoder knows of the written date."""
CHUNK = 250
"""Written dates that are answered at once."""


class Sizes(NamedTuple):
    """Sizes of an encoder-decoder, and which of the `CONTEXTS` it has."""

    symbols: int
    embed_size: int
    hidden_size: int
    context: str


class Functions(NamedTuple):
    """A model with its compiled functions, made once per program.

    Attributes:
      model: the encoder-decoder.
      init: `key -> params`.
      loss: mean cross-entropy of a batch, under teacher forcing.
      look: `(params, source, lengths, target) -> (losses [pairs], weights [11, S, pairs])`, under teacher forcing.
      decode: `(params, source, lengths) -> symbols [11, pairs]`, greedily.
    """

    model: EncoderDecoder
    init: Callable
    loss: LossFn
    look: Callable
    decode: Callable


def both_ends(layer: Layer) -> Layer:
    """Repeats a bidirectional layer's ←h_1 at every step, so that the last valid one is [→h_T, ←h_1]."""

    def apply(params, xs, state=None, **flags):
        state, ys = layer.apply(params, xs, state, **flags)
        forward, backward = jnp.split(ys, 2, axis=-1)
        return state, jnp.concatenate([forward, jnp.broadcast_to(backward[:1], backward.shape)], axis=-1)

    return Layer(layer.init, apply, layer.initial_state)


def make_model(sizes: Sizes) -> EncoderDecoder:
    """The encoder-decoder whose context is the decoder's first state and beside its input at every step.

    The encoder has `hidden_size` units in each direction, the decoder twice as many.
    """
    symbols, embed_size, hidden_size, context = sizes
    size = 2 * hidden_size
    reader = bidirectional(scanned(gru(embed_size, hidden_size)), scanned(gru(embed_size, hidden_size)))
    return encoder_decoder(
        reader if context == "attention" else both_ends(reader),
        gru(embed_size + (0 if context == "none" else size), size),
        source_symbols=symbols, target_symbols=len(ISO) + 1, embed_size=embed_size,
        context_size=size, hidden_size=size, context=context, feed="both",  # pyright: ignore[reportArgumentType]
        attention=additive(size, size, hidden_size) if context == "attention" else None,
    )  # fmt: skip


@functools.cache
def functions(sizes: Sizes) -> Functions:
    """Makes a model and its functions."""
    model = make_model(sizes)

    def look(params, source, lengths, target):
        outputs = teacher_forcing(model, params, model.encode(params, source, lengths), target, END)
        return cross_entropy(outputs.logits, target).mean(axis=0), outputs.weights

    def loss(params, given, batch):
        source, lengths, target = given
        return look(params, source[:, batch], lengths[batch], target[:, batch])[0].mean()

    def decode(params, source, lengths):
        state = decoding_state(model, params, model.encode(params, source, lengths))
        start = jnp.full(lengths.shape, END, jnp.int32)
        return greedy(token_step(model, params), state, start, num_steps=ISO_STEPS, end=END).tokens

    return Functions(model, jax.jit(model.init), loss, jax.jit(look), jax.jit(decode))


def train(
    sizes: Sizes, data: Pairs, *, seed: int, updates: int, batch_size: int, learning_rate: float, label: str
) -> tuple[Any, np.ndarray]:
    """Trains one model with teacher forcing; returns its parameters and the loss of every update, in nats per character."""
    of = functions(sizes)
    batches = np.random.default_rng(seed).integers(0, len(data.lengths), (updates, batch_size))
    given = tuple(map(jnp.asarray, (data.source, data.lengths, data.target)))
    params = of.init(jax.random.key(seed))
    return train_one(of.loss, params, batches, learning_rate, label, given=given, warm_up=True)


def mean_loss(sizes: Sizes, params: Any, data: Pairs) -> float:
    """Mean loss under teacher forcing, in nats per character."""
    look = functions(sizes).look
    return float(np.concatenate([look(params, *some)[0] for some in _chunks(data)]).mean())


def right(sizes: Sizes, params: Any, data: Pairs) -> np.ndarray:
    """Which dates are written exactly, greedily: `[pairs]`."""
    decode = functions(sizes).decode
    found = [np.all(decode(params, source, lengths) == target, axis=0) for source, lengths, target in _chunks(data)]
    return np.concatenate(found)


def _chunks(data: Pairs) -> list[tuple[Array, Array, Array]]:
    """Source, lengths and target of so many pairs at a time."""
    starts = range(0, len(data.lengths), CHUNK)
    some = [slice(first, first + CHUNK) for first in starts]
    return [tuple(map(jnp.asarray, (data.source[:, s], data.lengths[s], data.target[:, s]))) for s in some]  # pyright: ignore[reportReturnType]
