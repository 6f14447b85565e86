"""Depth: plain, residual and dense stacks of tanh layers on digits read row by row, and what their single layers are worth.

Claim. Depth hurts a plain stack, not one with skips; a residual one can spare most single layers, a plain one none.

Criteria, fixed before this experiment was run; each compares the unfavourable bound of a 95 % interval over seeds (Student),
paired by seed:

1. At 16 layers, the depth set first, residual and dense stacks are better than plain ones by 0.10 of test accuracy or more. An
   earlier version missed this (residual by 0.07, dense by 0.09 in the median of 3 seeds) and then added 32 layers. It stays.
2. The same at 32 layers.
3. A plain stack of 32 layers is worse by 0.10 or more than plain ones of their best depth.
4. Residual and dense stacks of 32 layers are worse by 0.03 at most than those of their best depth.
5. A layer can be spared if the accuracy lost without it is 0.10 or less. A residual stack of 32 layers can spare the median
   layer; a plain stack loses 0.40 or more with the median one, and 0.10 or more with the cheapest one.

Data. Scikit-learn's digits, 8 rows of 8 pixels: 30 % are test digits, as everywhere here. Of the others a fifth are validation
digits. On these are chosen: the learning rate, for every kind and depth, by the mean accuracy of 2 networks per rate of a grid
that is the same for all; the best depth of 3 and 4; and the plain stack to cut, the deepest whose mean accuracy is 0.8 or more.
The networks of the trials are not among the 5 that are tested. Test digits are scored once, by networks of the chosen rate.
Stacks of one seed share batches, and plain and residual ones their initial parameters.

Baselines. Logistic regression on all 64 pixels at once, its penalty chosen on the validation digits among as many values as
there are learning rates; and the most frequent digit. No criterion compares with them.

What a sceptic could say. The grid has four rates a factor of three apart, and two trials each: a plain stack may want a finer
one, a warm-up, more updates, or another initialisation (here Glorot and orthogonal, which keep gradients alive in all stacks).
The dense stacks are narrower, and all stacks grow with depth, so that nothing here is of equal size. Intervals are over seeds,
not over splits of the digits. "Best depth" and "learned" are judged on 252 digits. A layer deleted from a plain stack leaves
the next one inputs that it never saw, one deleted from a residual stack leaves most of them.

Seen afterwards, with nothing changed for it: criterion 1 is missed again, and 4 by residual stacks, one of which in five falls
behind. Several stacks, residual ones of 32 layers among them, take the highest rate of the grid, on two trials each.
"""

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.checks import Check, at_least, at_most
from experiments.common.devices import PARTS
from experiments.common.experiment import Experiment, Results
from experiments.common.networks import Network, from_arrays, mean_loss, to_arrays
from experiments.common.options import check_counts, option
from experiments.common.parts import Part, compute_now
from experiments.common.training import batch_keys
from experiments.depth import findings, lesions
from experiments.depth.data import Digits, load, logistic
from experiments.depth.figure import plot
from experiments.depth.networks import KINDS, Kind, count_used, draw_stacks, layer_norms, make_stack
from experiments.depth.training import accuracies, features_of, train_each
from recurrent import Layer

FIRST, DEEPEST = 16, 32
"""The depths of the criteria: the one set first, and the one added later."""
SKIP_MARGIN = 0.10
"""How much better, in test accuracy, skips must be than none; and how much worse a deep plain stack than a shallower one."""
DEPTH_MARGIN = 0.03
"""How much worse than at its own best depth the deepest residual or dense stack may be."""
SPARED, PLAIN_COST = 0.10, 0.40
"""The largest accuracy lost with a layer that can be spared, and what the median layer of a plain stack must cost."""
LEARNED = 0.8
"""Mean validation accuracy from which a stack counts as trained; of the plain ones, the deepest that is trained is cut."""
PROBED = 256
"""Training digits whose gradient is measured before training."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    depths: tuple[int, ...] = (2, 8, 16, 32)
    """Layers of the stacks, increasing."""
    hidden_size: int = 32
    """Units of every layer of the plain and the residual stacks."""
    dense_size: int = 8
    """Units of every layer of the dense stacks, which are read by all layers above."""
    batch_size: int = 32
    """Digits per update."""
    updates: int = 400
    """Updates per training."""
    learning_rates: tuple[float, ...] = (3e-4, 1e-3, 3e-3, 1e-2)
    """Learning rates of Adam at the start, increasing, of which validation chooses; they fall to 0 along a cosine."""
    pilots: int = 2
    """Networks per learning rate that is tried."""
    seeds: int = 5
    """Networks per kind and depth that are tested."""
    seed: int = 0
    """Seed of networks and batches; the split of the digits is always the same."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "hidden_size", "dense_size", "batch_size", "updates", "pilots")
        check_counts(self, "seeds", least=2)
        _check_increasing("depths", self.depths, example="2 8 32")
        if self.depths[-1] < 3:
            raise ValueError(
                f"--depths must end with at least 3, so that there are layers to delete; got {self.depths}: try 2 8"
            )
        _check_increasing("learning_rates", self.learning_rates, example="0.001 0.01")
        if len(self.learning_rates) < 2:
            raise ValueError(f"--learning-rates must be two or more to choose from; got {self.learning_rates}: try 0.001 0.01")
        check_counts(self, "seed", least=0)

    def width(self, kind: Kind) -> int:
        """Units per layer of one kind of stack."""
        return self.dense_size if kind == "dense" else self.hidden_size


