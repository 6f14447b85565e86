"""The explicit backward pass against autodiff and against other libraries, timed as ratios within one run.

Every library runs in a process of its own, from the same weights and inputs. Nothing is timed before loss and gradients
agree. Then each round asks one process after the other, so that whatever slows the machine slows them all, and a ratio is
taken between two times of the same round.

Claim: the explicit pass takes less time than autodiff of the loop, here and in other libraries. Criteria, on the lower 95 %
bounds of geometric means over the rounds: 1.2 times as fast as the fastest JAX library over the main table, and faster in
every row of it; 1.2 times as fast as autodiff over this library's own cells; as fast as torch, and 1.05 times at M and L;
three quarters of the rate of a large matrix product at M. Baselines: every library in its own layer for whole sequences, or
its cell in `lax.scan` where it has none; a GRU only beside one of the same form; torch with the faster of one thread and one
per core, in inference mode where no gradient is wanted. `make benchmark` installs the libraries; those that are missing are
left out, and named.
"""

import contextlib
import dataclasses
import datetime
import itertools
import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from experiments.benchmark.figure import draw_ratios
from experiments.benchmark.networks import GATES, NETWORKS, OWN, SIZES, TABLE, Network, Size, flops
from experiments.benchmark.peers import PEERS, has
from experiments.benchmark.rows import Rows, fastest, grouped
from experiments.benchmark.worker import Worker
from experiments.common.checks import Check, at_least, at_most
from experiments.common.experiment import Experiment, Results
from experiments.common.intervals import Interval, of_mean
from experiments.common.options import check_counts, check_positive, option
from experiments.common.parts import Part, compute_now

DISTRIBUTIONS = {"jax": "jax", "flax": "flax", "dm-haiku": "haiku", "equinox": "equinox", "torch": "torch"}
"""Distributions whose versions are told, with what they are imported as."""
PACKAGES = {"flax linen": "flax", "flax nnx": "flax", "haiku": "haiku", "equinox": "equinox", "torch": "torch"}
TOLERANCE = 1e-4
"""Largest relative difference of losses and gradients, in float32, that counts as the same computation."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    sizes: tuple[str, ...] = tuple(SIZES)
    """Sizes of the main table: S, M, L, stream."""
    lengths: tuple[int, ...] = (64, 256, 1024, 4096, 16384)
    """Steps of the length sweep (lstm, B8 D32 H64; only if lstm is among the networks); none to leave it out."""
    networks: tuple[str, ...] = tuple(NETWORKS)
    """Networks to time. Arrangements of layers and this library's own cells are timed at S and M only."""
    rounds: int = 10
    """Rounds of interleaved timings."""
    budget: float = 0.1
    """Seconds that each library is timed for in each round, at least two calls."""
    costs: bool = True
    """Measure what masks, diagnostics, checkpointing and sweeps cost in this project."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "rounds")
        for name, known in (("sizes", SIZES), ("networks", NETWORKS)):
            unknown = [one for one in getattr(self, name) if one not in known]
            if unknown or not getattr(self, name):
                raise ValueError(f"{option(name)} must be some of {', '.join(known)}; got {', '.join(unknown) or 'none'}")
        if any(length < 1 for length in self.lengths):
            raise ValueError(f"--lengths must be at least 1; got {self.lengths}")
        check_positive(self, "budget")
        if not any(True for _ in _settings(self)):
            raise ValueError(
                f"--networks {', '.join(self.networks)} are not timed at {', '.join(self.sizes)}: give size S or M, too"
            )


def run(config: Config, part: Part = compute_now) -> Results:
    """Times every network in every library, and what this project's extras cost."""
    settings = list(_settings(config))
    wanted = [peer for peer in PEERS if any(has(peer, network) for network, *_ in settings)]
    peers = [peer for peer in wanted if peer not in PACKAGES or find_spec(PACKAGES[peer])]
    missing = [peer for peer in wanted if peer not in peers]
    if missing:
        print(f"not installed, left out: {', '.join(missing)} (make benchmark installs them)")
    rows, rates, curves = [], [], {}
    with _workers(peers) as workers:
        for network, label, size, training in tqdm(settings, desc="networks", unit="row"):
            what = "training step" if training else "forward"
            times = part(
                f"{network}-{label}-{what}".replace(" ", "_"),
                lambda network=network, size=size, training=training: _measure(config, workers, network, size, training),
            )
            rows += _rows(network, label, size, what, times)
            curves |= {f"{network}/{label}/{what}/{peer}": s for peer, s in zip(times["peers"], times["seconds"], strict=True)}
            rates.append(times["gemm"])
        costs = _costs(config, workers["explicit"], part)
        device = workers["explicit"].ask("device")
    run_on = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} x {_processor()}" + ("" if device == "cpu" else f", {device}"),
        "versions": ", ".join(f"{name} {version(name)}" for name, module in DISTRIBUTIONS.items() if find_spec(module)),
        "rate of a large matrix product, GFLOP/s": float(np.median(np.concatenate(rates))) / 1e9,
    }
    return Results(rows + costs, {**run_on, **_summary(rows, curves)}, curves)


