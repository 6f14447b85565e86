"""How a model is trained, how its variant and learning rate are chosen, and what it scores on digits that chose nothing."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common.networks import Network
from experiments.common.splits import Run
from experiments.common.training import fitted
from experiments.plates.data import Batches, Digits, draw_batches, noisy_plates, trained_slots
from experiments.plates.models import SHARED, WIDTH, Model
from recurrent.losses import cross_entropy

TRIALS = 2
"""Runs on whose validation digits variant and learning rate are chosen."""


class Functions(NamedTuple):
    """What is compiled once for a variant of a model: training, and accuracies by place with and without the margin."""

    fit: Callable[[Network, Array, Digits, Batches], Network]
    with_margin: Callable[[Network, Digits, Array], Array]
    without: Callable[[Network, Digits, Array], Array]


def functions(config: Any, model: Model) -> Functions:
    """Training and scoring; the learning rate is an argument, so that no rate is compiled anew."""

    def loss_of(network, digits, batch):
        columns = noisy_plates(digits.images[batch.chosen], batch.slots, config.slots, config.noise, batch.noise)
        penalty = model.penalty * jnp.sum(network.kernel**2)
        return cross_entropy(model.logits(network, columns), digits.labels[batch.chosen]).mean() + penalty

    def accuracies(network, digits, key, columns_cut):
        def at(slot):
            everywhere = jnp.full(len(digits.labels), slot)
            columns = noisy_plates(digits.images, everywhere, config.slots, config.noise, jax.random.fold_in(key, slot))
            guesses = model.logits(network, columns[: len(columns) - columns_cut]).argmax(axis=-1)
            return jnp.mean(guesses == digits.labels)

        return jax.lax.map(at, jnp.arange(config.slots))

    with_margin = jax.jit(lambda network, digits, key: accuracies(network, digits, key, 0))
    fit = jax.jit(functools.partial(fitted, loss_of))
    return Functions(fit, with_margin, jax.jit(lambda network, digits, key: accuracies(network, digits, key, WIDTH)))


def study(config: Any, variants: dict[str, Model], digits: Digits, runs: Sequence[Run], name: str) -> dict[str, np.ndarray]:
    """Chooses variant and learning rate on validation digits of the first runs, then trains every run with them and tests it.

    Validation digits stand at the trained places, as training digits do: nothing is chosen by the places never trained.

    Returns:
      validation: accuracies of the trials `[variant, rate, trial]`.
      variant, rate: those chosen.
      training: accuracy `[run]` on training digits at the trained places.
      places: accuracies `[run, place]` on test digits.
      no margin: the same on plates without the empty margin, for models that can read them.
    """
    rates, trials = config.learning_rates, runs[:TRIALS]
    trained_places = trained_slots(config.slots)
    total = len(variants) * len(rates) * len(trials) + len(runs) - len(trials)
    progress = tqdm(total=total, desc=f"{name}: compiling", unit="training", leave=False)
    compiled = {variant: functions(config, model) for variant, model in variants.items()}

    def trained(run: Run, variant: str, rate: float) -> Network:
        network = variants[variant].init(jax.random.key(run.seed))
        batches = draw_batches(run, config.updates, config.batch_size, config.slots)
        found = jax.block_until_ready(compiled[variant].fit(network, jnp.float32(rate), digits, batches))
        progress.set_description(name, refresh=False)
        progress.update()
        return found

    def score(accuracies, network: Network, run: Run, chosen: np.ndarray) -> np.ndarray:
        key = jax.random.fold_in(jax.random.key(run.seed), 1)
        return np.asarray(accuracies(network, jax.tree.map(lambda leaf: leaf[chosen], digits), key))

    with progress:
        tried = {(v, rate): [trained(run, v, rate) for run in trials] for v in variants for rate in rates}
        validation = {
            (v, rate): [
                score(compiled[v].with_margin, network, run, run.split.validation)[trained_places].mean()
                for network, run in zip(networks, trials, strict=True)
            ]
            for (v, rate), networks in tried.items()
        }
        variant, rate = max(validation, key=lambda choice: float(np.mean(validation[choice])))
        networks = tried[variant, rate] + [trained(run, variant, rate) for run in runs[len(trials) :]]
        pairs, chosen = list(zip(networks, runs, strict=True)), compiled[variant]
        training = [score(chosen.with_margin, n, run, run.split.training)[trained_places].mean() for n, run in pairs]
        found = {
            "validation": np.array(list(validation.values())).reshape(len(variants), len(rates), len(trials)),
            "variant": np.array(variant),
            "rate": np.array(rate),
            "training": np.array(training),
            "places": np.array([score(chosen.with_margin, n, run, run.split.test) for n, run in pairs]),
        }
        if name in SHARED:
            found["no margin"] = np.array([score(chosen.without, n, run, run.split.test) for n, run in pairs])
        return found
