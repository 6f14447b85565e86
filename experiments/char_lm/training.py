"""Training of the LSTM by truncated backpropagation through time, and its loss on other text."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.char_lm.data import Corpus
from experiments.char_lm.networks import Model
from experiments.common import devices
from recurrent import fit, init_train_state, make_optimizer, make_train_step
from recurrent.data import windows
from recurrent.losses import cross_entropy
from recurrent.train import Checkpoints

CHECKPOINTS = 20
"""Checkpoints of a run, at least: one that is killed loses no more than a twentieth."""
LOGGED = 0.25
"""Share of the validation part whose loss is logged at each of them; all of it would slow the run down."""


def train(config: Any, corpus: Corpus, model: Model, folder: Path | None) -> Any:
    """Trains with the state carried from window to window; returns the parameters."""
    training = windows(corpus.training, config.batch_size, config.window)
    count = len(training.inputs)

    def read(params, given, state):
        return model.outputs(params, state, *given)

    def loss_fn(params, state, batch, key):
        tokens, targets, first = batch
        state = jax.tree.map(lambda leaf: jnp.where(first, jnp.zeros_like(leaf), leaf), state)
        shape = (*tokens.shape, config.hidden_size)
        scale = jax.random.bernoulli(key, 1 - config.dropout, shape) / (1 - config.dropout) if config.dropout else None
        state, logits = devices.over_rows(read, params, (tokens, scale), state)
        return cross_entropy(logits, targets).mean(), (state, {})

    def batches_at(position):
        index = position % count
        return training.inputs[index], training.targets[index], np.bool_(index == 0)

    warm_up = min(100, config.updates // 10)
    schedule = optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, max(warm_up, 1), max(config.updates, 2))
    optimizer = make_optimizer(schedule, max_norm=1.0)
    k_init, k_train = jax.random.split(jax.random.key(config.seed))
    params = model.init(k_init)
    state = init_train_state(params, optimizer, k_train, model.initial_state(params, config.batch_size))
    train_step = make_train_step(loss_fn, optimizer)
    step = jax.jit(lambda state, batch: devices.gathered(train_step(state, batch)), donate_argnums=0)
    plain = {name: str(value) for name, value in dataclasses.asdict(config).items()}

    def diagnose(state, batch):
        tokens, targets, _ = batch
        return model.explain(state.params, tokens, targets)

    logged = corpus.validation[: max(int(LOGGED * len(corpus.validation)), config.batch_size + 1)]
    with devices.spread():
        trained = fit(
            step,
            jax.jit(devices.gathered)(state),
            batches_at,
            config.updates,
            evaluate=lambda params: {"loss": float(losses_of(model, params, logged, config.batch_size).mean())},
            every=max(1, config.updates // CHECKPOINTS),
            checkpoints=None if folder is None else Checkpoints(folder / "checkpoints", plain),
            log=None if folder is None else folder / "training.csv",
            tensorboard=folder / "tensorboard" if folder is not None and config.tensorboard else None,
            diagnose=diagnose,
        )
    return devices.at_home(trained.params)


def losses_of(model: Model, params: Any, codes: np.ndarray, rows: int) -> np.ndarray:
    """-ln p of every character but the first, in order; the text is read in `rows` pieces side by side.

    Each piece begins with an empty state, and less than `rows` characters are left out at the end.
    """
    steps = (len(codes) - 1) // rows
    inputs, targets = (codes[shift : shift + rows * steps].reshape(rows, steps).T for shift in (0, 1))
    return np.asarray(_compiled(model, rows)(params, jnp.asarray(inputs), jnp.asarray(targets))).T.reshape(-1)


@functools.cache
def _compiled(model: Model, rows: int):
    @jax.jit
    def losses(params, inputs, targets):
        return cross_entropy(model.outputs(params, model.initial_state(params, rows), inputs)[1], targets)

    return losses
