"""The cliff in the error surface of one recurrent unit: where the wall stands, how high it is, what clipping does there.

Claim: the error of one recurrent unit has a wall that grows exponentially with time; clipped descent gets along it.

Computed in float64; there is no data. Theory: x_0 is an unstable fixed point on the line b* = 0.5 - 0.6225 w, and there the
gradient grows by 0.235004 w per step. The wall is measured without either formula. Descents: 800 updates of gradient descent
from starts with w in [4.5, 6] and b within 0.4 of the wall. A start is solved where the error ends below 1e-3, and thrown off
where a step is longer than 1.

Criteria, for the published options with any seed:
  Wall, w in [5, 7]: within 1e-4 of b*; the largest gradient is 6.76e3 within 2 % at w = 5, and 1.96e7 within 5 % at w = 6;
  its growth per step is within 1 % of ln(0.235 w).
  At learning rate 0.1, from 30 starts: clipped at norm 1 at least 28 are solved and none is thrown off; unclipped at most 15
  are solved.
  One learning rate is no fair comparison. Both descents choose from the same eight, 0.001 to 3, by the number solved of 100
  validation starts, and meet once on 200 test starts that neither has seen. There the lower bound (Wilson, 95 %) of the share
  solved with clipping is at least 0.9, and the lower bound of the paired difference (bootstrap over starts) at least 0.2.

A sceptic could say: this is one unit, one target and one initial state. Unclipped descent at a small rate may need more than
800 updates, and at the largest rate of the grid it finds solutions by being thrown about; methods that scale their steps
otherwise, such as Adam, are not compared. Starts lie beside the wall on purpose.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from experiments.cliff.descents import METHODS, RATES, SOLVED, choose_and_compare, descend, share, thrown_off
from experiments.cliff.figure import plot
from experiments.cliff.options import Config
from experiments.cliff.theory import GROWTH_STEPS, SLOPE, WEIGHTS, wall
from experiments.cliff.walls import draw_map, measure_walls
from experiments.common.checks import Check, at_least, at_most
from experiments.common.experiment import Experiment, Results
from experiments.common.intervals import Interval, of_items
from experiments.common.parts import Part, compute_now

CLIPPED, GAINED = 0.9, 0.2
"""Share of test starts that the clipped descent solves, and by how much that is more than without clipping."""


def run(config: Config, part: Part = compute_now) -> Results:
    """Measures the wall, descends from every start and maps the surface, all in float64."""
    jobs = {
        "walls": lambda: measure_walls(config.num_steps),
        "descents": lambda: descend(config),
        "rates": lambda: choose_and_compare(config),
        "map": lambda: draw_map(config.num_steps, config.resolution),
    }
    curves = {}
    with jax.enable_x64(True):
        for name in (progress := tqdm(jobs, unit="part", leave=False)):
            progress.set_description(f"{name}: compiling and computing")
            curves |= {key: np.asarray(value) for key, value in part(name, jobs[name]).items()}
    curves["rates"] = np.asarray(RATES)
    rows = [_wall_row(curves, i) for i in range(len(WEIGHTS))]
    rows += [_descent_row(config, curves, name) for name in METHODS]
    rows += [_chosen_row(curves, name) for name in METHODS]
    summary = {
        "num_steps": config.num_steps,
        "starts": config.num_starts,
        "learning_rate": config.learning_rate,
        "threshold": config.threshold,
        "validation_starts": config.validation_starts,
        "test_starts": config.test_starts,
        "more solved with clipping, each at its best rate": difference(curves),
    }
    return Results(rows, summary, curves)


def difference(curves: dict[str, np.ndarray]) -> Interval:
    """How many more of the test starts the clipped descent solves, each at the rate it chose; bootstrap over starts."""
    return of_items(curves["clipped/test"].astype(float) - curves["no clipping/test"].astype(float))


def _wall_row(curves: dict[str, np.ndarray], i: int) -> dict[str, float | str]:
    w, last = WEIGHTS[i], -1 - GROWTH_STEPS
    growth = np.polyfit(curves["lengths"][last:], np.log(curves["height"][i, last:]), 1)[0]
    row = {"wall": curves["place"][i, last], "b*": wall(w), "wall - b*": curves["place"][i, last] - wall(w)}
    row |= {"max |g|": curves["height"][i, last], "growth": growth, "ln(0.235 w)": np.log(SLOPE * w)}
    return {"setting": f"w = {w:g}", **{name: float(value) for name, value in row.items()}}


def _descent_row(config: Config, curves: dict[str, np.ndarray], name: str) -> dict[str, float | str]:
    """Counts first starts that end below E = 1e-3, and those with a step longer than 1."""
    thrown = int(np.asarray(thrown_off(jnp.asarray(curves[f"{name}/path"]))).sum())
    return {"setting": name, **_counted(config.learning_rate, curves[f"{name}/error"] < SOLVED), "jumped": thrown}


def _chosen_row(curves: dict[str, np.ndarray], name: str) -> dict[str, float | str]:
    """Counts test starts at the rate that was chosen on the validation starts."""
    counted = _counted(float(curves[f"{name}/rate"]), curves[f"{name}/test"])
    return {"setting": f"{name}, test", **counted, "jumped": int(curves[f"{name}/test thrown"].sum())}


def _counted(rate: float, right: np.ndarray) -> dict[str, float | int]:
    low, middle, high = share(right)
    found = {"learning rate": rate, "starts": right.size, "solved": int(right.sum())}
    return {**found, "share": middle, "low": low, "high": high}


def check(config: Config, results: Results) -> list[Check]:
    """Judges wall, height, growth and clipping under the published options, with any seed and any resolution of the map."""
    if dataclasses.replace(config, seed=Config.seed, resolution=Config.resolution) != Config():
        return []
    found = {row["setting"]: row for row in results.rows}
    plain, clipped = (found[name] for name in METHODS)
    steep = [found[f"w = {w:g}"] for w in WEIGHTS if w >= 5]
    offset = max(abs(row["wall - b*"]) for row in steep)
    growth = max(abs(row["growth"] / row["ln(0.235 w)"] - 1) for row in steep)
    five, six = found["w = 5"]["max |g|"], found["w = 6"]["max |g|"]
    return [
        at_most("largest distance of the wall from b*, w in [5, 7]", offset, 1e-4),
        Check("max |g| at w = 5", five, "6.76e3 within 2 %", abs(five / 6.76e3 - 1) <= 0.02),
        Check("max |g| at w = 6", six, "1.96e7 within 5 %", abs(six / 1.96e7 - 1) <= 0.05),
        at_most("largest relative error of the growth rate, w in [5, 7]", growth, 0.01),
        at_least("solved of 30 at learning rate 0.1, clipped", clipped["solved"], 28),
        at_most("thrown off of 30 at learning rate 0.1, clipped", clipped["jumped"], 0),
        at_most("solved of 30 at learning rate 0.1, no clipping", plain["solved"], 15),
        at_least("share of test starts solved, clipped, best rate", share(results.curves["clipped/test"]), CLIPPED),
        at_least("more of them than without clipping, best rate", difference(results.curves), GAINED),
    ]


EXPERIMENT = Experiment(
    name="cliff",
    claim="The error of one recurrent unit has a wall that grows exponentially with time; clipped descent gets along it.",
    source="Pascanu, Mikolov & Bengio (2013), section 2.3 and figure 6",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)
