"""Encoder and decoder: one sequence of symbols read, another one written, of any two lengths."""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from recurrent import checks
from recurrent.dense import DenseParams, dense
from recurrent.layers import embed, last_valid, linear
from recurrent.seq2seq._attention import Attention, attend
from recurrent.seq2seq._decoding import TokenStep
from recurrent.sequences import lengths_to_mask
from recurrent.types import Cell, Layer, Params, PyTree, State

Context = Literal["none", "last", "transformed", "attention"]
Feed = Literal["initial", "every", "both"]


class EncoderDecoderParams(NamedTuple):
    """Parameters of an encoder-decoder; `bridge` and `attention` are () where the context needs none."""

    source_embedding: PyTree
    encoder: PyTree
    bridge: DenseParams | tuple[()]
    attention: PyTree
    target_embedding: PyTree
    decoder: PyTree
    readout: DenseParams


class Memory(NamedTuple):
    """What the decoder knows of the source.

    Attributes:
      context: one vector per row, `[batch, context]`.
      values: the encoder's outputs, `[S, batch, context]`.
      keys: what attention prepares from them.
      mask: valid steps, `[S, batch]`.
    """

    context: Array
    values: Array
    keys: Array
    mask: Array


class Outputs(NamedTuple):
    """What the decoder returns at a step: logits `[batch, symbols]`, attention weights `[S, batch]` (0 without attention)."""

    logits: Array
    weights: Array


class EncoderDecoder(NamedTuple):
    """A model from sequences to sequences.

    Attributes:
      init: `key -> params`.
      encode: `(params, source [S, batch], lengths [batch]) -> Memory`.
      initial_state: `(params, memory) -> state` of the decoder.
      step: `(params, memory, state, token [batch]) -> (state, Outputs)`.
    """

    init: Any
    encode: Any
    initial_state: Any
    step: Any


def encoder_decoder(
    encoder: Layer,
    decoder: Cell,
    *,
    source_symbols: int,
    target_symbols: int,
    embed_size: int,
    context_size: int,
    hidden_size: int,
    context: Context = "last",
    feed: Feed = "initial",
    attention: Attention | None = None,
) -> EncoderDecoder:
    """p(y_1 ... y_U | x_1 ... x_T) = Π_u p(y_u | y_{u-1}, s_u, context).

    Args:
      encoder: reads embedded symbols `[S, batch, embed_size]`, returns `[S, batch, context_size]`; `scanned(...)`,
        `bidirectional(...)`, or a stack.
      decoder: reads the embedded previous symbol, with the context beside it if the context is fed at every step.
      source_symbols: size of the source alphabet.
      target_symbols: size of the target alphabet.
      embed_size: features of an embedded symbol.
      context_size: features of the encoder's outputs.
      hidden_size: features of the decoder's outputs.
      context: "none", the encoder's "last" valid output, that output "transformed" by tanh of a linear map, or
        "attention" over all of them (which is fed at every step). At the last step the backward half of a bidirectional
        encoder has read one symbol only: for "last" and "transformed" give a layer whose last output has read all.
      feed: the context as the decoder's "initial" state (every leaf), as input at "every" step, or "both".
      attention: how to score, for `context="attention"`; queries are the decoder's previous outputs.

    Raises:
      ValueError: an unknown context or feed, attention missing or superfluous, or a context that does not fit the state.

    Reference: Sutskever, Vinyals & Le (2014); Cho et al. (2014); Bahdanau, Cho & Bengio (2015).
    """
    checks.sizes("encoder_decoder", embed_size=embed_size, context_size=context_size, hidden_size=hidden_size)
    checks.choice("context", context, ("none", "last", "transformed", "attention"))
    checks.choice("feed", feed, ("initial", "every", "both"))
    if (context == "attention") != (attention is not None):
        raise ValueError(f'give attention= together with context="attention", and only then; got context={context!r}')
    at_every_step = context == "attention" or (context != "none" and feed in ("every", "both"))
    at_first = context != "none" and feed in ("initial", "both")
    source_embed, target_embed = embed(source_symbols, embed_size), embed(target_symbols, embed_size)
    readout, bridge = linear(hidden_size, target_symbols), linear(context_size, context_size)

    def init(key):
        keys = jax.random.split(key, 7)
        return EncoderDecoderParams(
            source_embedding=source_embed.init(keys[0]),
            encoder=encoder.init(keys[1]),
            bridge=bridge.init(keys[2]) if context == "transformed" else (),
            attention=attention.init(keys[3]) if attention is not None else (),
            target_embedding=target_embed.init(keys[4]),
            decoder=decoder.init(keys[5]),
            readout=readout.init(keys[6]),
        )

    def encode(params, source, lengths):
        _, embedded = source_embed.apply(params.source_embedding, source, lengths=lengths)
        _, values = encoder.apply(params.encoder, embedded, lengths=lengths)
        last = last_valid(values, lengths)
        vector = jnp.tanh(dense(params.bridge, last)) if context == "transformed" else last
        mask = lengths_to_mask(lengths, source.shape[0])
        keys = attention.prepare(params.attention, values, mask) if attention is not None else values
        return Memory(vector, values, keys, mask)

    def initial_state(params, memory):
        state = decoder.initial_state(params.decoder, memory.context.shape[:1])
        if at_first:
            state = jax.tree.map(lambda leaf: _filled(leaf, memory.context), state)
        return state, jnp.zeros((memory.context.shape[0], hidden_size), memory.context.dtype)

    def step(params, memory, state, token):
        state, y_tm1 = state
        x = target_embed.apply(params.target_embedding, token[None])[1][0]
        vector, weights = memory.context, jnp.zeros(memory.mask.shape, memory.context.dtype)
        if attention is not None:
            vector, weights = attend(attention.scores(params.attention, y_tm1, memory.keys), memory.values, memory.mask)
        if at_every_step:
            x = jnp.concatenate([x, vector], axis=-1)
        state, y_t = decoder.step(params.decoder, state, x)
        return (state, y_t), Outputs(dense(params.readout, y_t), weights)

    return EncoderDecoder(init, encode, initial_state, step)


