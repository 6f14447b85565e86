"""Depth: plain, residual and dense stacks of tanh layers on digits read row by row, and what their single layers are worth.

Margins were fixed before the test digits were looked at, for a deepest stack of 16 layers. On the training digits the plain
stack was then seen to learn at 16, so 32 was added; the margins stayed. At 16 layers the plain stack falls behind by less
than the margin (residual by 0.07, dense by 0.09). The initialisation is the library's: Glorot for input kernels, orthogonal
for recurrent ones. It keeps gradients alive in all three stacks, so that what depth does to the plain one is not that its
gradient vanishes. The learning rate is the best of 0.0005, 0.001 and 0.003 for the plain stack of 32 layers, on training
digits (at 0.003 it learns nothing). It is low for stacks of one and two layers, which still learn at the end.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common import handwritten
from experiments.common.checks import Check
from experiments.common.experiment import Experiment, Results
from experiments.common.networks import Network, from_arrays, logits_of, mean_loss, to_arrays
from experiments.common.options import check_counts, check_positive, option
from experiments.common.parts import Part, compute_now
from experiments.common.sweeping import sweep
from experiments.common.training import batch_keys, train
from experiments.depth import lesions
from experiments.depth.figure import plot
from experiments.depth.networks import KINDS, Kind, count_used, draw_stacks, layer_norms, make_stack
from recurrent import Layer

SKIP_MARGIN = 0.10
"""How much better, in test accuracy, the deepest residual or dense stack must be than the deepest plain one."""
DEPTH_MARGIN = 0.03
"""How much worse than at its own best depth the deepest residual or dense stack may be."""
RESIDUAL_COST, PLAIN_COST = 0.10, 0.40
"""What deleting one layer may cost a residual stack, and must cost a plain one: accuracy lost, median of layers and seeds."""
LEARNED = 0.8
"""Median test accuracy from which a stack counts as trained; of the plain ones, the deepest that is trained is cut."""
STEPS = 8
"""Rows of a digit, read one by one."""
PROBED = 256
"""Training digits whose gradient is measured before training."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    depths: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    """Layers of the stacks, increasing."""
    hidden_size: int = 32
    """Units of every layer of the plain and the residual stacks."""
    dense_size: int = 16
    """Units of every layer of the dense stacks, which are read by all layers above."""
    batch_size: int = 32
    """Digits per update."""
    updates: int = 600
    """Updates per training."""
    learning_rate: float = 1e-3
    """Learning rate of Adam at the start, for all stacks; it falls to 0 along a cosine."""
    counts: tuple[int, ...] = (1, 2, 4, 8, 16)
    """Numbers of layers deleted at random, and of random swaps."""
    draws: int = 6
    """Random choices per number and seed."""
    lesion_digits: int = 200
    """Test digits on which stacks with deleted or swapped layers are tested."""
    seeds: int = 3
    """Networks per setting."""
    seed: int = 0
    """Seed of networks, batches and lesions; the split into training and test digits is always the same."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "hidden_size", "dense_size", "batch_size", "updates", "draws", "lesion_digits", "seeds")
        for name in ("depths", "counts"):
            values = getattr(self, name)
            if not values or values[0] < 1 or sorted(set(values)) != list(values):
                raise ValueError(f"{option(name)} must be increasing numbers from 1 on; got {values}: try 1 2 4")
        if self.depths[-1] < 3:
            raise ValueError(f"--depths must end with at least 3, so that two layers can be swapped; got {self.depths}")
        check_positive(self, "learning_rate")
        check_counts(self, "seed", least=0)

    def width(self, kind: Kind) -> int:
        """Units per layer of one kind of stack."""
        return self.dense_size if kind == "dense" else self.hidden_size


def features_of(layer: Layer, network: Network, xs: Array) -> Array:
    """What the stack emits at the last row of each image."""
    return layer.apply(network.cell, xs)[1][-1]


def scores_of(layer: Layer, network: Network, xs: Array, labels: Array) -> tuple[Array, Array]:
    """Mean loss and accuracy."""
    features = features_of(layer, network, xs)
    correct = logits_of(network, features).argmax(axis=-1) == labels
    return mean_loss(network, features, labels), jnp.mean(correct)


