"""Recurrent networks in parallel over time: how many Newton iterations it takes, and what predicts them.

Claim: Newton's method evaluates a network that forgets in a few parallel iterations, whatever T; a chaotic one it cannot.

Networks: tanh, 32 units, white noise as input, one random matrix scaled to eight spectral radii. Methods: deer, its diagonal
form quasi_deer, and elk, each with up to 60 iterations; the loop over time is what all are compared with. Nothing is trained
or chosen. A network forgets if its radius is at most 0.9, and is chaotic if its largest Lyapunov exponent, measured along
1,024 steps, is positive.

Criteria, for the published options with any seed:
  deer needs at most 10 iterations at radius <= 0.9, for all T up to 4,096. There every method that converged is within 1e-5
  of the loop.
  At least one network is chaotic, and there deer needs at least 50 iterations at T = 1,024, or reaches the limit of 60. The
  most chaotic one is flagged as not converged, and with the fallback it is within 1e-5 of the loop.
  The longest chain of operations of a minGRU grows by the same number for every doubling of T from 64 to 4,096.
  With --speedups, on an accelerator: the loop takes 10 and 500 times as long as deer with 32 units and with 1 unit; a
  training step of a minGRU takes at most twice as long for 4,096 steps as for 512.

A sceptic could say: iterations are not time. One iteration of deer is about 100 times the work of the loop here, and on a CPU
the loop wins; times are reported, not judged. There is one random matrix per run: --seed draws another.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from experiments.common.checks import Check, at_least, at_most
from experiments.common.experiment import Experiment, Results
from experiments.common.options import check_counts
from experiments.common.parts import Part, compute_now
from experiments.parallel.depth import longest_chain, operations_per_step
from experiments.parallel.figure import plot
from experiments.parallel.speedups import INPUT_SIZE, TARGETS, TRAINING, best_of_three, measure_speedups
from recurrent import Cell, elman, min_gru, unroll, unroll_parallel
from recurrent.cells import ElmanParams
from recurrent.flow import lyapunov_spectrum
from recurrent.initializers import normal, with_spectral_radius
from recurrent.parallel import Method

METHODS: tuple[Method, ...] = ("deer", "quasi_deer", "elk")
FORGETTING = 0.9
"""A network forgets if its spectral radius is at most this."""
DEPTH_LENGTHS = tuple(2**k for k in range(6, 13))


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    hidden_size: int = 32
    """Units of the tanh network."""
    radii: tuple[float, ...] = (0.5, 0.9, 1.2, 1.5, 1.8, 2.0, 3.0, 4.0)
    """Spectral radii of its recurrent matrix."""
    lengths: tuple[int, ...] = (64, 256, 1024)
    """Numbers of steps T."""
    long_length: int = 4096
    """Steps of the longest run, at radii up to 0.9 only, by deer."""
    max_iterations: int = 60
    """When an iteration gives up."""
    rows: int = 4
    """Sequences at a time where the wall-clock time is measured."""
    seed: int = 0
    """Seed of weights and inputs."""
    speedups: bool = False
    """Measure what an accelerator should gain, up to T = 100,000; minutes on a CPU, where it loses."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "hidden_size", "long_length", "max_iterations", "rows")
        if not self.radii or not self.lengths or min(self.lengths) < 2 or min(self.radii) <= 0:
            raise ValueError("--radii must be positive and --lengths at least 2; give at least one of each")
        if min(self.radii) > FORGETTING and self.long_length != type(self).long_length:
            raise ValueError(f"--long-length has no effect without a radius of at most {FORGETTING}; got {self.radii}: add 0.9")


class Network(NamedTuple):
    """A tanh network of a given spectral radius, and inputs."""

    cell: Cell
    params: ElmanParams
    xs: jax.Array


def network(config: Config, radius: float, num_steps: int, batch_shape: tuple[int, ...] = ()) -> Network:
    """Draws W from N(0, 1), rescaled to the radius, U from N(0, 1/4) and white noise as input; b = 0."""
    k_params, k_inputs = jax.random.split(jax.random.key(config.seed))
    recurrent_init, kernel_init = with_spectral_radius(radius), normal(0.5)
    cell = elman(INPUT_SIZE, config.hidden_size, recurrent_init=recurrent_init, kernel_init=kernel_init)
    return Network(cell, cell.init(k_params), jax.random.normal(k_inputs, (num_steps, *batch_shape, INPUT_SIZE)))


