"""A tiny training in which everything is noise: the input of the cell, its output, and what the loss adds to the batch."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common import devices, processes
from recurrent import fit, init_train_state, lstm, make_optimizer, make_train_step, unroll
from recurrent.train import Checkpoints
from recurrent.wrappers import dropout, gaussian_noise

T, ROWS, UPDATES, EVERY = 5, 8, 12, 6
OPTIMIZER = make_optimizer(1e-2)


def make_cell():
    """Made late, for keys start JAX."""
    return dropout(gaussian_noise(lstm(3, 4), 0.1, key=jax.random.key(8)), 0.3, key=jax.random.key(5))


def batches_at(position):
    return np.random.default_rng(position).normal(size=(T, ROWS, 3)).astype(np.float32)


def make_step(cell):
    def run(params, xs, state):
        return unroll(cell, params, xs, state, backprop="explicit")

    def loss_fn(params, carry, batch, key):
        xs = batch + 0.1 * jax.random.normal(key, batch.shape)
        carry, ys = devices.over_rows(run, params, xs, carry)
        return jnp.mean((ys - xs[..., :1]) ** 2), (carry, {})

    train_step = make_train_step(loss_fn, OPTIMIZER)
    return jax.jit(lambda state, batch: devices.gathered(train_step(state, batch)))


def begin(cell):
    params = cell.init(jax.random.key(0))
    state = init_train_state(params, OPTIMIZER, jax.random.key(1), cell.initial_state(params, (ROWS,)))
    return jax.jit(devices.gathered)(state)


def train(folder, *, saved=True, batches_at=batches_at):
    """Trains on the devices that are in use; leaves log.csv and checkpoints behind, and parameters.npz if it ends."""
    cell = make_cell()
    folder.mkdir(exist_ok=True)
    with devices.spread():
        state = fit(
            make_step(cell),
            begin(cell),
            batches_at,
            UPDATES,
            every=EVERY,
            log=folder / "log.csv",
            checkpoints=Checkpoints(folder / "checkpoints", {}) if saved else None,
            progress=False,
        )
    if processes.is_first():
        np.savez(folder / "parameters.npz", *jax.tree.leaves(devices.at_home(state.params)))


def found_in(folder):
    """The losses of the log, and the parameters."""
    log = np.genfromtxt(folder / "log.csv", delimiter=",", names=True)
    with np.load(folder / "parameters.npz") as saved:
        return log["loss"], [saved[name] for name in saved.files]
