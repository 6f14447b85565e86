"""How gradients decay through time, as spectral radius, initialisation, activation and gates vary, beside the theory.

Claim: gradients decay or grow by the spectral radius of the recurrent matrix times the rms slope of the activation per step,
and an LSTM adds a path that its forget gates rule.

Data: handwritten digits, pixel by pixel. Every network reads 16 of its own, and nothing is trained or chosen. The loss is the
cross-entropy of a random readout of the last state.
Networks: tanh, ReLU, sigmoid and linear ones with Gaussian, orthogonal and identity matrices, scaled to six spectral radii;
LSTMs with three forget biases; the GRU. Ten of each, with 64 units.
Measured: the rate of a network is the slope of ln |dL/ds_t| over the later three quarters of the lags, the median over its
sequences. A gradient that is exactly 0 has vanished: it counts with the rate minus infinity, and the column `dead` says how
many do. Lags end where a sequence has not been read yet: there the state is exactly 0, and so is the slope of a ReLU.
Intervals: Student's over the ten networks; in the table the median with order statistics, for a rate may be minus infinity.

Criteria, for the published options with any seed; they were fixed with a run of seed 0 known, so that the default is seed 1:
  Laws, on networks of their own. Slope of linear networks within 0.005 of ln ρ over lags 200 to 1,000. Orthogonal linear ones
  flat to 1e-5. Of 1,000 networks with σ_max < 1/γ none exceeds the bound η^lag. Constant gates decay as f^lag to 1 %.
  Linear networks of the run: mean |measured - ln ρ| at most 0.02 nats per step.
  tanh, ReLU and sigmoid with Gaussian or orthogonal W and ρ <= 1: mean |measured - predicted| at most 0.05; and the baseline,
  ln ρ without the slope, errs by more.
  LSTMs: the rate of the additive path alone is within 0.05 of the mean ln f; the whole gradient never decays faster than the
  gates, neither there nor in the GRU; and with forget bias 3 the additive path carries at least half the gradient at lag 20, as
  is often said of it (in the run of seed 0 it was 0.3).

A sceptic could say: the rms slope assumes that slopes and directions are independent. They are not where all units are driven
alike: identity matrices are left out of the criteria and reported beside them (tanh, ρ = 1.25), and so are radii above 1, where
tanh saturates. Ten networks of one size read one kind of input. A rate is that of the norm: singular values of dh_T/dh_t say
how many directions share it. Seed 0 was known.
"""

import functools
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from experiments.common.experiment import Experiment, Results
from experiments.common.networks import draw_all
from experiments.common.parts import Part, compute_now
from experiments.gradient_decay import laws
from experiments.gradient_decay.criteria import ALL, LAG, check, errors
from experiments.gradient_decay.data import load_sequences, longest_lag
from experiments.gradient_decay.figure import plot
from experiments.gradient_decay.measures import measure, singular_values
from experiments.gradient_decay.networks import INITIALISERS, concatenate, vanilla_networks
from experiments.gradient_decay.options import Config
from experiments.gradient_decay.rates import lag_of_loss, of_median, of_networks, slopes, verdict
from experiments.gradient_decay.theory import additive_rate, vanilla_rate
from recurrent import activations, elman, gru, lstm


def run(config: Config, part: Part = compute_now) -> Results:
    """Measures every setting of the grid, and the laws."""
    xs, labels, classes = load_sequences(config.input, config.steps, config.seeds, config.sequences, config.seed)
    size, features, last = config.hidden_size, xs.shape[-1], longest_lag(np.asarray(xs))
    keys = jax.random.split(jax.random.key(config.seed), config.seeds)
    networks = vanilla_networks(size, config.radii, features, classes, keys)

    def vanilla(activation):
        cell = elman(features, size, activation=activation)
        return measure(cell, networks, xs, labels, functools.partial(vanilla_rate, activation, cell), config.updates)

    def gated(cells):
        stacked = concatenate([draw_all(cell, keys, classes, size) for cell in cells])
        return measure(cells[0], stacked, xs, labels, functools.partial(additive_rate, cells[0]), config.updates)

    jobs = {
        **{name: functools.partial(vanilla, name) for name in activations.ACTIVATIONS},
        "lstm": lambda: gated([lstm(features, size, forget_bias=bias) for bias in config.forget_biases]),
        "gru": lambda: gated([gru(features, size)]),
        "singular": lambda: singular_values(size, xs, keys),
        "laws": lambda: laws.measure(config.bounded),
    }
    found = {}
    for name, job in (progress := tqdm(jobs.items(), unit="part", leave=False)):
        progress.set_description(f"{name}: compiling and measuring")
        found[name] = part(name, job)
    curves = {f"singular/{name}": values for name, values in found["singular"].items()}
    rows = [_row(name, rho, one, last, curves) for name, rho, one in _settings(config, found)]
    return Results(rows, _summary(config, rows, curves, found["laws"]), curves)