def count_iterations(config: Config, method: Method, num_steps: int, radii: tuple[float, ...]) -> dict[str, np.ndarray]:
    """Evaluates networks of all radii: iterations, convergence, residual, and the largest deviation from the loop."""
    cell = network(config, 1.0, num_steps).cell

    @jax.jit
    def measure(params, xs):
        _, ys, convergence = unroll_parallel(cell, params, xs, method=method, max_iterations=config.max_iterations)
        return *convergence, jnp.abs(ys - unroll(cell, params, xs)[1]).max()

    found = [measure(*network(config, radius, num_steps)[1:]) for radius in radii]
    names = ("converged", "iterations", "residual", "deviation")
    return dict(zip(names, map(np.asarray, zip(*found, strict=True)), strict=True))


def measure_exponents(config: Config) -> dict[str, np.ndarray]:
    """The largest Lyapunov exponent of every network, in nats per step, along 1,024 steps after the first 100."""
    cell = network(config, 1.0, 1).cell
    spectrum = jax.jit(functools.partial(lyapunov_spectrum, cell, num_exponents=1, discard=100))
    return {"exponent": np.asarray([spectrum(*network(config, radius, 1124)[1:])[0] for radius in config.radii])}


def rescue(config: Config) -> dict[str, np.ndarray]:
    """Runs the most chaotic network with the sequential fallback: its flag, and the largest deviation from the loop."""
    cell, params, xs = network(config, max(config.radii), max(config.lengths))
    few = min(5, config.max_iterations)
    run = jax.jit(functools.partial(unroll_parallel, cell, max_iterations=few, fallback="sequential"))
    _, ys, convergence = run(params, xs)
    deviation = jnp.abs(ys - jax.jit(functools.partial(unroll, cell))(params, xs)[1]).max()
    return {"flagged": np.asarray(~convergence.converged), "rescued": np.asarray(deviation)}


def measure_depths(config: Config) -> dict[str, np.ndarray]:
    """The longest chain of operations of a minGRU, evaluated by an associative scan, for T = 64 ... 4,096."""
    cell = min_gru(INPUT_SIZE, config.hidden_size)
    params = cell.init(jax.random.key(0))
    run = lambda xs: unroll_parallel(cell, params, xs)[1]  # noqa: E731
    return {"depth": np.asarray([longest_chain(run, jnp.zeros((t, INPUT_SIZE))) for t in DEPTH_LENGTHS])}


def measure_times(config: Config) -> dict[str, np.ndarray]:
    """Seconds per run on this device, best of three: minGRU and tanh network (radius 0.9), loop and parallel."""
    num_steps = max(config.lengths)
    cell, params, xs = network(config, 0.9, num_steps, (config.rows,))
    linear = min_gru(INPUT_SIZE, config.hidden_size)
    linear_params = linear.init(jax.random.key(config.seed))
    runs = {
        "min_gru/loop": (functools.partial(unroll, linear), linear_params),
        "min_gru/associative": (functools.partial(unroll_parallel, linear), linear_params),
        "tanh/loop": (functools.partial(unroll, cell), params),
        **{f"tanh/{method}": (functools.partial(unroll_parallel, cell, method=method), params) for method in METHODS},
    }
    return {f"seconds/{name}": np.asarray(best_of_three(jax.jit(run), weights, xs)) for name, (run, weights) in runs.items()}


def run(config: Config, part: Part = compute_now) -> Results:
    """Counts iterations for every method, radius and length, and measures exponents, depths and times."""
    jobs = _jobs(config)
    curves: dict[str, np.ndarray] = {}
    for name in (progress := tqdm(jobs, unit="part", leave=False)):
        progress.set_description(f"{name}: compiling and running")
        prefix, job = jobs[name]
        curves |= {f"{prefix}{key}": value for key, value in part(name, job).items()}
    curves |= {
        "radii": np.asarray(config.radii),
        "lengths": np.asarray(config.lengths),
        "depth_lengths": np.asarray(DEPTH_LENGTHS),
    }
    rows = [_row(config, curves, i, length) for i in range(len(config.radii)) for length in config.lengths]
    return Results(rows, _summary(config, curves), curves)


def _jobs(config: Config) -> dict[str, tuple[str, Callable[[], dict[str, np.ndarray]]]]:
    """The parts of the run: what the names of their arrays begin with, and what computes them."""
    jobs = {}
    for method in METHODS:
        for length in config.lengths:
            count = functools.partial(count_iterations, config, method, length, config.radii)
            jobs[f"{method}-{length}"] = (f"{method}/{length}/", count)
    if tame := tuple(radius for radius in config.radii if radius <= FORGETTING):
        jobs["long"] = ("long/", functools.partial(count_iterations, config, "deer", config.long_length, tame))
    named = {"exponents": measure_exponents, "rescue": rescue, "depths": measure_depths, "times": measure_times}
    jobs |= {name: ("", functools.partial(job, config)) for name, job in named.items()}
    return jobs | ({"speedups": ("", measure_speedups)} if config.speedups else {})


