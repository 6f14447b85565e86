"""The smallest language model worked through: dictionary {j, e, p}, the word "jeep"."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.common.training import descend, start
from recurrent import elman, unroll
from recurrent.dense import dense
from recurrent.layers import linear
from recurrent.losses import cross_entropy

LETTERS = "jep"


def jeep_rows(hidden_size: int = 4, updates: int = 200, seed: int = 0) -> list[dict[str, Any]]:
    """Trains a vanilla network to spell "jeep", and returns one row per step: input, state, probabilities, choice.

    After j comes e, after the first e another one, after the second e comes p: the input alone does not tell them apart, the
    state does.
    """
    word = np.array([LETTERS.index(letter) for letter in "jeep"])
    xs, targets = jnp.eye(3)[word[:-1]], jnp.asarray(word[1:])
    cell, readout = elman(3, hidden_size), linear(hidden_size, 3)
    k_cell, k_readout = jax.random.split(jax.random.key(seed))
    params = cell.init(k_cell), readout.init(k_readout)
    optimizer = optax.adam(0.05)

    def outputs(params):
        _, hs = unroll(cell, params[0], xs)
        return hs, dense(params[1], hs)

    def loss_of(params, given, batch):
        del given, batch  # there is one word only
        return cross_entropy(outputs(params)[1], targets).sum()

    @jax.jit
    def train(params):
        return descend(loss_of, optimizer, start(params, optimizer), (), jnp.arange(updates))[0].params

    hs, logits = outputs(train(params))
    probabilities = np.asarray(jax.nn.softmax(logits))
    return [
        {
            "input": LETTERS[word[t]],
            "state": " ".join(f"{h:+.2f}" for h in np.asarray(hs[t])),
            **{f"p({letter})": float(p) for letter, p in zip(LETTERS, probabilities[t], strict=True)},
            "choice": LETTERS[int(probabilities[t].argmax())],
        }
        for t in range(3)
    ]