def _processor() -> str:
    """The model of the processor, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


@contextlib.contextmanager
def _workers(peers: list[str]) -> Iterator[dict[str, Worker]]:
    workers = {peer: Worker(peer) for peer in peers}
    try:
        yield workers
    finally:
        for worker in workers.values():
            worker.close()


def _settings(config: Config) -> Iterator[tuple[Network, str, Size, bool]]:
    table = [NETWORKS[name] for name in config.networks if name in TABLE]
    others = [NETWORKS[name] for name in config.networks if name not in TABLE]
    for label, network, training in itertools.product(config.sizes, table, (True, False)):
        yield network, label, SIZES[label], training
    for label, network in itertools.product([size for size in config.sizes if size in ("S", "M")], others):
        yield network, label, SIZES[label], True
    for length in config.lengths if "lstm" in config.networks else ():
        yield NETWORKS["lstm"], f"T={length}", Size(8, length, 32, 64), True


def _measure(config: Config, workers: dict[str, Worker], network: Network, size: Size, training: bool) -> dict[str, Any]:
    """Checks that all libraries compute the same, then times them in turn."""
    taking_part = [peer for peer in workers if has(peer, network)]
    prepared = {peer: workers[peer].ask("prepare", network, size, training) for peer in taking_part}
    errors = {peer: _difference(found, prepared["autodiff"]) for peer, found in prepared.items()}
    for peer, error in errors.items():
        if not error <= TOLERANCE:
            raise ValueError(f"{peer} computes something else for {network} at {size}: relative difference {error:.3g}")
    seconds = {peer: [] for peer in taking_part}
    rates = []
    for turn in range(config.rounds):
        rates.append(workers["explicit"].ask("gemm"))
        for peer in taking_part[turn % len(taking_part) :] + taking_part[: turn % len(taking_part)]:
            seconds[peer].append(workers[peer].ask("time", config.budget))
    return {
        "peers": np.array(taking_part),
        "seconds": np.array([seconds[peer] for peer in taking_part]),
        "difference": np.array([errors[peer] for peer in taking_part]),
        "compile_s": np.array([prepared[peer].compile_s for peer in taking_part]),
        "memory_mb": np.array([prepared[peer].memory_mb for peer in taking_part]),
        "threads": np.array([prepared[peer].threads for peer in taking_part]),
        "gemm": np.array(rates),
    }


def _difference(found: Any, expected: Any) -> float:
    """The largest relative difference of the loss and of each gradient."""
    pairs = [(np.float64(found.loss), np.float64(expected.loss))]
    if found.gradient is not None:
        pairs += list(zip(found.gradient, expected.gradient, strict=True))
    return max(float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in pairs)


def _rows(network: Network, label: str, size: Size, what: str, times: dict[str, Any]) -> list[dict[str, Any]]:
    peers, seconds, memory = [str(peer) for peer in times["peers"]], times["seconds"], times["memory_mb"]
    explicit, autodiff = peers.index("explicit"), peers.index("autodiff")
    rows = []
    for i, peer in enumerate(peers):
        ratio = _ratio(seconds[i], seconds[explicit])
        rows.append(
            {
                "network": str(network), "size": label, "what": what, "library": peer,
                "ms": 1e3 * float(np.median(seconds[i])),
                "explicit is faster by": ratio.middle, "low": ratio.low, "high": ratio.high,
                "autodiff is faster by": _ratio(seconds[i], seconds[autodiff]).middle,
                **_rate(network, size, what, seconds[i], times["gemm"]),
                "compile s": float(times["compile_s"][i]),
                "peak MB": float(memory[i]), "MB of autodiff": float(memory[autodiff]),
                "MB over autodiff's": float(memory[i] / memory[autodiff]) if memory[autodiff] else float("nan"),
                "threads": int(times["threads"][i]) or "",
                "difference": float(times["difference"][i]),
            }
        )  # fmt: skip
    return rows


def _rate(network: Network, size: Size, what: str, seconds: np.ndarray, gemm: np.ndarray) -> dict[str, float]:
    """The work and its share of the rate of a large product, of networks whose work is counted."""
    if network.cell not in GATES:
        return {}
    work = flops(network, size, training=what == "training step")
    return {"GFLOP": work / 1e9, "of GEMM rate": float(np.median(work / seconds / gemm))}


def _costs(config: Config, worker: Worker, part: Part) -> list[dict[str, Any]]:
    if not config.costs:
        return []
    measured = part("costs", lambda: _columns_of(worker.ask("costs", config.budget)))
    names = measured["what"]
    return [
        {"network": "cost", "what": str(names[i]), "ratio": float(measured["ratio"][i]),
         "least": float(measured["least"][i]), "most": float(measured["most"][i]), "limit": float(measured["limit"][i])}
        for i in range(len(names))
    ]  # fmt: skip


def _columns_of(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _ratio(seconds: np.ndarray, base: np.ndarray) -> Interval:
    """The geometric mean over rounds of one time over another, with its 95 % interval."""
    return Interval(*map(_exp, of_mean(np.log(seconds / base))))


def _exp(value: float) -> float:
    return float(np.exp(value))


def _geometric_mean(ratios: list[np.ndarray]) -> Interval:
    """The geometric mean over rows of ratios `[round]`, with its interval over rounds."""
    return Interval(*map(_exp, of_mean(np.mean(np.log(ratios), axis=0))))


def _summary(rows: list[dict[str, Any]], curves: dict[str, np.ndarray]) -> dict[str, Any]:
    trained, names = grouped(rows, "training step"), {str(network) for network in TABLE.values()}
    table = {(name, size): peers for (name, size), peers in trained.items() if name in names and size in SIZES}
    return {**_against_others(table, curves), **_gemm_shares(rows), **_against_autodiff(rows, trained, curves)}


def _over(base: str, setting: tuple[str, str], peer: str, curves: dict[str, np.ndarray]) -> np.ndarray:
    """Times of a library over those of `base` in a training step, round by round."""
    network, size = setting
    return curves[f"{network}/{size}/training step/{peer}"] / curves[f"{network}/{size}/training step/{base}"]


def _against_others(table: dict[tuple[str, str], Rows], curves: dict[str, np.ndarray]) -> dict[str, Any]:
    """Ratios over the main table; of the JAX libraries the fastest of every row."""
    summary: dict[str, Any] = {}
    known = {setting: fastest(peers) for setting, peers in table.items()}
    best = {setting: row["library"] for setting, row in known.items() if row}
    if best:
        ratios = {base: [_over(base, s, peer, curves) for s, peer in best.items()] for base in ("explicit", "autodiff")}
        summary["explicit against the best JAX library, geometric mean"] = _geometric_mean(ratios["explicit"])
        for base, found in ratios.items():
            worst = min((_geometric_mean([ratio]) for ratio in found), key=lambda interval: interval.low)
            summary[f"{base} against the best JAX library, worst row"] = worst
    torch = {s: _over("explicit", s, "torch", curves) for s, peers in table.items() if "torch" in peers}
    if torch:
        summary["explicit against torch, geometric mean"] = _geometric_mean(list(torch.values()))
        for label in dict.fromkeys(size for _, size in torch):
            found = [ratio for (_, size), ratio in torch.items() if size == label]
            summary[f"explicit against torch, {label}"] = _geometric_mean(found)
    return summary


def _gemm_shares(rows: list[dict[str, Any]]) -> dict[str, float]:
    return {
        f"share of the GEMM rate at M, {row['network']}": row["of GEMM rate"]
        for row in rows
        if (row["library"], row["size"], row["what"]) == ("explicit", "M", "training step") and "of GEMM rate" in row
    }


def _against_autodiff(rows: list[dict[str, Any]], trained: Any, curves: dict[str, np.ndarray]) -> dict[str, Any]:
    """What the explicit pass gains over autodiff in the library's own cells, and what it holds, in all networks."""
    held = [row["MB over autodiff's"] for row in rows if row["library"] == "explicit" and row["what"] == "training step"]
    summary: dict[str, Any] = {"memory of the explicit pass over autodiff's, largest of all rows": max(held)} if held else {}
    gains = [_over("explicit", setting, "autodiff", curves) for setting in trained if setting[0] in OWN]
    if gains:
        summary["explicit against autodiff, own cells, geometric mean"] = _geometric_mean(gains)
        worst = min((_geometric_mean([gain]) for gain in gains), key=lambda interval: interval.low)
        summary["explicit against autodiff, own cells, worst row"] = worst
    return summary


