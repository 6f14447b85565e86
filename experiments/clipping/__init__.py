"""Clipping by global norm, by tensor and by value on gradients that explode: what is left of direction and length.

The lengths and directions are measured on the same gradients and hold for any network. The training losses do not rank the
methods: the limits are not tuned, and a method that takes longer steps may learn faster although it turns the gradient.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from tqdm import tqdm

from experiments.clipping.figure import COLOURS, plot
from experiments.common import handwritten
from experiments.common.checks import Check
from experiments.common.experiment import Experiment, Results
from experiments.common.options import check_counts, check_positive
from experiments.common.parts import Part, compute_now
from experiments.common.sweeping import sweep
from recurrent import clip_by_global_norm, elman, unroll
from recurrent.initializers import with_spectral_radius
from recurrent.losses import cross_entropy
from recurrent.train import clip_by_tensor_norm

HUGE = 1e20


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    spectral_radius: float = 1.5
    """Spectral radius of the recurrent matrix; gradients can explode above 1."""
    hidden_size: int = 64
    """Units of the network."""
    batch_size: int = 32
    """Digits per update."""
    updates: int = 250
    """Updates per training."""
    learning_rate: float = 0.1
    """Learning rate of plain gradient descent."""
    threshold: float = 1.0
    """Largest norm, of the whole gradient or of each tensor."""
    value_limit: float = 0.02
    """Largest entry for clipping by value."""
    seeds: int = 5
    """Networks per method; every method trains the same ones on the same batches."""
    seed: int = 0
    """Seed of networks and batches."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "hidden_size", "batch_size", "updates", "seeds")
        check_positive(self, "spectral_radius", "learning_rate", "threshold", "value_limit")
        check_counts(self, "seed", least=0)


class Network(NamedTuple):
    """An Elman network with a softmax readout of its last state."""

    cell: Any
    kernel: Array
    bias: Array


def methods(config: Config) -> dict[str, optax.GradientTransformation]:
    """The four treatments of a gradient, in the order of `COLOURS`."""
    transforms = (
        optax.identity(),
        clip_by_global_norm(config.threshold),
        clip_by_tensor_norm(config.threshold),
        optax.clip(config.value_limit),
    )
    return dict(zip(COLOURS, transforms, strict=True))


def draw(config: Config) -> Network:
    """Draws `config.seeds` networks, `[seed, ...]`."""
    cell = elman(1, config.hidden_size, recurrent_init=with_spectral_radius(config.spectral_radius))

    def one(key):
        k_cell, k_readout = jax.random.split(key)
        kernel = jax.random.normal(k_readout, (config.hidden_size, 10), jnp.float32) / config.hidden_size**0.5
        return Network(cell.init(k_cell), kernel, jnp.zeros(10, jnp.float32))

    return jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(config.seed), config.seeds))


def train(config: Config, networks: Network, clip: optax.GradientTransformation) -> tuple[Array, Network]:
    """Trains every network; returns losses `[seed, update]` and the gradients before clipping, `[seed, update, ...]`."""
    cell = elman(1, config.hidden_size)
    xs, labels = map(jnp.asarray, handwritten.draw_sequences(1600, config.seed))
    batches = np.random.default_rng(config.seed).integers(0, len(labels), (config.updates, config.batch_size))
    optimizer = optax.chain(clip, optax.sgd(config.learning_rate))

    def loss_of(network, batch):
        h_t, _ = unroll(cell, network.cell, xs[:, batch], backprop="explicit")
        return cross_entropy(h_t @ network.kernel + network.bias[None], labels[batch]).mean()

    def update(network, batch):
        loss, gradient = jax.value_and_grad(loss_of)(network, batch)
        updates, _ = optimizer.update(gradient, optimizer.init(network))  # nothing in the chain has a memory
        return jax.tree.map(jnp.add, network, updates), (loss, gradient)

    def one(network):
        return jax.lax.scan(update, network, jnp.asarray(batches))[1]

    return jax.jit(lambda networks: sweep(one, networks))(networks)


def direction_and_length(clip: optax.GradientTransformation, gradients: Network) -> dict[str, np.ndarray]:
    """Clips every gradient of a run; returns cosines with the raw gradient and lengths, `[seed, update]`, in float64."""
    clipped = jax.jit(jax.vmap(jax.vmap(lambda gradient: clip.update(gradient, clip.init(gradient))[0])))(gradients)
    raw, new = _vectors(gradients), _vectors(clipped)
    lengths, new_lengths = np.linalg.norm(raw, axis=-1), np.linalg.norm(new, axis=-1)
    return {"cosine": np.sum(raw * new, axis=-1) / (lengths * new_lengths), "length": new_lengths}


