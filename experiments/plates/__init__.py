"""Parameters shared over time: a digit learned at some places of a plate, recognised at places where it was never seen.

The plate ends with an empty margin of one digit's width. Without it, a digit at the last place would be read out while it is
still being read, which never happens at the other places: there the same GRU falls to 55 %.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from experiments.common import handwritten
from experiments.common.checks import Check
from experiments.common.experiment import Experiment, Results
from experiments.common.networks import draw_all, logits_of, mean_loss, unstack
from experiments.common.options import check_counts
from experiments.common.parts import Part, compute_now
from experiments.common.training import batch_keys, train
from experiments.plates.data import plates
from experiments.plates.figure import LABELS, plot
from recurrent import gru, unroll
from recurrent.layers import mean_over_time


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    slots: int = 6
    """Places on a plate, each 8 columns wide; training uses the even ones, counted from 0."""
    hidden_size: int = 64
    """Units of the GRU."""
    updates: int = 800
    """Updates of the GRU."""
    batch_size: int = 64
    """Plates per update."""
    noise: float = 0.1
    """Standard deviation of the noise on every pixel."""
    seeds: int = 3
    """Networks of each kind."""
    seed: int = 0
    """Seed of the split and the networks."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "hidden_size", "updates", "batch_size", "seeds")
        if self.slots < 2:
            raise ValueError(f"--slots must be at least 2, one to train on and one to test on; got {self.slots}")
        if self.noise < 0:
            raise ValueError(f"--noise must be at least 0; got {self.noise}")


def batch_of(config: Config, images, labels, allowed, key):
    """Draws plates with digits at allowed places."""
    k_image, k_slot, k_noise = jax.random.split(key, 3)
    chosen = jax.random.choice(k_image, len(labels), (config.batch_size,))
    slot = jax.random.choice(k_slot, allowed, (config.batch_size,))
    noise = config.noise * jax.random.normal(k_noise, (config.batch_size, 8, 8 * config.slots + 8))
    return plates(images[chosen], slot, config.slots, noise), labels[chosen]


def run(config: Config, part: Part = compute_now) -> Results:
    """Trains a GRU and two models of the whole plate, and tests each at every place."""
    images, labels = handwritten.load()
    order = np.random.default_rng(config.seed).permutation(len(labels))
    cut = len(order) * 7 // 10
    seen, unseen = ((images[chosen], labels[chosen]) for chosen in (order[:cut], order[cut:]))
    trained_slots = np.arange(0, config.slots, 2)
    accuracy = {
        "gru": part("gru", lambda: {"accuracy": _gru(config, seen, unseen, trained_slots)})["accuracy"],
        **part("whole", lambda: _whole(config, seen, unseen, trained_slots)),
    }
    rows = [
        {"model": LABELS[name], "place": slot, "trained": "yes" if slot in trained_slots else "never",
         "accuracy": float(np.median(values[:, slot])), "worst seed": float(values[:, slot].min())}
        for name, values in accuracy.items() for slot in range(config.slots)
    ]  # fmt: skip
    others = [slot for slot in range(config.slots) if slot not in trained_slots]
    summary = {"chance": 0.1}
    for name, values in accuracy.items():
        summary[f"{name}, trained places"] = float(np.median(values[:, trained_slots].mean(axis=1)))
        summary[f"{name}, places never trained"] = float(np.median(values[:, others].mean(axis=1)))
    return Results(rows, summary, accuracy)


def _gru(config: Config, seen, unseen, trained_slots) -> np.ndarray:
    cell = gru(8, config.hidden_size)
    networks = draw_all(cell, jax.random.split(jax.random.key(config.seed), config.seeds), 10, config.hidden_size)

    def features(network, columns):
        return mean_over_time(unroll(cell, network.cell, columns, backprop="explicit")[1])

    def loss_of(network, given, key):
        images, labels, allowed = given
        columns, targets = batch_of(config, images, labels, allowed, key)
        return mean_loss(network, features(network, columns), targets)

    given = *map(jnp.asarray, seen), jnp.asarray(trained_slots)
    batches = batch_keys(config.seed, config.seeds, config.updates)
    stacked, _ = train(loss_of, networks, batches, 3e-3, "plates", given=given)
    images, labels = unseen

    @jax.jit
    def accuracies(network):
        def at(slot):
            noise = config.noise * jax.random.normal(jax.random.key(slot), (len(labels), 8, 8 * config.slots + 8))
            columns = plates(jnp.asarray(images), jnp.full(len(labels), slot), config.slots, noise)
            guesses = logits_of(network, features(network, columns)).argmax(axis=-1)
            return jnp.mean(guesses == jnp.asarray(labels))

        return jnp.stack([at(slot) for slot in range(config.slots)])

    return np.stack([np.asarray(accuracies(network)) for network in unstack(stacked)])


def _whole(config: Config, seen, unseen, trained_slots) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(config.seed)

    def flat(images, slot):
        noise = config.noise * rng.normal(size=(len(images), 8, 8 * config.slots + 8)).astype(np.float32)
        columns = np.asarray(plates(jnp.asarray(images), jnp.asarray(slot), config.slots, noise))
        return columns.transpose(1, 0, 2).reshape(len(images), -1)

    def scores(model):
        images, labels = unseen
        return [model.score(flat(images, np.full(len(images), slot)), labels) for slot in range(config.slots)]

    images, ys = np.tile(seen[0], (3, 1, 1)), np.tile(seen[1], 3)
    xs = flat(images, rng.choice(trained_slots, len(images)))
    mlps = [
        MLPClassifier(hidden_layer_sizes=(config.hidden_size,), early_stopping=True, random_state=s).fit(xs, ys)
        for s in range(config.seeds)
    ]
    linear = LogisticRegression(max_iter=1000, C=0.1).fit(xs, ys)
    return {"mlp": np.array([scores(m) for m in mlps]), "linear": np.array([scores(linear)])}


def check(config: Config, results: Results) -> list[Check]:
    """Tests that the shared parameters carry over to unseen places, and that those of the window do not."""
    del config
    gap = results.summary["gru, trained places"] - results.summary["gru, places never trained"]
    ours, mlp = (results.summary[f"{name}, places never trained"] for name in ("gru", "mlp"))
    return [
        Check("accuracy of the GRU at places never trained", ours, "at least 0.85", ours >= 0.85),
        Check("what the GRU loses there", gap, "at most 0.05", gap <= 0.05),
        Check("accuracy of the MLP there", mlp, "at most 0.3", mlp <= 0.3),
    ]


EXPERIMENT = Experiment(
    name="plates",
    claim="Parameters shared over time recognise a digit wherever it stands; a model of the whole plate must see every place.",
    source="Goodfellow, Bengio & Courville (2016), Deep learning, chapter 10; LeCun et al. (1998) on shared weights",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)
