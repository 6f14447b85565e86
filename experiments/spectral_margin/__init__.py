"""How far from orthogonal a recurrent matrix should be allowed to go: a margin around 1 for its singular values.

Claim: a tanh network learns best if the singular values of its recurrent matrix may leave 1 a little; neither an orthogonal
matrix nor a free one does as well.

Networks. W = U diag(s) V' with orthogonal U and V and s in [1 - m, 1 + m], for margins m of 0, 0.001, 0.01, 0.1 and 1; and a
free W. U and V are exponentials of skew matrices, and all are learned. Networks of a run share every parameter at the start,
W too, which is orthogonal; but for one free W that starts with Glorot's distribution. With a margin above 0 a network has as
many parameters as with a free W, with margin 0 one less per unit.

Data. scikit-learn's digits pixel by pixel, 64 steps, then 64 blank steps; the last state is read out. Splits, runs and the
choice of learning rates are those of `digits`: a fifth of the digits is for validation only, in all runs. The others are split
into five stratified folds; each is tested once with a network trained on the other four, twice over with different seeds. That
makes 10 runs. Within a run all networks share split, seed, batches and budget, and differences are taken run by run. What is
chosen is the learning rate, of 0.001, 0.002, 0.004 and 0.008, for every network by the validation accuracy of the first two
runs; and of the margins 0.001, 0.01 and 0.1 the best, by the mean validation accuracy of all runs. Test digits are scored once.

The setting was chosen, too, on the validation digits of seed 0 with two to four runs, before any test digit was scored; with
another --seed some of them are test digits. Of margins 0.1 and 1,
each at its best rate, 1 was ahead without blank steps after 400 updates (0.92 to 0.87), also with permuted pixels (0.94 to
0.91); after 2,000 they were equal (0.97 and 0.96). With 128 blank steps 0.1 was ahead by 0.007 after 1,000 updates and after
2,000, but behind by 0.04 with 32 units and by 0.05 with batches of 16; with 256 and 800 updates it was behind by 0.01. With 64
blank steps it was behind by 0.09 after 400 updates, and after 1,000, which is the setting taken, ahead by 0.02. So this is a
setting in which the published shape shows, not one of many; the criteria ask whether it holds on digits that did not choose it.
There a rate of 0.016 was worse for margins 0 and 0.01, whose best was 0.008, and 0.0005 for Glorot's start, whose best was
0.001; for margins 0.001 and 0.1 it was not tried.

Criteria, fixed before test digits were scored, on the lower bounds of Student's 95 % intervals of differences in test accuracy
over runs. The best of the margins 0.001, 0.01 and 0.1 is better than (1) margin 0, (2) margin 1 and (3) a free W with an
orthogonal start, each by more than 0. (4) The free W with Glorot's start is worse than every other network, by more than 0.
(5) Margin 0.1 is better than margin 0 by 0.05 or more; the published difference is 0.169.

Published are 77.2, 79.3, 85.5, 94.1 and 93.8 % with these margins, 93.2 and 66.7 % with a free W, for MNIST in 784 steps, tanh
networks of 128 units, and one learning rate for all. --full takes 128 units, and 120 epochs as published: hours on two cores.

What a sceptic can still say: folds share most of their training digits, so that runs are not quite independent, and intervals
a little short. Two validation runs choose between four rates. A singular value moves by half the margin times what its
parameter does, so that under Adam the margin is a learning rate as well, and one rate serves all parameters of a network; the
published U and V have a rate of their own, and geodesic steps. The budget is short; with twice as many updates and no
blank steps margins of 0.1 and 1 could not be told apart. tanh shrinks states, so that singular values somewhat above 1 are
what keeps norms, and a margin is a bound from above as much as one around 1.
"""

import dataclasses

import numpy as np

from experiments.common.checks import Check, above, at_least
from experiments.common.devices import PARTS
from experiments.common.experiment import Experiment, Results
from experiments.common.intervals import of_mean
from experiments.common.options import at_full_size, check_counts, check_full, check_rates, is_default
from experiments.common.parts import Part, compute_now
from experiments.common.studies import digits_and_runs
from experiments.spectral_margin.comparisons import behind_all, best_interior, gain
from experiments.spectral_margin.figure import plot
from experiments.spectral_margin.networks import FREE, KINDS, ORTHOGONAL, PUBLISHED, PUBLISHED_BEST, WIDEST, Kind
from experiments.spectral_margin.trials import study