def _row(config: Config, curves: dict[str, np.ndarray], i: int, length: int) -> dict[str, float | str]:
    """Iterations, marked with an exclamation mark where they ended at the limit, and deviations from the loop."""
    row = {"radius": config.radii[i], "exponent": float(curves["exponent"][i]), "T": length}
    for method in METHODS:
        at = {name: curves[f"{method}/{length}/{name}"][i] for name in ("iterations", "converged", "deviation")}
        row[method] = f"{int(at['iterations'])}{'' if at['converged'] else '!'}"
        row[f"{method} deviation"] = float(at["deviation"])
    return row


def _summary(config: Config, curves: dict[str, np.ndarray]) -> dict[str, float]:
    summary: dict[str, float] = {"max_iterations": config.max_iterations, "hidden_size": config.hidden_size}
    if "long/iterations" in curves:
        summary[f"iterations of deer at T = {config.long_length}, radius <= 0.9"] = int(curves["long/iterations"].max())
        summary[f"deviation of deer at T = {config.long_length}"] = float(curves["long/deviation"].max())
    summary["operations on the longest chain, T = 64"] = int(curves["depth"][0])
    summary["operations on the longest chain, T = 4096"] = int(curves["depth"][-1])
    summary["deviation with the fallback"] = float(curves["rescued"])
    loop = operations_per_step("loop", config.hidden_size)
    for name in ("min_gru/loop", "min_gru/associative", "tanh/loop", *(f"tanh/{method}" for method in METHODS)):
        summary[f"seconds, {name}"] = float(curves[f"seconds/{name}"])
    for method in METHODS:
        summary[f"work of one iteration of {method}, in loops"] = operations_per_step(method, config.hidden_size) / loop
    summary |= {name: float(curves[name]) for name in TARGETS if name in curves}
    return summary


def check(config: Config, results: Results) -> list[Check]:
    """Judges speedups where they were measured, and all else under the published options with any seed."""
    speedups = _check_speedups(results) if config.speedups else []
    if dataclasses.replace(config, speedups=False, rows=Config.rows, seed=Config.seed) != Config():
        return speedups
    curves, radii, exponent = results.curves, results.curves["radii"], results.curves["exponent"]
    tame, chaotic, last = radii <= FORGETTING, exponent > 0, max(config.lengths)
    iterations = np.stack([curves[f"deer/{length}/iterations"] for length in config.lengths])
    few = int(max(iterations[:, tame].max(), curves["long/iterations"].max()))
    runs = [f"{method}/{length}" for method in METHODS for length in config.lengths]
    deviations = [curves[f"{r}/deviation"][tame & curves[f"{r}/converged"]] for r in runs] + [curves["long/deviation"]]
    deviation = float(max(d.max(initial=0) for d in deviations))
    many = float(curves[f"deer/{last}/iterations"][chaotic].min()) if chaotic.any() else 0.0
    flagged = bool(curves["flagged"])
    return speedups + [
        at_most("iterations of deer at radius <= 0.9, T up to 4,096", few, 10),
        at_most("largest deviation from the loop there, where converged", deviation, 1e-5),
        at_least("networks with a positive exponent", int(chaotic.sum()), 1),
        at_least("iterations of deer there, T = 1,024, or the limit", many, 50),
        Check("the most chaotic network is flagged", float(flagged), "flagged", flagged),
        at_most("its deviation with the fallback", float(curves["rescued"]), 1e-5),
        at_most("spread of the depth gained per doubling of T", int(np.ptp(np.diff(curves["depth"]))), 0),
    ]


def _check_speedups(results: Results) -> list[Check]:
    """Ratios of times: at least the targets, but for training steps of two lengths at most."""
    return [
        (at_most if name == TRAINING else at_least)(name, float(results.summary[name]), target)
        for name, target in TARGETS.items()
    ]


EXPERIMENT = Experiment(
    name="parallel",
    claim="Newton's method evaluates a network that forgets in a few parallel iterations, whatever T; a chaotic one it cannot.",
    source="Lim et al. (2024), Gonzalez et al. (2024); linear cells: Martin & Cundy (2018), Feng et al. (2024)",
    config=Config,
    run=run,
    plot=plot,
    check=check,
    single_threaded=False,  # it times
)
