"""Truncated backpropagation through time: what a short window costs in gradient and saves in time and memory.

Digits are read pixel by pixel. Two losses: of the last state, whose gradient only the last window sees, and of the mean over
all states, whose gradient every window sees a part of. Only windows that divide the sequence are allowed: with others the last
window is shorter than its name says. The cost is that of the last state's gradient: forward without a tape up to the last
window, forward and backward within it, which is what truncation saves; it equals the gradient of `unroll_truncated`.
"""

import dataclasses
import functools
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common import handwritten
from experiments.common.checks import Check
from experiments.common.experiment import Experiment, Results
from experiments.common.networks import READOUTS, Network, draw_all, from_arrays, hidden, mean_loss, to_arrays, weights_of
from experiments.common.options import check_counts, check_positive
from experiments.common.parts import Part, compute_now
from experiments.common.training import batch_keys, train
from experiments.truncation.figure import STAGES, plot
from recurrent import Cell, lstm, unroll
from recurrent.cells import lstm_adjoint
from recurrent.flow import truncation_bias

STEPS = 64
NOISE = 0.02
"""Largest rise of the median relative error from one window to the next longer one that counts as noise; fixed in advance."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    windows: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    """Steps per window, increasing; each divides 64, and the last one is 64."""
    hidden_size: int = 32
    """Units of the LSTM."""
    batch_size: int = 32
    """Digits per gradient."""
    updates: int = 1000
    """Updates of the training, with full gradients from the last state."""
    learning_rate: float = 1e-2
    """Learning rate of Adam at the start; it falls to 0 along a cosine."""
    networks: int = 3
    """Networks, each measured before and after training."""
    batches: int = 8
    """Gradients per network and window."""
    repeats: int = 30
    """Timed runs per window, of which the fastest counts."""
    seed: int = 0
    """Seed of networks and batches."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "hidden_size", "batch_size", "updates", "networks", "batches", "repeats")
        if list(self.windows) != sorted(set(self.windows)) or any(w < 1 or STEPS % w for w in self.windows):
            raise ValueError(f"--windows must increase and divide {STEPS}; got {self.windows}: try 1 8 64")
        if self.windows[:1] != (1,) or self.windows[-1:] != (STEPS,):
            raise ValueError(f"--windows must begin with 1 and end with {STEPS}; got {self.windows}: try 1 8 64")
        check_positive(self, "learning_rate")
        check_counts(self, "seed", least=0)


def bias(cell: Cell, network: Network, xs: Array, labels: Array, weights: Array, window: int) -> dict[str, Array]:
    """Relative error and cosine of the gradient of the cell's parameters; the readout's own gradient has no bias."""

    def loss(final_state, hs):
        del final_state
        return mean_loss(network, jnp.einsum("t,tbh->bh", weights, hs), labels)

    return truncation_bias(cell, network.cell, xs, loss, window=window)._asdict()


def last_window_loss(cell: Cell, window: int, network: Network, xs: Array, labels: Array) -> Array:
    """The last state's loss; its gradient goes back through the last window only."""
    state = jax.lax.stop_gradient(cell.initial_state(network.cell, xs.shape[1:-1]))
    if window < len(xs):
        state, _ = unroll(cell, jax.lax.stop_gradient(network.cell), xs[:-window], state)
    state, _ = unroll(cell, network.cell, xs[-window:], state, backprop="explicit")
    return mean_loss(network, hidden(state), labels)


def cost(config: Config, cell: Cell, network: Network, xs: Array, labels: Array) -> dict[str, np.ndarray]:
    """Milliseconds per gradient, bytes of the tape, and bytes of temporary memory that XLA plans, `[window]` each."""
    programs = [
        jax.jit(jax.value_and_grad(functools.partial(last_window_loss, cell, window))).lower(network, xs, labels).compile()
        for window in tqdm(config.windows, desc="compiling", unit="window", leave=False)
    ]
    times = np.full((config.repeats, len(programs)), np.nan)
    for times_i in times:  # the windows in turn, so that a busy moment does not fall on one of them
        for i, program in enumerate(programs):
            start = time.perf_counter()
            jax.block_until_ready(program(network, xs, labels))
            times_i[i] = 1e3 * (time.perf_counter() - start)
    temporary = [getattr(program.memory_analysis(), "temp_size_in_bytes", 0) for program in programs]
    tape = tape_bytes_per_step(cell, network.cell, xs) * np.array(config.windows)
    return {"milliseconds": times.min(axis=0), "tape": tape, "temporary": np.array(temporary)}