def run(config: Config, part: Part = compute_now) -> Results:
    """Trains all stacks, then deletes and swaps layers of the deepest ones that are trained."""
    images, labels, test_images, test_labels = handwritten.split()
    seen = handwritten.read(images, STEPS), jnp.asarray(labels)
    unseen = handwritten.read(test_images, STEPS), jnp.asarray(test_labels)
    linear = part("logistic", lambda: {"accuracy": handwritten.logistic_accuracy()})["accuracy"].item()
    keys = jax.random.split(jax.random.key(config.seed), config.seeds)
    rows, curves, stacks = {}, {}, {}
    for kind in KINDS:
        for depth in config.depths:
            layer = make_stack(kind, seen[0].shape[-1], config.width(kind), depth)
            drawn = draw_stacks(kind, layer, keys, config.width(kind), depth)
            options = (config, layer, drawn, seen, unseen, f"{kind} {depth}")
            saved = part(f"{kind}-{depth}", lambda options=options: _trained(*options))
            stacks[kind, depth] = layer, from_arrays(saved, drawn)
            rows[kind, depth] = _row(kind, depth, count_used(drawn), saved)
            measured = ("norms", "loss", "training_loss", "training_accuracy", "accuracy")
            curves |= {f"{name}/{kind}/{depth}": saved[name] for name in measured}
    few = unseen[0][:, : config.lesion_digits], unseen[1][: config.lesion_digits]
    for kind, depth in to_cut(config, rows):
        layer, networks = stacks[kind, depth]
        options = (config, kind, layer, networks, few, f"cutting {kind} {depth}")
        cut = part(f"lesions-{kind}-{depth}", lambda options=options: _lesions(*options))
        rows[kind, depth] |= _costs(cut)
        curves |= {f"{name}/{kind}/{depth}": value for name, value in cut.items()}
    chance = float((test_labels == np.bincount(labels).argmax()).mean())
    found = [*rows.values(), {"stack": "logistic regression", "parameters": 650, "test": linear}]
    found.append({"stack": "most frequent digit", "test": chance})
    return Results(found, {"test digits": len(test_labels), "logistic regression": linear, "chance": chance}, curves)


def to_cut(config: Config, rows: dict[tuple[Kind, int], dict[str, Any]]) -> list[tuple[Kind, int]]:
    """The deepest plain stack that is trained, the residual one beside it, and the deepest residual and dense stacks."""
    depths = [depth for depth in config.depths if depth >= 3]
    trained = [depth for depth in depths if rows["plain", depth]["test"] >= LEARNED]
    beside = trained[-1] if trained else depths[-1]
    return list(dict.fromkeys([("plain", beside), ("residual", beside), ("residual", depths[-1]), ("dense", depths[-1])]))


def _trained(config: Config, layer: Layer, networks: Network, seen, unseen, label: str) -> dict[str, np.ndarray]:
    """Trains one stack per seed; measures gradients before, losses and accuracies after."""

    def loss_of(network, given, key):
        xs, labels = given
        batch = jax.random.randint(key, (config.batch_size,), 0, len(labels))
        return mean_loss(network, features_of(layer, network, xs[:, batch]), labels[batch])

    def norms_of(network):
        def loss(network):
            return mean_loss(network, features_of(layer, network, seen[0][:, :PROBED]), seen[1][:PROBED])

        return layer_norms(jax.grad(loss)(network).cell)

    norms = jax.jit(lambda networks: sweep(norms_of, networks))(networks)
    batches = batch_keys(config.seed + 1, config.seeds, config.updates)
    found, losses = train(loss_of, networks, batches, config.learning_rate, label, given=seen)
    score = jax.jit(lambda networks, xs, labels: sweep(lambda one: scores_of(layer, one, xs, labels), networks))
    (loss, known), (_, accuracy) = score(found, *seen), score(found, *unseen)
    measured = {"norms": norms, "loss": losses, "training_loss": loss, "training_accuracy": known, "accuracy": accuracy}
    return {**to_arrays(found), **{name: np.asarray(value) for name, value in measured.items()}}


