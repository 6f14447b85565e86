"""The encoder-decoders of `dates`."""

import jax.numpy as jnp

from experiments.dates.data import ISO
from recurrent import Layer, bidirectional, gru, scanned
from recurrent.seq2seq import EncoderDecoder, additive, encoder_decoder

CONTEXTS = ("none", "last", "transformed", "attention")
"""What the decoder knows of the written date."""


def both_ends(layer: Layer) -> Layer:
    """Repeats a bidirectional layer's ←h_1 at every step, so that the last valid one is [→h_T, ←h_1]."""

    def apply(params, xs, state=None, **flags):
        state, ys = layer.apply(params, xs, state, **flags)
        forward, backward = jnp.split(ys, 2, axis=-1)
        return state, jnp.concatenate([forward, jnp.broadcast_to(backward[:1], backward.shape)], axis=-1)

    return Layer(layer.init, apply, layer.initial_state)


def make_model(symbols: int, embed_size: int, hidden_size: int, context: str) -> EncoderDecoder:
    """The encoder-decoder with one of the `CONTEXTS`, which is the decoder's first state and beside its input at every step.

    The encoder has `hidden_size` units in each direction, the decoder twice as many.
    """
    size = 2 * hidden_size
    reader = bidirectional(scanned(gru(embed_size, hidden_size)), scanned(gru(embed_size, hidden_size)))
    return encoder_decoder(
        reader if context == "attention" else both_ends(reader),
        gru(embed_size + (0 if context == "none" else size), size),
        source_symbols=symbols, target_symbols=len(ISO) + 1, embed_size=embed_size,
        context_size=size, hidden_size=size, context=context, feed="both",  # pyright: ignore[reportArgumentType]
        attention=additive(size, size, hidden_size) if context == "attention" else None,
    )  # fmt: skip
