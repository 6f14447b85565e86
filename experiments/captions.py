"""One to many: a picture of a digit to its name in letters, with the picture at the first step only or at every step."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from experiments import _data
from experiments._captions_figure import plot
from experiments._run import Check, Experiment, Part, Results, check_counts, compute_now, main, sweep
from recurrent import clip_by_global_norm, lstm
from recurrent.decoding import greedy
from recurrent.layers import embed, linear, linear_map
from recurrent.losses import cross_entropy, masked_mean
from recurrent.types import State

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LETTERS = "".join(sorted(set("".join(NAMES))))
END = len(LETTERS)
"""The symbol after a name, and also the one before its first letter."""
STEPS = max(map(len, NAMES)) + 1
FEEDS = ("first step", "every step")
TICK = 50
"""Updates between two reports of progress."""


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
        if not 0 < self.learning_rate < np.inf:
            raise ValueError(f"learning_rate must be positive and finite; got {self.learning_rate}: try 0.005")
        if not 0.01 <= self.held_out <= 0.99:
            raise ValueError(f"held_out must lie between 0.01 and 0.99; got {self.held_out}: try 0.3")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0; got {self.seed}: give 0, 1, ...")


class Network(NamedTuple):
    """Parameters: of the picture's linear map, the letters' embedding, the LSTM and the readout."""

    picture: Any
    letters: Any
    cell: Any
    readout: Any


class Model(NamedTuple):
    """`init(key) -> network`, `start(network, pictures) -> state`, `step(network, state, token) -> (state, logits)`."""

    init: Any
    start: Any
    step: Any


def make_model(config: Config, feed: str) -> Model:
    """The LSTM reads [embedded letter, linear map of the picture]; after the first step the latter may be 0."""
    size, symbols = config.embed_size, len(LETTERS) + 1
    look, letters, readout = linear(64, size), embed(symbols, size), linear(config.hidden_size, symbols)
    cell = lstm(2 * size, config.hidden_size)

    def init(key):
        keys = jax.random.split(key, 4)
        parts = (look, letters, cell, readout)
        return Network(*(layer.init(k) for layer, k in zip(parts, keys, strict=True)))

    def start(network: Network, pictures: Array) -> State:
        return cell.initial_state(network.cell, pictures.shape[:1]), linear_map(network.picture, pictures)

    def step(network: Network, state: State, token: Array):
        state, seen = state
        x = jnp.concatenate([letters.apply(network.letters, token[None])[0], seen], axis=-1)
        state, y = cell.step(network.cell, state, x)
        return (state, seen if feed == "every step" else jnp.zeros_like(seen)), linear_map(network.readout, y)

    return Model(init, start, step)


def spelled() -> tuple[np.ndarray, np.ndarray]:
    """The ten names as symbols with the end symbol behind them, `[6, 10]`, and which of these count: up to the first end."""
    tokens = np.full((STEPS, 10), END, np.int32)
    for digit, name in enumerate(NAMES):
        tokens[: len(name), digit] = [LETTERS.index(letter) for letter in name]
    return tokens, np.arange(STEPS)[:, None] <= np.array([len(name) for name in NAMES])


def split(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Which pictures to train on, and which are held out."""
    order = np.random.default_rng(config.seed).permutation(len(_data.digits()[1]))
    held_out = round(config.held_out * len(order))
    return order[held_out:], order[:held_out]


def train(config: Config, feed: str, chosen: np.ndarray) -> tuple[Network, np.ndarray]:
    """Trains the variant's networks with teacher forcing; returns them, `[seed, ...]`, and the losses `[seed, update]`."""
    model = make_model(config, feed)
    images, labels = _data.digits()
    pictures, labels = jnp.asarray(images[chosen].reshape(-1, 64)), jnp.asarray(labels[chosen])
    tokens, counts = map(jnp.asarray, spelled())
    schedule = optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, config.updates // 20 + 1, config.updates + 1)
    optimizer = optax.chain(clip_by_global_norm(1.0), optax.adam(schedule))

    def loss_of(network, batch):
        targets = tokens[:, labels[batch]]
        fed = jnp.concatenate([jnp.full_like(targets[:1], END), targets[:-1]])
        state = model.start(network, pictures[batch])
        _, logits = jax.lax.scan(lambda state, token: model.step(network, state, token), state, fed)
        return masked_mean(cross_entropy(logits, targets), counts[:, labels[batch]])

    def update(carry, batch):
        network, state = carry
        loss, gradient = jax.value_and_grad(loss_of)(network, batch)
        updates, state = optimizer.update(gradient, state, network)
        return (optax.apply_updates(network, updates), state), loss

    several = jax.jit(lambda carries, batches: sweep(lambda both: jax.lax.scan(update, *both), (carries, batches)))
    networks = jax.jit(jax.vmap(model.init))(jax.random.split(jax.random.key(config.seed), config.seeds))
    shape = (config.seeds, config.updates, config.batch_size)
    batches = np.random.default_rng(config.seed).integers(0, len(chosen), shape)
    carries, losses = (networks, jax.jit(jax.vmap(optimizer.init))(networks)), []
    with tqdm(total=config.updates, desc=f"captions, {feed}", unit="update") as progress:
        for first in range(0, config.updates, TICK):
            carries, found = several(carries, jnp.asarray(batches[:, first : first + TICK]))
            losses.append(np.asarray(found))
            progress.set_postfix(loss=f"{losses[-1].mean():.4f}")
            progress.update(losses[-1].shape[1])
    return carries[0], np.concatenate(losses, axis=1)


def write(config: Config, feed: str, networks: Network, pictures: np.ndarray) -> np.ndarray:
    """Names the pictures greedily; returns symbols `[seed, 6, pictures]`."""
    model = make_model(config, feed)

    def one(network):
        state, first = model.start(network, jnp.asarray(pictures)), jnp.full(len(pictures), END, jnp.int32)
        return greedy(lambda state, token: model.step(network, state, token), state, first, num_steps=STEPS, end=END).tokens

    return np.asarray(jax.jit(lambda networks: sweep(one, networks))(networks))


def as_names(written: np.ndarray) -> np.ndarray:
    """Joins letters `[seed, 6, pictures]` to names `[seed, pictures]`."""
    letters = np.array([*LETTERS, ""])
    return np.array([["".join(column) for column in letters[one].T] for one in written])


def run(config: Config, part: Part = compute_now) -> Results:
    """Trains and tests both variants; beside them, a classifier that need not spell, and the most frequent name."""
    training, held_out = split(config)
    images, labels = _data.digits()
    pictures, truth = images[held_out].reshape(-1, 64), labels[held_out]
    usual = int(np.bincount(labels[training]).argmax())

    def trained(feed):
        networks, losses = train(config, feed, training)
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
            "training loss": float(np.asarray(found["loss"])[:, -TICK:].mean()),
        })  # fmt: skip
    flat = images.reshape(-1, 64)
    classes = LogisticRegression(max_iter=2000).fit(flat[training], labels[training]).predict(flat[held_out])
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
    duration="1 minute",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)

if __name__ == "__main__":
    main(EXPERIMENT)
