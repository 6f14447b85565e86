"""Which batches a run sees, told by a train step that writes them down."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from recurrent import fit, init_train_state
from recurrent.train import Checkpoints, Metrics

FIRST, STEPS = 7, 9


def start():
    return init_train_state(jnp.zeros(STEPS), optax.sgd(1.0), jax.random.key(0), position=FIRST)


def write_down(train_state, batch):
    params = train_state.params.at[train_state.step].set(batch)
    after = train_state._replace(params=params, step=train_state.step + 1, position=train_state.position + 1)
    return after, Metrics(jnp.zeros(()), jnp.zeros(()), jnp.zeros((), bool), jnp.ones((), bool), {})


@pytest.mark.parametrize("stops", [[STEPS], [5, STEPS], [4, 6, STEPS]])
def test_every_position_once_and_in_order(stops, tmp_path):
    checkpoints = Checkpoints(tmp_path, {})
    for stop in stops:
        state = fit(write_down, start(), lambda position: position**2, stop, every=2, checkpoints=checkpoints, progress=False)
        assert (int(state.step), int(state.position)) == (stop, FIRST + stop)
    np.testing.assert_array_equal(state.params, np.arange(FIRST, FIRST + STEPS) ** 2)
