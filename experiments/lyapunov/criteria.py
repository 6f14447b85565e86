"""The criteria of `lyapunov`, and what they read off the measurements."""

import dataclasses

import numpy as np
from scipy.special import digamma

from experiments.common.checks import Check, at_least, at_most
from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean
from experiments.common.ranks import rank_correlations
from experiments.lyapunov.options import Config

OFF, OFF_IN_MEAN, FLAT = 0.01, 0.01, 1e-5
"""Largest error of an exponent, relative error of their mean, and modulus of an exponent that should be 0."""
ORDERED, CHAOTIC = 0.9, 1.4
"""Gains up to which the top exponent must be negative without input, and from which it must be positive."""
JUDGED, RATE = 0.1, 0.05
"""Least modulus of an exponent to which a slope is compared, and the relative error that is allowed."""
AWAY, FEW, MANY, RANKED = 0.05, 30, 0.25, 0.9
"""Distance from 0 beyond which a sign counts; iterations on either side, those of chaos as a share of T; the correlation."""


def newman(size: int) -> np.ndarray:
    """λ_i = (ψ((n - i + 1) / 2) + ln 2 - ln n) / 2 for products of n x n matrices with entries N(0, 1/n).

    Reference: Newman (1986), The distribution of Lyapunov exponents: exact results for random matrices.
    """
    return (digamma(np.arange(size, 0, -1) / 2) + np.log(2 / size)) / 2


def spectrum_errors(curves: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Exponents with a closed form, and their distances from it: of the upper half, but for orthogonal networks of all."""
    products, orthogonal = curves["products/exponents"], curves["orthogonal/exponents"]
    resting, upper = curves["resting/exponents"], products.shape[-1] // 2
    return {
        "random products": (products, np.abs(products - newman(products.shape[-1]))[:, :upper]),
        "orthogonal": (orthogonal, np.abs(orthogonal)),
        "tanh at rest": (resting.reshape(-1, upper), np.abs(resting - curves["resting/log_moduli"])),
    }


def tops(curves: dict[str, np.ndarray]) -> list[tuple[float, Interval]]:
    """Every gain with the mean top exponent of the networks without input."""
    return [(float(gain), of_mean(found)) for gain, found in zip(curves["gains"], curves["transition/exponent"], strict=True)]


def rate_errors(curves: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Exponents of the driven networks that are far enough from 0, and relative errors of their gradients' rates."""
    exponent, slope = curves["gradients/exponent"], curves["gradients/slope"]
    judged = np.abs(exponent) >= JUDGED
    return exponent[judged], np.abs(slope[judged] / exponent[judged] - 1)


def counts(curves: dict[str, np.ndarray], inputs: str = "newton") -> tuple[np.ndarray, np.ndarray]:
    """Iterations of the networks that are predictable, and of those that are chaotic."""
    exponent, iterations = curves[f"{inputs}/exponent"], curves[f"{inputs}/iterations"]
    return iterations[exponent < -AWAY], iterations[exponent > AWAY]


def decided(curves: dict[str, np.ndarray]) -> np.ndarray:
    """Gains at which every network takes many iterations with the published inputs and few with the strong ones."""
    many = curves["newton/iterations"] >= MANY * curves["newton/steps"]
    return curves["gains"][(many & (curves["strong/iterations"] <= FEW)).all(axis=1)]


def rank_correlation(curves: dict[str, np.ndarray], predictor: str, *inputs: str) -> float:
    """Spearman's, of iterations with "exponent" or "gain", over all gains and networks; published inputs unless named."""
    inputs = inputs or ("newton",)
    iterations, exponents = (np.stack([curves[f"{one}/{key}"] for one in inputs]) for key in ("iterations", "exponent"))
    predicted = exponents if predictor == "exponent" else np.broadcast_to(curves["gains"][:, None], iterations.shape)
    return float(rank_correlations(iterations.reshape(1, -1), predicted.ravel())[0])


def check(config: Config, results: Results) -> list[Check]:
    """Judges what was measured under the published options, with any seed and either number of Newton's steps."""
    if dataclasses.replace(config, seed=Config.seed, full=Config.full) != Config():
        return []
    curves = results.curves
    off = {name: float(errors.max()) for name, (_, errors) in spectrum_errors(curves).items()}
    products = curves["products/exponents"]
    mean = float(np.abs(products.mean(axis=-1) / newman(products.shape[-1]).mean() - 1).max())
    ordered = [found for gain, found in tops(curves) if gain <= ORDERED]
    chaotic = [found for gain, found in tops(curves) if gain >= CHAOTIC]
    exponent, errors = rate_errors(curves)
    (few, many), (few_strong, _) = counts(curves), counts(curves, "strong")
    steps = int(curves["newton/steps"])
    return [
        at_most("(a) random products: largest error, upper half", off["random products"], OFF),
        at_most("(a) random products: relative error of the mean exponent", mean, OFF_IN_MEAN),
        at_most("(b) orthogonal networks: largest modulus", off["orthogonal"], FLAT),
        at_most("(c) tanh at rest: largest distance from ln |eigenvalue|, upper half", off["tanh at rest"], OFF),
        at_most(f"(c) highest top exponent at gains <= {ORDERED:g}", max(ordered, key=lambda found: found.high), 0),
        at_least(f"(c) lowest top exponent at gains >= {CHAOTIC:g}", min(chaotic, key=lambda found: found.low), 0),
        at_most(f"(d) exponents <= -{JUDGED:g}: relative error of the gradient's rate", _largest(errors[exponent < 0]), RATE),
        at_most(f"(d) exponents >= {JUDGED:g}: relative error of the gradient's rate", _largest(errors[exponent > 0]), RATE),
        at_most(f"(e) most iterations at exponents < -{AWAY:g}", _largest(few), FEW),
        at_least(f"(e) fewest iterations at exponents > {AWAY:g}, as a share of T = {steps:,}", -_largest(-many) / steps, MANY),
        at_least("(e) rank correlation of exponents and iterations", rank_correlation(curves, "exponent"), RANKED),
        at_most(f"(f) strong inputs: most iterations at exponents < -{AWAY:g}", _largest(few_strong), FEW),
        at_least("(f) gains at which the inputs alone decide", len(decided(curves)), 1),
    ]


def _largest(values: np.ndarray) -> float:
    """NaN where there is none, which no criterion passes."""
    return float(values.max()) if values.size else float("nan")