def _check_increasing(name: str, values: tuple, example: str) -> None:
    if not values or values[0] <= 0 or sorted(set(values)) != list(values):
        raise ValueError(f"{option(name)} must be increasing numbers above 0; got {values}: try {example}")


def run(config: Config, part: Part = compute_now) -> Results:
    """Chooses a learning rate for every kind and depth, trains and tests stacks at it, and deletes layers of some."""
    digits = load()
    baseline = part("logistic", lambda: logistic(digits, penalties=len(config.learning_rates)))
    rows, curves, stacks = {}, {}, {}
    pixels = digits.training[0].shape[-1]
    layers: dict[tuple[Kind, int], Layer] = {
        (kind, depth): make_stack(kind, pixels, config.width(kind), depth)
        for kind, depth in itertools.product(KINDS, config.depths)
    }
    tried = part.each("trials", lambda key: _trials(config, *key, layers[key], digits), layers)
    rates = {key: config.learning_rates[best_trial(found["validation"])] for key, found in tried.items()}
    trained = part.each("training", lambda key: _trained(config, *key, layers[key], digits, rates[key]), layers)
    for (kind, depth), saved in trained.items():
        layer = layers[kind, depth]
        networks = _drawn(config, kind, depth, layer, _seeds(config))
        stacks[kind, depth] = layer, from_arrays(saved, networks)
        measured = {name: saved[name] for name in ("accuracy", "validation", "training", "norms")}
        curves |= {f"{name}/{kind}/{depth}": value for name, value in measured.items()}
        curves[f"trials/{kind}/{depth}"] = tried[kind, depth]["validation"]
        rows[kind, depth] = _row(kind, depth, rates[kind, depth], count_used(networks), measured)

    def cut_accuracies(key):
        (kind, depth), (layer, networks) = key, stacks[key]
        return lesions.cut_accuracies(layer, networks, digits.test, f"cutting {kind} {depth}")

    for (kind, depth), cut in part.each("lesions", cut_accuracies, to_cut(config, curves)).items():
        curves[f"lost/{kind}/{depth}"] = cut["whole"][:, None] - cut["without"]
        rows[kind, depth] |= _costs(curves[f"lost/{kind}/{depth}"])
    (_, labels), (_, test_labels) = digits.training, digits.test
    chance = float((np.asarray(test_labels) == np.bincount(labels).argmax()).mean())
    linear = {"parameters": 650, "validation": float(baseline["validation"]), "test": float(baseline["test"])}
    found = [*rows.values(), {"stack": "logistic regression", **linear}, {"stack": "most frequent digit", "test": chance}]
    sizes = {f"{name} digits": len(labels) for name, (_, labels) in digits._asdict().items()}
    return Results(found, {**sizes, "logistic regression": linear["test"], "chance": chance}, curves)


def best_trial(validation: np.ndarray) -> int:
    """The index of the learning rate with the best mean accuracy `[rate, network]`; of equals the smallest."""
    return int(np.argmax(validation.mean(axis=1)))


def to_cut(config: Config, curves: dict[str, np.ndarray]) -> list[tuple[Kind, int]]:
    """The deepest plain stack that has learned, by its validation accuracy; the residual one beside it, and the deepest one."""
    depths = [depth for depth in config.depths if depth >= 3]
    learned = [depth for depth in depths if curves[f"validation/plain/{depth}"].mean() >= LEARNED]
    beside = learned[-1] if learned else depths[-1]
    return list(dict.fromkeys([("plain", beside), ("residual", beside), ("residual", depths[-1])]))


def _seeds(config: Config) -> jax.Array:
    return jax.random.split(jax.random.key(config.seed), config.seeds)


def _drawn(config: Config, kind: Kind, depth: int, layer: Layer, keys: jax.Array) -> Network:
    return draw_stacks(kind, layer, keys, config.width(kind), depth)


