"""The language model, as functions of its parameters."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recurrent import lstm, unroll
from recurrent.dense import dense
from recurrent.flow import explain_nonfinite
from recurrent.layers import embed, linear
from recurrent.losses import cross_entropy


class Model(NamedTuple):
    """The network, as functions of its parameters."""

    init: Any
    outputs: Any  # (params, state, tokens [T, B], mask of dropout or None) -> (state, logits)
    initial_state: Any
    explain: Any  # (params, tokens [T, B], targets [T, B]) -> where NaN or inf enters, in words


def make_model(num_symbols: int, embed_size: int, hidden_size: int) -> Model:
    """Embedding, LSTM, linear readout."""
    embedding, cell = embed(num_symbols, embed_size), lstm(embed_size, hidden_size)
    readout = linear(hidden_size, num_symbols)

    def init(key):
        k_embed, k_cell, k_readout = jax.random.split(key, 3)
        return embedding.init(k_embed), cell.init(k_cell), readout.init(k_readout)

    def outputs(params, state, tokens, scale=None):
        state, hs = unroll(cell, params[1], embedding.apply(params[0], tokens)[1], state, backprop="explicit")
        return state, dense(params[2], hs if scale is None else hs * scale)

    def explain(params, tokens, targets):
        loss = lambda run: cross_entropy(dense(params[2], run.ys), targets).mean()  # noqa: E731
        return explain_nonfinite(cell, params[1], embedding.apply(params[0], jnp.asarray(tokens))[1], loss)

    return Model(init, outputs, lambda params, batch: cell.initial_state(params[1], (batch,)), explain)
