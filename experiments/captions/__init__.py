"""One to many: a picture of a digit to its name in letters, with the picture at the first step only or at every step."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.linear_model import LogisticRegression

from experiments.captions.data import END, NAMES, STEPS, as_names, spelled
from experiments.captions.figure import plot
from experiments.captions.networks import FEEDS, Model, Network, make_model
from experiments.common import handwritten, training
from experiments.common.checks import Check
from experiments.common.experiment import Experiment, Results
from experiments.common.options import check_counts, check_positive
from experiments.common.parts import Part, compute_now
from experiments.common.sweeping import sweep
from recurrent.losses import cross_entropy, masked_mean
from recurrent.seq2seq import greedy

FINAL = 50
"""Updates at the end whose mean is the training loss."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    hidden_size: int = 64
    """Units of the LSTM."""
    embed_size: int = 16
    """Features of an embedded letter, and of the picture's linear map."""
    batch_size: int = 64
    """Pictures per update."""
    updates: int = 1500
    """Updates per training."""
    learning_rate: float = 5e-3
    """Peak of Adam's learning rate, which then falls to 0 along a cosine."""
    held_out: float = 0.3
    """Share of the pictures that is held out; the split is the same for every seed."""
    seeds: int = 3
    """Networks per variant."""
    seed: int = 0
    """Seed of the split, the networks and the batches."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "hidden_size", "embed_size", "batch_size", "updates", "seeds")
        check_positive(self, "learning_rate")
        if not 0.01 <= self.held_out <= 0.99:
            raise ValueError(f"--held-out must lie between 0.01 and 0.99; got {self.held_out}: try 0.3")
        check_counts(self, "seed", least=0)


def model_of(config: Config, feed: str) -> Model:
    """One of the `FEEDS`."""
    return make_model(config.embed_size, config.hidden_size, feed)


def split(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Which pictures to train on, and which are held out."""
    order = np.random.default_rng(config.seed).permutation(len(handwritten.load()[1]))
    held_out = round(config.held_out * len(order))
    return order[held_out:], order[:held_out]


def train(config: Config, feed: str, chosen: np.ndarray) -> tuple[Network, np.ndarray]:
    """Trains the variant's networks with teacher forcing; returns them, `[seed, ...]`, and the losses `[seed, update]`."""
    model = model_of(config, feed)
    images, labels = handwritten.load()
    tokens, counts = map(jnp.asarray, spelled())

    def loss_of(network, given, batch):
        pictures, labels = given
        targets = tokens[:, labels[batch]]
        fed = jnp.concatenate([jnp.full_like(targets[:1], END), targets[:-1]])
        state = model.start(network, pictures[batch])
        _, logits = jax.lax.scan(lambda state, token: model.step(network, state, token), state, fed)
        return masked_mean(cross_entropy(logits, targets), counts[:, labels[batch]])

    networks = jax.jit(jax.vmap(model.init))(jax.random.split(jax.random.key(config.seed), config.seeds))
    shape = (config.seeds, config.updates, config.batch_size)
    batches = np.random.default_rng(config.seed).integers(0, len(chosen), shape)
    given = jnp.asarray(images[chosen].reshape(-1, 64)), jnp.asarray(labels[chosen])
    label = f"captions, {feed}"
    return training.train(loss_of, networks, batches, config.learning_rate, label, given=given, warm_up=True)


def write(config: Config, feed: str, networks: Network, pictures: np.ndarray) -> np.ndarray:
    """Names the pictures greedily; returns symbols `[seed, 6, pictures]`."""
    model = model_of(config, feed)

    def one(network):
        state, first = model.start(network, jnp.asarray(pictures)), jnp.full(len(pictures), END, jnp.int32)
        return greedy(lambda state, token: model.step(network, state, token), state, first, num_steps=STEPS, end=END).tokens

    return np.asarray(jax.jit(lambda networks: sweep(one, networks))(networks))


def run(config: Config, part: Part = compute_now) -> Results:
    """Trains and tests both variants; beside them, a classifier that need not spell, and the most frequent name."""
    chosen, held_out = split(config)
    images, labels = handwritten.load()
    pictures, truth = images[held_out].reshape(-1, 64), labels[held_out]
    usual = int(np.bincount(labels[chosen]).argmax())

    def trained(feed):
        networks, losses = train(config, feed, chosen)
        leaves = {f"parameters {i}": leaf for i, leaf in enumerate(jax.tree.leaves(networks))}
        return {"loss": losses, "written": write(config, feed, networks, pictures), **leaves}

    curves: dict[str, np.ndarray] = {"truth": np.array(NAMES)[truth], "pictures": pictures.reshape(-1, 8, 8)}
    rows: list[dict[str, Any]] = []
    for feed in FEEDS:
        found = part(feed.replace(" ", "_"), lambda feed=feed: trained(feed))
        curves |= {f"loss/{feed}": found["loss"], f"names/{feed}": as_names(found["written"])}
        right = (curves[f"names/{feed}"] == curves["truth"]).mean(axis=1)
        real = np.isin(curves[f"names/{feed}"], NAMES)
        rows.append({
            "picture fed at": feed,
            "exact match": float(right.mean()),
            "worst seed": float(right.min()),
            "best seed": float(right.max()),
            "writes one of the ten names": float(real.mean()),
            "training loss": float(np.asarray(found["loss"])[:, -FINAL:].mean()),
        })  # fmt: skip
    flat = images.reshape(-1, 64)
    classes = LogisticRegression(max_iter=2000).fit(flat[chosen], labels[chosen]).predict(flat[held_out])
    rows.append({"picture fed at": "softmax regression, ten classes", "exact match": float((truth == classes).mean())})
    rows.append({"picture fed at": f'baseline: always "{NAMES[usual]}"', "exact match": float((truth == usual).mean())})
    summary = {"held out": len(held_out), "seeds": config.seeds, "updates": config.updates}
    return Results(rows, summary, curves)


def check(config: Config, results: Results) -> list[Check]:
    """Tests the better variant's mean over the seeds."""
    best = max(row["exact match"] for row in results.rows[: len(FEEDS)])
    return [Check("exact match on held-out pictures, better variant, mean over seeds", best, "at least 0.95", best >= 0.95)]


EXPERIMENT = Experiment(
    name="captions",
    claim="An LSTM spells the name of a digit it sees, whether it sees the picture once or at every letter.",
    source="Vinyals, Toshev, Bengio & Erhan (2015), Show and tell, section 3.1",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)