def _row(kind: Kind, depth: int, parameters: int, found: dict[str, np.ndarray]) -> dict[str, Any]:
    return {
        "stack": kind,
        "depth": depth,
        "parameters": parameters,
        "gradient, first": float(np.median(found["norms"][:, 0])),
        "last layer": float(np.median(found["norms"][:, -1])),
        "training loss": float(np.median(found["training_loss"])),
        "training": float(np.median(found["training_accuracy"])),
        "test": float(np.median(found["accuracy"])),
        "worst seed": float(found["accuracy"].min()),
    }


def _lesions(config: Config, kind: Kind, layer: Layer, networks: Network, few, label: str) -> dict[str, np.ndarray]:
    """Accuracies `[seed, variant]` of a stack whose blocks are left out or in another order; the first layer stays."""
    blocks, rng = networks.cell.blocks.bias.shape[1], np.random.default_rng(config.seed)
    orders = {"whole": np.arange(blocks)[None], "one": lesions.without_one(blocks)}
    counts = [count for count in config.counts if count <= blocks]
    for count in counts:
        orders[f"deleted_{count}"] = lesions.without_random(blocks, count, config.draws, rng)
    if kind != "dense":
        orders["neighbours"] = lesions.with_neighbours_swapped(blocks)
        for count in counts:
            orders[f"swapped_{count}"] = lesions.with_random_swaps(blocks, count, config.draws, rng)

    @jax.jit
    def accuracies(networks, orders):
        def one(network):
            return jax.lax.map(lambda order: scores_of(layer, lesions.apply(kind, network, order), *few)[1], orders)

        return sweep(one, networks)

    variants = tqdm(orders.items(), desc=label, leave=False)
    return {name: np.asarray(accuracies(networks, jnp.asarray(order))) for name, order in variants}


def _costs(cut: dict[str, np.ndarray]) -> dict[str, float]:
    """Accuracy lost by deleting one layer, in the median and the worst layer; by swapping two neighbours."""
    lost = cut["whole"] - cut["one"]
    costs = {"one deleted": float(np.median(lost)), "worst deleted": float(np.median(lost.max(axis=1)))}
    if "neighbours" in cut:
        costs["swapped"] = float(np.median(cut["whole"] - cut["neighbours"]))
    return costs


def check(config: Config, results: Results) -> list[Check]:
    """Tests the margins fixed in advance."""
    rows = {(row["stack"], row.get("depth")): row for row in results.rows}
    deepest, checks = config.depths[-1], []
    for kind in ("residual", "dense"):
        ours = rows[kind, deepest]["test"]
        gain = ours - rows["plain", deepest]["test"]
        fall = max(rows[kind, depth]["test"] for depth in config.depths) - ours
        name = f"{deepest} layers: {kind} minus plain, medians"
        checks.append(Check(name, gain, f"at least {SKIP_MARGIN}", gain >= SKIP_MARGIN))
        name = f"{deepest} layers: {kind}, below its best depth"
        checks.append(Check(name, fall, f"at most {DEPTH_MARGIN}", fall <= DEPTH_MARGIN))
    cost = rows["residual", deepest]["one deleted"]
    name = f"residual {deepest}: lost with one layer, median layer"
    checks.append(Check(name, cost, f"at most {RESIDUAL_COST}", cost <= RESIDUAL_COST))
    depth, cost = next((d, row["one deleted"]) for (kind, d), row in rows.items() if kind == "plain" and "one deleted" in row)
    name = f"plain {depth}: lost with one layer, median layer"
    return [*checks, Check(name, cost, f"at least {PLAIN_COST}", cost >= PLAIN_COST)]


EXPERIMENT = Experiment(
    name="depth",
    claim="Depth hurts a plain stack, not one with skips; a residual one can spare most single layers, a plain one none.",
    source="He et al. (2016); Huang et al. (2017); Veit, Wilber & Belongie (2016)",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)