def _vectors(tree: Any) -> np.ndarray:
    leaves = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(tree)]
    return np.concatenate([leaf.reshape(*leaf.shape[:2], -1) for leaf in leaves], axis=-1)


def length_of_huge(clip: optax.GradientTransformation, sizes: np.ndarray) -> np.ndarray:
    """Length of the update for float32 gradients of a matrix and a bias, every entry of the given size."""
    gradient = {"kernel": jnp.ones((8, 8), jnp.float32), "bias": -jnp.ones(8, jnp.float32)}

    def clipped(size):
        scaled = jax.tree.map(lambda g: g * size, gradient)
        return clip.update(scaled, clip.init(scaled))[0]

    found = jax.jit(jax.vmap(clipped))(jnp.asarray(sizes, jnp.float32))
    return np.linalg.norm(_vectors(jax.tree.map(lambda leaf: leaf[None], found))[0], axis=-1)


def run(config: Config, part: Part = compute_now) -> Results:
    """Trains under every method, and applies every method to the gradients of the run clipped by global norm."""
    networks = draw(config)

    def trained(name):
        losses, gradients = train(config, networks, methods(config)[name])
        found = {"loss": losses, "raw": np.linalg.norm(_vectors(gradients), axis=-1)}
        if name == "global norm":
            for other, clip in methods(config).items():
                found |= {f"{k}/{other}": v for k, v in direction_and_length(clip, gradients).items()}
        return found

    sizes = np.append(np.logspace(0, 38, 77), HUGE)
    curves: dict[str, np.ndarray] = {"sizes": sizes}
    for name in tqdm(COLOURS, desc="clipping", unit="training"):
        found = part(name.replace(" ", "_"), lambda name=name: trained(name))
        curves |= {key if "/" in key else f"{key}/{name}": np.asarray(value) for key, value in found.items()}
    for name, clip in {**methods(config), "optax global norm": optax.clip_by_global_norm(config.threshold)}.items():
        curves[f"huge/{name}"] = length_of_huge(clip, sizes)
    summary = {
        "threshold": config.threshold,
        "value_limit": config.value_limit,
        "spectral_radius": config.spectral_radius,
        "float32 gradient of 1e20, clip_by_global_norm": float(curves["huge/global norm"][-1]),
        "float32 gradient of 1e20, optax.clip_by_global_norm": float(curves["huge/optax global norm"][-1]),
    }
    return Results([_row(curves, name) for name in COLOURS], summary, curves)


def _row(curves: dict[str, np.ndarray], name: str) -> dict[str, float | str]:
    """Directions and lengths are over the clipped run's updates; losses over the last tenth of the method's own runs."""
    cosine, length, loss = (curves[f"{key}/{name}"] for key in ("cosine", "length", "loss"))
    changed = length < curves["length/no clipping"] * (1 - 1e-6)
    last = loss[:, -max(1, loss.shape[1] // 10) :].mean(axis=1)
    return {
        "method": name,
        "share clipped": float(changed.mean()),
        "least cosine": float(cosine[changed].min()) if changed.any() else float("nan"),
        "median cosine": float(np.median(cosine)),
        "median length": float(np.median(length)),
        "longest": float(length.max()),
        "last loss": float(np.median(last)),
        "worst seed": float(last.max()),
        "length at 1e20": float(curves[f"huge/{name}"][-1]),
    }


def check(config: Config, results: Results) -> list[Check]:
    """Tests that only the global norm keeps the direction, and that it survives gradients of 1e20 in float32."""
    least = {row["method"]: row["least cosine"] for row in results.rows}
    length = results.summary["float32 gradient of 1e20, clip_by_global_norm"]
    off = abs(length / config.threshold - 1)
    return [
        Check("least cosine, global norm", least["global norm"], "at least 1 - 1e-6", least["global norm"] >= 1 - 1e-6),
        Check("least cosine, per tensor", least["per tensor"], "below 0.99", least["per tensor"] < 0.99),
        Check("least cosine, by value", least["by value"], "below 0.99", least["by value"] < 0.99),
        Check("relative error of the length at 1e20, global norm", off, "at most 1e-5", off <= 1e-5),
    ]


EXPERIMENT = Experiment(
    name="clipping",
    claim="Only clipping by the global norm keeps the direction of an exploding gradient; per tensor and by value turn it.",
    source="Pascanu, Mikolov & Bengio (2013), section 3.2 and algorithm 1",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)