def plot(results: Results) -> Any:
    """Draws the time of every library relative to the explicit pass, and the length sweep."""
    return draw_ratios(results.rows)


def check(config: Config, results: Results) -> list[Check]:
    """Tests the targets on CPU."""
    summary = results.summary
    targets = {
        "explicit against the best JAX library, geometric mean": 1.2,
        "explicit against the best JAX library, worst row": 1.0,
        "autodiff against the best JAX library, worst row": 0.95,
        "explicit against autodiff, own cells, geometric mean": 1.2,
        "explicit against torch, geometric mean": 1.0,
        "explicit against torch, M": 1.05,
        "explicit against torch, L": 1.05,
        "share of the GEMM rate at M, lstm": 0.75,
        "share of the GEMM rate at M, gru, reset after": 0.75,
    }
    checks = [at_least(name, summary[name], target) for name, target in targets.items() if name in summary]
    limits = {row["what"]: row["limit"] for row in results.rows if np.isfinite(row.get("limit", np.inf))}
    measured = {row["what"]: row["ratio"] for row in results.rows if "ratio" in row}
    return checks + [at_most(name, measured[name], limit) for name, limit in limits.items()]


EXPERIMENT = Experiment(
    name="benchmark",
    claim="A backward pass derived from the step is faster than autodiff of the loop, in this library and in others",
    source="Appleyard, Kocisky & Blunsom (2016), Optimizing performance of recurrent neural networks on GPUs",
    config=Config,
    run=run,
    plot=plot,
    check=check,
    single_threaded=False,
)