FULL = {"hidden_size": 128, "updates": 4300}
"""What --full changes: the published units, and about the published 120 epochs."""
LEAST_GAIN = 0.05
"""By how much margin 0.1 must be better than margin 0."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    blanks: int = 64
    """Blank steps after a digit."""
    hidden_size: int = 48
    """Units, an even number."""
    batch_size: int = 32
    """Digits per update."""
    updates: int = 1000
    """Updates per training."""
    learning_rates: tuple[float, ...] = (0.001, 0.002, 0.004, 0.008)
    """Learning rates to choose from, of Adam at the start; they fall to 0 along a cosine."""
    folds: int = 5
    """Parts of the digits that are tested in turn."""
    seeds: int = 2
    """Networks per fold."""
    full: bool = False
    """128 units and 4,300 updates, about the published size: hours on two cores."""
    seed: int = 0
    """Seed of splits, networks and batches."""

    def __post_init__(self):
        """Refuses values that cannot be run or have no effect, before anything is computed."""
        check_counts(self, "batch_size", "updates", "seeds")
        check_counts(self, "hidden_size", "folds", least=2)
        check_counts(self, "blanks", "seed", least=0)
        if self.hidden_size % 2:
            raise ValueError(f"--hidden-size must be even, two units for each angle; got {self.hidden_size}: try 48")
        check_rates(self, "0.002 0.004")
        check_full(self, FULL)


def run(config: Config, part: Part = compute_now) -> Results:
    """Trains and measures all networks."""
    config = at_full_size(config, FULL)
    digits, runs = digits_and_runs(config)
    rows, curves = [], {}
    kinds = {kind.name: kind for kind in KINDS}
    for name, found in part.each("study", lambda name: study(config, kinds[name], digits, runs), kinds).items():
        rows.append(_row(kinds[name], found))
        curves |= {f"{key}/{name}": values for key, values in found.items()}
    results = Results(rows, {"runs": len(runs)}, curves)
    best = best_interior(results)
    others = {other.name: gain(results, best, other) for other in KINDS if other != best}
    results.summary["best margin between 0 and 1, on validation digits"] = best.margin
    results.summary.update({f"{best.name} minus {name}": found for name, found in others.items()})
    results.summary["largest |W'W - I| with margin 0"] = float(curves[f"unitarity/{ORTHOGONAL.name}"].max())
    return results


def _row(kind: Kind, found: dict[str, np.ndarray]) -> dict:
    accuracy, singular = of_mean(found["test"]), found["singular"]
    return {
        "network": kind.name,
        "rate": found["rate"].item(),
        "training": float(found["training"].mean()),
        "validation": float(found["validation"].mean()),
        "test": accuracy.middle,
        "low": accuracy.low,
        "high": accuracy.high,
        "published": PUBLISHED[kind] / 100,
        "smallest s": float(singular.min()),
        "median s": float(np.median(singular)),
        "largest s": float(singular.max()),
        "max |W'W - I|": float(found["unitarity"].max()),
        "log10 gradient, last lag": float(found["decay"][:, -1].mean()),
    }


def check(config: Config, results: Results) -> list[Check]:
    """Tests the five criteria fixed in advance; none if the options are others than they are stated for, but for the seed."""
    if not is_default(config, FULL):
        return []
    best = best_interior(results)
    return [
        above("(1) best margin between 0 and 1, minus margin 0", gain(results, best, ORTHOGONAL)),
        above("(2) the same minus margin 1", gain(results, best, WIDEST)),
        above("(3) the same minus a free W, orthogonal start", gain(results, best, FREE)),
        above("(4) the network next to Glorot's start, minus that", behind_all(results)),
        at_least("(5) margin 0.1 minus margin 0", gain(results, PUBLISHED_BEST, ORTHOGONAL), LEAST_GAIN),
    ]


EXPERIMENT = Experiment(
    name="spectral_margin",
    claim="A tanh network learns best if the singular values of W may leave 1 a little: better than orthogonal, or free.",
    source="Vorontsov, Trabelsi, Kadoury & Pal (2017), On orthogonality and learning recurrent networks, section 4.2",
    config=Config,
    run=run,
    plot=plot,
    check=check,
    spreads=PARTS,
)