def _settings(config: Config, found: dict[str, dict[str, np.ndarray]]) -> list[tuple[str, float, dict[str, np.ndarray]]]:
    """Name, radius and measurements `[network, ...]` of every setting, in the order in which the networks are stacked."""
    vanilla = [(init, radius) for init in INITIALISERS for radius in config.radii]
    names = {name: [(f"{name} {init}", radius) for init, radius in vanilla] for name in activations.ACTIVATIONS}
    names["lstm"] = [(f"lstm forget bias {bias:g}", float("nan")) for bias in config.forget_biases]
    names["gru"] = [("gru", float("nan"))]
    settings = []
    for kind, labels in names.items():
        for i, (name, rho) in enumerate(labels):
            own = slice(i * config.seeds, (i + 1) * config.seeds)
            settings.append((name, rho, {key: value[own] for key, value in found[kind].items()}))
    return settings


def _row(name: str, rho: float, found: dict[str, np.ndarray], last: int, curves: dict[str, np.ndarray]) -> dict[str, Any]:
    """Summarises one setting, and keeps one value or curve per network."""
    key = name if np.isnan(rho) else f"{name}/{rho:g}"
    per_sequence = slopes(found["curve"], last)
    rates = of_networks(per_sequence)
    curves[f"rate/{key}"], curves[f"curve/{key}"] = rates, of_networks(found["curve"][:, : last + 1])
    curves |= {f"{kept}/{key}": found[kept] for kept in ("predicted", "log_eta") if kept in found}
    if "additive" in found:
        curves[f"additive/{key}"] = of_networks(found["additive"][:, : last + 1])
        curves[f"additive rate/{key}"] = of_networks(slopes(found["additive"], last))
        curves[f"share/{key}"] = np.median(found["share"][:, : last + 1], axis=-1)
    rate = of_median(rates)
    return {
        "setting": name,
        "rho": rho,
        "predicted": float(np.median(found["predicted"])),
        "measured": rate.middle,
        "low": rate.low,
        "high": rate.high,
        "dead": float(np.isneginf(per_sequence).mean()),
        "lag": lag_of_loss(np.median(curves[f"curve/{key}"], axis=0), rate.middle),
        "verdict": verdict(rate.middle),
    }


def _summary(
    config: Config, rows: list[dict[str, Any]], curves: dict[str, np.ndarray], found: dict[str, Any]
) -> dict[str, Any]:
    summary = {"input": config.input, "trained": config.trained, "networks per setting": config.seeds}
    summary |= {name: float(found[key]) for key, (name, _) in laws.LAWS.items()}
    linear = errors(Results(rows, {}, curves), "identity", ALL, config.radii, slope=False)
    summary["mean |measured - ln(rho)|, linear"] = float(np.mean(linear))
    for row in rows:
        name = row["setting"]
        if name == "tanh identity" and row["rho"] == max(config.radii):
            summary[f"tanh, identity matrices, rho = {row['rho']:g}: predicted"] = row["predicted"]
            summary[f"tanh, identity matrices, rho = {row['rho']:g}: measured"] = row["measured"]
        if name.startswith("lstm") and curves[f"share/{name}"].shape[1] > LAG:
            summary[f"{name}: share of the additive path at lag {LAG}"] = float(curves[f"share/{name}"][:, LAG].mean())
    verdicts = {word: sum(row["verdict"] == word for row in rows) for word in ("vanishes", "keeps", "explodes")}
    return summary | verdicts | {"dead sequences": float(np.mean([row["dead"] for row in rows]))}


EXPERIMENT = Experiment(
    name="gradient_decay",
    claim="Gradients decay or grow by the spectral radius times the slope per step; an LSTM adds a path ruled by its gates.",
    source="Pascanu, Mikolov & Bengio (2013), section 2; Hochreiter & Schmidhuber (1997)",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)
