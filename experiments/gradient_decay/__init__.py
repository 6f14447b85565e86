"""How gradients decay through time, as spectral radius, initialisation, activation and gates vary, beside the theory."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from experiments.common.checks import Check
from experiments.common.experiment import Experiment, Results
from experiments.common.networks import Network, draw_all, hidden
from experiments.common.options import check_counts
from experiments.common.parts import Part, compute_now
from experiments.common.sweeping import sweep
from experiments.gradient_decay import laws
from experiments.gradient_decay.data import Input, load_sequences
from experiments.gradient_decay.figure import plot
from experiments.gradient_decay.networks import (
    INITIALISERS,
    additive_rate,
    concatenate,
    loss_of,
    train,
    vanilla_networks,
    vanilla_rate,
)
from recurrent import Cell, activations, elman, gradient_decay, gru, lstm
from recurrent.flow import decay_rate, path_shares, transport
from recurrent.initializers import with_spectral_radius


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    input: Input = "digits"
    """What the networks read: digits pixel by pixel (64 steps), the standard library's sources, or Gaussian noise."""
    num_steps: int = 64
    """Steps per sequence for text and noise; digits always have 64."""
    hidden_size: int = 64
    """Units of every network."""
    sequences: int = 16
    """Sequences per network."""
    seeds: int = 5
    """Networks per setting."""
    radii: tuple[float, ...] = (0.5, 0.8, 0.9, 1.0, 1.1, 1.25)
    """Spectral radii of the vanilla networks' recurrent matrices."""
    forget_biases: tuple[float, ...] = (0.0, 1.0, 3.0)
    """Forget biases of the LSTMs."""
    trained: bool = False
    """Train every network first (Adam, global-norm clip 1), then measure."""
    training_steps: int = 100
    """Updates for --trained."""
    seed: int = 0
    """Seed of networks and sequences."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "hidden_size", "sequences", "seeds", "training_steps")
        if self.num_steps < 8:
            raise ValueError(f"--num-steps must be at least 8 to fit a rate; got {self.num_steps}")
        if not self.radii or min(self.radii) <= 0:
            raise ValueError(f"--radii must be one or more positive numbers; got {self.radii}")
        if not self.forget_biases:
            raise ValueError("--forget-biases must be one or more numbers; got none")


def measure(cell: Cell, config: Config, xs, labels, networks: Network, rate_of) -> dict[str, np.ndarray]:
    """Measures stacked networks of one cell: curves against the lag, relative to lag 0, and the rate theory predicts."""

    @jax.jit
    def one(network):
        if config.trained:
            network = train(cell, network, xs, labels, config.training_steps)
        decay = gradient_decay(cell, network.cell, xs, lambda s: loss_of(network, hidden(s), labels))
        curve = hidden(decay.leaves)[::-1]
        return {"curve": curve - curve[:1], **rate_of(network.cell, xs)}

    return {name: np.asarray(value) for name, value in jax.jit(functools.partial(sweep, one))(networks).items()}


def run(config: Config, part: Part = compute_now) -> Results:
    """Measures every setting of the grid."""
    xs, labels, classes = load_sequences(config.input, config.num_steps, config.sequences, config.seed)
    size, features = config.hidden_size, xs.shape[-1]
    keys = jax.random.split(jax.random.key(config.seed), config.seeds)
    curves, rows = {}, []
    settings = [(init, radius) for init in INITIALISERS for radius in config.radii]
    networks = vanilla_networks(size, config.radii, features, classes, keys)

    def vanilla(activation):
        cell = elman(features, size, activation=activation)
        return measure(cell, config, xs, labels, networks, functools.partial(vanilla_rate, activation, cell))

    def gated(cells):
        stacked = concatenate([draw_all(cell, keys, classes, size) for cell in cells])
        return measure(cells[0], config, xs, labels, stacked, functools.partial(additive_rate, cells[0]))

    lstms = [lstm(features, size, forget_bias=bias) for bias in config.forget_biases]
    names = [f"lstm forget bias {bias:g}" for bias in config.forget_biases]
    jobs = {
        **{a: functools.partial(vanilla, a) for a in activations.ACTIVATIONS},
        "lstm": lambda: gated(lstms),
        "gru": lambda: gated([gru(features, size)]),
        "singular": lambda: singular_values(config, xs, keys[0]),
        "paths": lambda: lstm_paths(config, lstms, xs, labels, classes, keys),
    }
    found = {name: part(name, job) for name, job in tqdm(jobs.items(), desc="gradient decay", unit="part")}
    for activation in activations.ACTIVATIONS:
        for i, (init, radius) in enumerate(settings):
            label = (f"{activation} {init}", radius)
            rows.append(_row(*label, _seeds(found[activation], i, config.seeds), curves))
    for kind, labels_of in (("lstm", names), ("gru", ["gru"])):
        for i, name in enumerate(labels_of):
            rows.append(_row(name, float("nan"), _seeds(found[kind], i, config.seeds), curves))
    curves.update({f"singular/{k}": v for k, v in found["singular"].items()})
    curves.update({f"path/{k}": v for k, v in found["paths"].items()})
    linear = [r for r in rows if r["setting"] == "identity orthogonal"]
    error = max(abs(r["measured"] - np.log(r["rho"])) for r in linear)
    verdicts = {v: sum(r["verdict"] == v for r in rows) for v in ("vanishes", "keeps", "explodes")}
    summary = {"input": config.input, "trained": config.trained, "largest error of ln(rho), linear orthogonal": float(error)}
    return Results(rows, {**summary, **verdicts}, curves)


def singular_values(config: Config, xs: jax.Array, key: jax.Array) -> dict[str, np.ndarray]:
    """Singular values of dh_T/dh_t against the lag for tanh networks of spectral radius 1, on one sequence, in float64."""
    found = {}
    with jax.enable_x64(True):
        for name in ("orthogonal", "gaussian"):
            init = with_spectral_radius(1.0, INITIALISERS[name])
            cell = elman(xs.shape[-1], config.hidden_size, recurrent_init=init, param_dtype=jnp.float64)
            spectrum = jax.jit(functools.partial(transport, cell))(cell.init(key), xs[:, 0].astype(jnp.float64))
            found[name] = np.asarray(spectrum.log10_singular_values[::-1])
    return found


def lstm_paths(config: Config, cells, xs, labels, classes: int, keys) -> dict[str, np.ndarray]:
    """The share of the additive path in dL/ds_t against the lag, mean over sequences and seeds, per forget bias."""
    cell = cells[0]

    def one(network):
        shares = path_shares(cell, network.cell, xs, lambda s: loss_of(network, s.h, labels), through="c")
        return shares.share[::-1].mean(axis=-1)

    networks = concatenate([draw_all(cell, keys, classes, config.hidden_size) for cell in cells])
    shares = np.asarray(jax.jit(functools.partial(sweep, one))(networks)).reshape(len(cells), len(keys), -1)
    return {f"{bias:g}": shares[i] for i, bias in enumerate(config.forget_biases)}


def _seeds(found: dict[str, np.ndarray], index: int, seeds: int) -> dict[str, np.ndarray]:
    return {name: value[index * seeds : (index + 1) * seeds] for name, value in found.items()}


def _row(setting: str, rho: float, found: dict[str, np.ndarray], curves: dict[str, np.ndarray]) -> dict[str, Any]:
    """Summarises one setting: the median over seeds and sequences of the rate over the later half of the lags."""
    samples = found["curve"].transpose(1, 0, 2).reshape(found["curve"].shape[1], -1)  # [lag, seeds * sequences]
    curves[f"{setting}/{rho:g}"] = samples
    curves[f"theory/{setting}/{rho:g}"] = np.stack([found["predicted"], found["log_eta"]])
    rates = _rates(samples)
    rate = float(np.median(rates))
    return {
        "setting": setting,
        "rho": rho,
        "predicted": float(np.median(found["predicted"])),
        "measured": rate,
        "lag": _lag_of_loss(np.nanmedian(samples, axis=1), rate),
        "verdict": verdict(rate),
    }


def _rates(samples: np.ndarray) -> np.ndarray:
    """Slopes of ln norm over the later three quarters of the lags, as far as the median sample is alive.

    A sample is dead where its gradient is exactly 0: beyond a step at which no ReLU is active, or from the start where the
    softmax is saturated.
    """
    alive = np.flatnonzero(np.isfinite(samples).mean(axis=1) >= 0.5)
    last = int(alive[-1]) if alive.size else 0
    if last < 4:
        return np.full(1, -np.inf)
    kept = samples[: last + 1, np.isfinite(samples[: last + 1]).all(axis=0)]
    return np.asarray(decay_rate(jnp.asarray(kept[::-1]), last // 4, last))


def verdict(rate: float) -> str:
    """Names what a rate per step, in nats, does within 1,000 steps: 6 decades down, 6 up, or neither."""
    decades = 1000 * rate / np.log(10)
    return "vanishes" if decades < -6 else "explodes" if decades > 6 else "keeps"


def _lag_of_loss(curve: np.ndarray, rate: float) -> str:
    """The first lag whose norm is below 1e-6 or above 1e6 of lag 0; extrapolated with a tilde where the run is too short."""
    beyond = np.flatnonzero(~(np.abs(curve) < 6))
    if beyond.size and np.isneginf(curve[beyond[0]]):
        return f"exactly 0 at {beyond[0]}"
    if beyond.size:
        return f"{'<1e-6' if curve[beyond[0]] < 0 else '>1e6'} at {beyond[0]}"
    if abs(rate) < 1e-4:
        return "never"
    return f"{'<1e-6' if rate < 0 else '>1e6'} at ~{len(curve) - 1 + (6 - abs(curve[-1])) * np.log(10) / abs(rate):.0f}"


def check(config: Config, results: Results) -> list[Check]:
    """Tests the laws that the figure shows; they do not depend on the options."""
    del config, results
    return laws.all_checks()


EXPERIMENT = Experiment(
    name="gradient_decay",
    claim="Gradients decay or grow by the spectral radius times the slope per step; an LSTM adds a path ruled by its gates.",
    source="Pascanu, Mikolov & Bengio (2013), section 2; Hochreiter & Schmidhuber (1997)",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)
