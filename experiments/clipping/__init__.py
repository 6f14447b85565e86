"""Clipping by global norm, by tensor and by value on gradients that explode: what is left of direction and length.

Claim: only clipping by the global norm keeps the direction of an exploding gradient; per tensor and by value turn it.

Data: handwritten digits, pixel by pixel. Ten tanh networks of spectral radius 1.5, each with batches of its own, are trained
with gradient descent that is clipped at the global norm 1. All three ways clip the same gradients, those met there. Nothing is
chosen and no accuracy is claimed, so that there are no splits. Which way trains best is another question, which would take a
learning rate tuned for each: no losses are compared here.

Criteria, for the published options with any seed, with Student's intervals over the networks where there are bounds:
  The gradients explode. At least half of the updates have a norm above the threshold, and the longest gradient of a run is at
  least 10 times the median one.
  Least cosine with the raw gradient over all updates of all networks: global norm at least 1 - 1e-6, per tensor and by value
  below 0.99 at the limits 1 and 0.02.
  The limits are not comparable, so that each way also gets, gradient by gradient, the limit that leaves it at length 1: the
  median cosine of a run, over the gradients longer than that, is at most 0.99 per tensor and by value.
  In float32 a gradient of entries 1e20 comes out at the threshold within 1e-5.

A sceptic could say: that a scaled vector keeps its direction is algebra; what is measured is how far the others turn, for one
architecture, one spectral radius and five tensors. A turned gradient may still train well.
"""

import dataclasses

import numpy as np
import optax
from tqdm import tqdm

from experiments.clipping.figure import plot
from experiments.clipping.gradients import gradients_of_training
from experiments.clipping.methods import NAMES, direction_and_length, direction_at_length, length_of_huge, transforms, vectors
from experiments.clipping.options import Config
from experiments.common.checks import Check, at_least, at_most
from experiments.common.experiment import Experiment, Results
from experiments.common.intervals import Interval, of_mean
from experiments.common.parts import Part, compute_now

HUGE = 1e20
EXPLODING, RATIO, TURNED = 0.5, 10.0, 0.99
"""Share of updates above the threshold, longest over median gradient, and the cosine below which a gradient has been turned."""


def run(config: Config, part: Part = compute_now) -> Results:
    """Collects gradients of a training, and applies every way to them and to huge ones."""
    jobs = {"gradients": lambda: _clip_gradients(config), "huge": lambda: _clip_huge(config)}
    curves: dict[str, np.ndarray] = {}
    for name in (progress := tqdm(jobs, unit="part", leave=False)):
        progress.set_description(f"{name}: compiling and measuring")
        curves |= part(name, jobs[name])
    summary = {
        "threshold": config.threshold,
        "value_limit": config.value_limit,
        "spectral_radius": config.spectral_radius,
        "float32 gradient of 1e20, clip_by_global_norm": float(curves["huge/global norm"][-1]),
        "float32 gradient of 1e20, optax.clip_by_global_norm": float(curves["huge/optax global norm"][-1]),
    }
    summary |= explosion(config.threshold, curves["raw"])
    return Results([_row(config, curves, name) for name in NAMES], summary, curves)


def _clip_gradients(config: Config) -> dict[str, np.ndarray]:
    gradients = gradients_of_training(config)
    found = {"raw": np.linalg.norm(vectors(gradients), axis=-1)}
    for name, transform in transforms(config).items():
        found |= {f"{key}/{name}": value for key, value in direction_and_length(transform, gradients).items()}
        equal = direction_at_length(name, gradients, config.threshold)
        found |= {f"equal {key}/{name}": value for key, value in equal.items()}
    return found


def _clip_huge(config: Config) -> dict[str, np.ndarray]:
    sizes = np.append(np.logspace(0, 38, 77), HUGE)
    both = {**transforms(config), "optax global norm": optax.clip_by_global_norm(config.threshold)}
    return {"sizes": sizes, **{f"huge/{name}": length_of_huge(transform, sizes) for name, transform in both.items()}}


def explosion(threshold: float, raw: np.ndarray) -> dict[str, Interval]:
    """What the norms `[seed, update]` of the raw gradients do, with intervals over the networks."""
    return {
        "share of updates whose gradient is above the threshold": of_mean((raw > threshold).mean(axis=1)),
        "longest gradient of a run over its median one": of_mean(raw.max(axis=1) / np.median(raw, axis=1)),
    }


def _row(config: Config, curves: dict[str, np.ndarray], name: str) -> dict[str, float | str]:
    """Directions and lengths over all updates; at equal length over the gradients that are longer than the threshold."""
    raw, cosine, length = curves["raw"], curves[f"cosine/{name}"], curves[f"length/{name}"]
    changed = length < raw * (1 - 1e-6)
    medians = medians_at_equal_length(curves, name, config.threshold)
    equal = of_mean(medians) if medians.size else of_mean(np.full(1, np.nan))
    return {
        "method": name,
        "share clipped": float(changed.mean()),
        "least cosine": float(cosine[changed].min()) if changed.any() else float("nan"),
        "median cosine": float(np.median(cosine)),
        "longest": float(length.max()),
        "cosine at equal length": equal.middle,
        "low": equal.low,
        "high": equal.high,
        "length at 1e20": float(curves[f"huge/{name}"][-1]),
    }


def medians_at_equal_length(curves: dict[str, np.ndarray], name: str, threshold: float) -> np.ndarray:
    """The median cosine of every network over its gradients longer than the threshold; networks without any are left out."""
    pairs = zip(curves["raw"], curves[f"equal cosine/{name}"], strict=True)
    return np.asarray([np.median(cosine[raw > threshold]) for raw, cosine in pairs if (raw > threshold).any()])


def check(config: Config, results: Results) -> list[Check]:
    """Tests that gradients explode, that only the global norm keeps their direction, and that it survives 1e20 in float32."""
    if dataclasses.replace(config, seed=Config.seed) != Config():
        return []
    least = {row["method"]: row["least cosine"] for row in results.rows}
    length = results.summary["float32 gradient of 1e20, clip_by_global_norm"]
    exploding = explosion(config.threshold, results.curves["raw"])
    found = [
        *(at_least(name, exploding[name], target) for name, target in zip(exploding, (EXPLODING, RATIO), strict=True)),
        Check("least cosine, global norm", least["global norm"], "at least 1 - 1e-6", least["global norm"] >= 1 - 1e-6),
    ]
    for name in NAMES[1:]:
        found.append(Check(f"least cosine, {name}", least[name], f"below {TURNED}", least[name] < TURNED))
        medians = medians_at_equal_length(results.curves, name, config.threshold)
        equal = of_mean(medians) if medians.size else float("nan")
        found.append(at_most(f"median cosine at equal length, {name}", equal, TURNED))
    off = abs(length / config.threshold - 1)
    return [*found, at_most("relative error of the length at 1e20, global norm", off, 1e-5)]


EXPERIMENT = Experiment(
    name="clipping",
    claim="Only clipping by the global norm keeps the direction of an exploding gradient; per tensor and by value turn it.",
    source="Pascanu, Mikolov & Bengio (2013), section 3.2 and algorithm 1",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)