def teacher_forcing(
    model: EncoderDecoder,
    params: Params,
    memory: Memory,
    targets: Int[Array, "U batch"],
    start: int,
    *,
    key: Array | None = None,
    sampling_rate: Float[Array, ""] | float = 0.0,
) -> Outputs:
    """Runs the decoder over given targets: at step u it sees y_{u-1}, the symbol it should have written.

    Args:
      model: an encoder-decoder.
      params: its parameters.
      memory: of the source.
      targets: the symbols to predict; what is fed is `start, y_1 ... y_{U-1}`.
      start: the symbol before the first.
      key: PRNG key, for a sampling rate above 0.
      sampling_rate: scheduled sampling: with this probability, per row and step, the decoder sees the symbol that it finds most
        likely itself instead of the target.

    Returns:
      Logits `[U, batch, symbols]` and attention weights `[U, S, batch]`.

    Raises:
      ValueError: a sampling rate without a key, or one that is not a probability.

    Reference: Williams & Zipser (1989); Bengio, Vinyals, Jaitly & Shazeer (2015), Scheduled sampling.
    """
    if key is None and not (isinstance(sampling_rate, (int, float)) and sampling_rate == 0):
        raise ValueError("scheduled sampling needs a PRNG key: give key=")
    if isinstance(sampling_rate, (int, float)) and not 0 <= sampling_rate <= 1:
        raise ValueError(f"sampling_rate is a probability, in [0, 1]; got {sampling_rate}")
    first = jnp.full_like(targets[:1], start)
    fed = jnp.concatenate([first, targets[:-1]])

    def advance(carry, inputs):
        state, own = carry
        token, chosen = inputs
        state, outputs = model.step(params, memory, state, jnp.where(chosen, own, token))
        return (state, jnp.argmax(outputs.logits, axis=-1).astype(targets.dtype)), outputs

    chosen = jnp.zeros(targets.shape, bool) if key is None else jax.random.bernoulli(key, sampling_rate, targets.shape)
    carry = (model.initial_state(params, memory), first[0])
    chosen = chosen.at[0].set(False)
    return jax.lax.scan(advance, carry, (fed, chosen))[1]


def token_step(model: EncoderDecoder, params: Params) -> TokenStep:
    """Returns the decoder as a function of tokens for `greedy`, `sample` and `beam_search`, with the memory in its state.

    The state to start from is `decoding_state(model, params, memory)`.
    """

    def step(state, token):
        carried, rows = state
        carried, outputs = model.step(params, _memory_of(rows), carried, token)
        return (carried, rows), outputs.logits

    return step


def decoding_state(model: EncoderDecoder, params: Params, memory: Memory) -> State:
    """The state that `token_step` starts from; every leaf leads with the batch, so that beams can be reordered."""
    rows = memory._replace(**{name: jnp.moveaxis(getattr(memory, name), 0, 1) for name in ("values", "keys", "mask")})
    return model.initial_state(params, memory), rows


def _memory_of(rows: Memory) -> Memory:
    return rows._replace(**{name: jnp.moveaxis(getattr(rows, name), 1, 0) for name in ("values", "keys", "mask")})


def _filled(leaf: Array, context: Array) -> Array:
    if leaf.shape != context.shape:
        raise ValueError(
            f"the context has shape {context.shape}, and the decoder's state a leaf of shape {leaf.shape}: choose "
            'context_size equal to the decoder\'s hidden size, or feed="every"'
        )
    return context.astype(leaf.dtype)