def tape_bytes_per_step(cell: Cell, params: Any, xs: Array) -> int:
    """What the backward pass of an LSTM reads of one step; 7 numbers per unit and row for an LSTM."""
    adjoint = lstm_adjoint()

    def one_step(params, xs):
        return adjoint.advance(params, cell.initial_state(params, xs.shape[1:-1]), adjoint.project(params, xs)[0])[2]

    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(jax.eval_shape(one_step, params, xs)))


def run(config: Config, part: Part = compute_now) -> Results:
    """Trains the networks, then measures every window on untrained and trained ones."""
    images, digits, _, _ = handwritten.split()
    xs, labels = handwritten.read(images, STEPS), jnp.asarray(digits)
    cell = lstm(1, config.hidden_size)
    networks = draw_all(cell, jax.random.split(jax.random.key(config.seed), config.networks), 10, config.hidden_size)

    def loss_of(network, given, key):
        xs, labels = given
        batch = jax.random.randint(key, (config.batch_size,), 0, len(labels))
        return last_window_loss(cell, STEPS, network, xs[:, batch], labels[batch])

    def trained():
        batches = batch_keys(config.seed + 1, config.networks, config.updates)
        found, losses = train(loss_of, networks, batches, config.learning_rate, "training", given=(xs, labels))
        return {**to_arrays(found), "loss": losses}

    saved = part("trained", trained)
    stages = dict(zip(STAGES, (networks, from_arrays(saved, networks)), strict=True))
    batches = np.random.default_rng(config.seed).integers(0, len(labels), (config.batches, config.batch_size))

    @functools.partial(jax.jit, static_argnums=3)
    def measure(networks, batches, weights, window):
        def one(network, batch):
            return bias(cell, network, xs[:, batch], labels[batch], weights, window)

        return jax.lax.map(lambda n: jax.lax.map(lambda b: one(n, b), batches), networks)

    def measured(window):
        found = {}
        for stage, stack in stages.items():
            for readout in READOUTS:
                values = measure(stack, jnp.asarray(batches), weights_of(readout, STEPS), window)
                found |= {f"{name}/{stage}/{readout}": value for name, value in values.items()}
        return found

    parts = [part(f"window{w}", lambda w=w: measured(w)) for w in tqdm(config.windows, desc="bias", unit="window")]
    curves = {name: np.stack([np.asarray(one[name]) for one in parts]) for name in parts[0]}  # [window, network, batch]
    first = jax.tree.map(lambda leaf: leaf[0], networks)
    curves |= part("cost", lambda: cost(config, cell, first, xs[:, batches[0]], labels[batches[0]]))
    curves |= {"windows": np.array(config.windows), "loss": saved["loss"]}
    rows = [_row(curves, i) for i in range(len(config.windows))]
    summary: dict[str, Any] = {"gradients per point": config.networks * config.batches}
    summary["loss of the trained networks"] = float(np.median(saved["loss"][:, -50:]))
    summary["loss of guessing, ln 10"] = float(np.log(10))
    full, least = rows[-1], rows[0]
    summary["time of the shortest window / full"] = least["ms per gradient"] / full["ms per gradient"]
    summary["tape of the shortest window / full"] = least["tape kB"] / full["tape kB"]
    return Results(rows, summary, curves)


def _row(curves: dict[str, np.ndarray], i: int) -> dict[str, float]:
    row: dict[str, float] = {"window": int(curves["windows"][i])}
    for stage in STAGES:
        for readout in READOUTS:
            for name, short in (("relative_error", "error"), ("cosine", "cosine")):
                row[f"{short}, {stage}, {readout.split()[0]}"] = float(np.median(curves[f"{name}/{stage}/{readout}"][i]))
    row["ms per gradient"] = float(curves["milliseconds"][i])
    row["tape kB"] = float(curves["tape"][i]) / 1e3
    row["XLA temporary kB"] = float(curves["temporary"][i]) / 1e3
    return row


def check(config: Config, results: Results) -> list[Check]:
    """Tests, for both losses before and after training, that the bias falls to 0 as the window grows."""
    checks = []
    for stage in STAGES:
        for readout in READOUTS:
            name = f"{stage}, {readout.split()[0]}"
            errors = np.array([row[f"error, {name}"] for row in results.rows])
            rise, full, shortest = float(np.diff(errors).max()), float(errors[-1]), float(errors[0])
            checks += [
                Check(f"largest rise of the error, {name}", rise, f"at most {NOISE}", rise <= NOISE),
                Check(f"error at the full length, {name}", full, "at most 1e-6", full <= 1e-6),
                Check(f"error at window 1, {name}", shortest, "above 0.1", shortest > 0.1),
            ]
    return checks


EXPERIMENT = Experiment(
    name="truncation",
    claim="The gradient's bias falls as the window of truncated backpropagation grows, and is 0 at the full length.",
    source="Williams & Peng (1990); Tallec & Ollivier (2017), Unbiasing truncated backpropagation through time",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)