def _trials(config: Config, kind: Kind, depth: int, layer: Layer, digits: Digits) -> dict[str, np.ndarray]:
    """Validation accuracy `[rate, network]` of networks trained at every learning rate, which are then thrown away."""
    rates = np.repeat(config.learning_rates, config.pilots)
    keys = jax.random.split(jax.random.fold_in(jax.random.key(config.seed), 1), config.pilots)
    pilots, batches = _drawn(config, kind, depth, layer, keys), batch_keys(config.seed + 2, config.pilots, config.updates)
    pilots, batches = jax.tree.map(lambda leaf: jnp.concatenate([leaf] * len(config.learning_rates)), (pilots, batches))
    label = f"{kind} {depth}, rates"
    found = train_each(layer, pilots, rates, batches, config.batch_size, digits.training, label)
    return {"validation": accuracies(layer, found, digits.validation).reshape(-1, config.pilots)}


def _trained(config: Config, kind: Kind, depth: int, layer: Layer, digits: Digits, rate: float) -> dict[str, np.ndarray]:
    """Trains one stack per seed; measures gradients before, and accuracies on all three parts after."""
    networks = _drawn(config, kind, depth, layer, _seeds(config))
    batches = batch_keys(config.seed + 1, config.seeds, config.updates)
    rates, label = np.full(config.seeds, rate), f"{kind} {depth}"
    found = train_each(layer, networks, rates, batches, config.batch_size, digits.training, label)
    parts = {"training": digits.training, "validation": digits.validation, "accuracy": digits.test}
    measured = {name: accuracies(layer, found, part) for name, part in parts.items()}
    return {**to_arrays(found), **measured, "norms": _norms(layer, networks, digits)}


def _norms(layer: Layer, networks: Network, digits: Digits) -> np.ndarray:
    """Norm of the gradient of every layer, `[network, layer]`."""
    xs, labels = digits.training

    def one(network):
        def loss(network):
            return mean_loss(network, features_of(layer, network, xs[:, :PROBED]), labels[:PROBED])

        return layer_norms(jax.grad(loss)(network).cell)

    return np.asarray(jax.jit(lambda networks: jax.lax.map(one, networks))(networks))


def _row(kind: Kind, depth: int, rate: float, parameters: int, found: dict[str, np.ndarray]) -> dict[str, Any]:
    interval = findings.of_mean(found["accuracy"])
    return {
        "stack": kind,
        "depth": depth,
        "parameters": parameters,
        "rate": rate,
        "gradient, first": float(np.median(found["norms"][:, 0])),
        "last layer": float(np.median(found["norms"][:, -1])),
        "training": float(found["training"].mean()),
        "validation": float(found["validation"].mean()),
        "test": interval.middle,
        "low": interval.low,
        "high": interval.high,
    }


def _costs(lost: np.ndarray) -> dict[str, float]:
    """Accuracy lost without one layer, of the median, the cheapest and the dearest layer: means over seeds."""
    middle, cheapest, dearest = (float(of(lost, axis=1).mean()) for of in (np.median, np.min, np.max))
    return {"one deleted": middle, "cheapest": cheapest, "dearest": dearest}


def check(config: Config, results: Results) -> list[Check]:
    """Compares the bounds with the margins fixed in advance; they are stated for 16 layers, and for 32 as the deepest."""
    if FIRST not in config.depths or config.depths[-1] != DEEPEST:
        return []
    checks = [
        at_least(f"{depth} layers: {kind} minus plain", findings.gain(results, kind, depth), SKIP_MARGIN)
        for depth in (FIRST, DEEPEST)
        for kind in ("residual", "dense")
    ]
    name = f"best depth minus {DEEPEST} layers"
    checks.append(at_least(f"plain: {name}", findings.fall(results, "plain"), SKIP_MARGIN))
    checks += [at_most(f"{kind}: {name}", findings.fall(results, kind), DEPTH_MARGIN) for kind in ("residual", "dense")]
    lost = findings.cost(results, "residual", DEEPEST)
    checks.append(at_most(f"residual {DEEPEST}: lost with the median layer", lost, SPARED))
    depth = next(depth for kind, depth in findings.cut(results) if kind == "plain")
    checks.append(at_least(f"plain {depth}: lost with the median layer", findings.cost(results, "plain", depth), PLAIN_COST))
    cheapest = findings.cost(results, "plain", depth, np.min)
    return [*checks, at_least(f"plain {depth}: lost with the cheapest layer", cheapest, SPARED)]


EXPERIMENT = Experiment(
    name="depth",
    claim="Depth hurts a plain stack, not one with skips; a residual one can spare most single layers, a plain one none.",
    source="He et al. (2016); Huang et al. (2017); Veit, Wilber & Belongie (2016)",
    config=Config,
    run=run,
    plot=plot,
    check=check,
    spreads=PARTS,
)
