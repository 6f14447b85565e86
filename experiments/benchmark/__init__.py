"""The explicit backward pass against autodiff and against other libraries, timed as ratios within one run.

Every library runs in a process of its own, from the same weights and inputs. Nothing is timed before loss and gradients
agree. Then each round asks one process after the other, so that whatever slows the machine slows them all, and a ratio is
taken between two times of the same round. `make benchmark` installs the other libraries; those that are missing are left
out, and named.
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
from experiments.benchmark.networks import GATES, NETWORKS, OWN, SIZES, Network, Size, flops
from experiments.benchmark.peers import PEERS, has, own_form
from experiments.benchmark.worker import Worker
from experiments.common.experiment import Check, Experiment, Results, check_counts
from experiments.common.parts import Part, compute_now

DISTRIBUTIONS = {"jax": "jax", "flax": "flax", "dm-haiku": "haiku", "equinox": "equinox", "torch": "torch"}
"""Distributions whose versions are told, with what they are imported as."""
PACKAGES = {"flax linen": "flax", "flax nnx": "flax", "haiku": "haiku", "equinox": "equinox", "torch": "torch"}
JAX_PEERS = ("flax linen", "flax nnx", "haiku", "equinox")
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
    """Networks to time. Beside elman, lstm and gru, the arrangements and this library's own cells are timed at S and M only."""
    rounds: int = 3
    """Rounds of interleaved timings."""
    budget: float = 0.25
    """Seconds that each library is timed for in each round, at least two calls."""
    costs: bool = True
    """Measure what masks, diagnostics, checkpointing and sweeps cost in this project."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "rounds")
        for name, known in (("sizes", SIZES), ("networks", NETWORKS)):
            unknown = [one for one in getattr(self, name) if one not in known]
            if unknown or not getattr(self, name):
                raise ValueError(f"{name} must be some of {', '.join(known)}; got {', '.join(unknown) or 'none'}")
        if any(length < 1 for length in self.lengths):
            raise ValueError(f"lengths must be at least 1; got {self.lengths}")
        if not self.budget > 0:
            raise ValueError(f"budget must be positive; got {self.budget}")
        if not any(True for _ in _settings(self)):
            raise ValueError(
                f"networks {', '.join(self.networks)} are not timed at {', '.join(self.sizes)}: give size S or M, too"
            )


def run(config: Config, part: Part = compute_now) -> Results:
    """Times every network in every library, and what this project's extras cost."""
    settings = list(_settings(config))
    wanted = [peer for peer in PEERS if any(has(peer, network) for network, *_ in settings)]
    peers = [peer for peer in wanted if peer not in PACKAGES or find_spec(PACKAGES[peer])]
    missing = [peer for peer in wanted if peer not in peers]
    if missing:
        print(f"not installed, left out: {', '.join(missing)} (make benchmark installs them)")
    rows, rates = [], []
    with _workers(peers) as workers:
        for network, label, size, training in tqdm(settings, desc="networks", unit="row"):
            what = "training step" if training else "forward"
            times = part(
                f"{network}-{label}-{what}".replace(" ", "_"),
                lambda network=network, size=size, training=training: _measure(config, workers, network, size, training),
            )
            rows += _rows(network, label, size, what, times)
            rates.append(times["gemm"])
        costs = _costs(config, workers["explicit"], part)
    run_on = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} x {_processor()}",
        "versions": ", ".join(f"{name} {version(name)}" for name, module in DISTRIBUTIONS.items() if find_spec(module)),
        "rate of a large matrix product, GFLOP/s": float(np.median(np.concatenate(rates))) / 1e9,
    }
    return Results(rows + costs, {**run_on, **_summary(rows)}, {})


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
    table = [NETWORKS[name] for name in config.networks if name in GATES]
    others = [NETWORKS[name] for name in config.networks if name not in GATES]
    for label, network, training in itertools.product(config.sizes, table, (True, False)):
        yield network, label, SIZES[label], training
    for label, network in itertools.product([size for size in config.sizes if size in ("S", "M")], others):
        yield network, label, SIZES[label], True
    for length in config.lengths if "lstm" in config.networks else ():
        yield NETWORKS["lstm"], f"T={length}", Size(8, length, 32, 64), True


def _measure(config: Config, workers: dict[str, Worker], network: Network, size: Size, training: bool) -> dict[str, Any]:
    """Checks that all libraries compute the same, then times them in turn."""
    taking_part = [peer for peer in workers if has(peer, network)]
    references = {
        form: workers["autodiff"].ask("prepare", form, size, training)
        for form in dict.fromkeys(own_form(peer, network) for peer in taking_part)
    }
    prepared = {peer: workers[peer].ask("prepare", own_form(peer, network), size, training) for peer in taking_part}
    errors = {peer: _difference(prepared[peer], references[own_form(peer, network)]) for peer in taking_part}
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
        ratio = seconds[i] / seconds[explicit]
        rows.append(
            {
                "network": str(network), "size": label, "what": what, "library": peer,
                "ms": 1e3 * float(np.median(seconds[i])),
                "explicit is faster by": float(np.median(ratio)),
                "least": float(ratio.min()), "most": float(ratio.max()),
                "autodiff is faster by": float(np.median(seconds[i] / seconds[autodiff])),
                **_rate(network, size, what, seconds[i], times["gemm"]),
                "compile s": float(times["compile_s"][i]),
                "peak MB": float(memory[i]), "MB of autodiff": float(memory[autodiff]),
                "MB over autodiff's": float(memory[i] / memory[autodiff]) if memory[autodiff] else float("nan"),
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


def ratios(
    rows: list[dict[str, Any]], what: str = "training step", base: str = "explicit"
) -> dict[tuple[str, str], dict[str, float]]:
    """Time of every library over that of `base`, median over rounds, for each (network, size) of the main table."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if row.get("what") == what and row["network"] in GATES and row["size"] in SIZES:
            found.setdefault((row["network"], row["size"]), {})[row["library"]] = row[f"{base} is faster by"]
    return found


def _geometric_mean(values: list[float]) -> float:
    return float(np.exp(np.mean(np.log(values)))) if values else float("nan")


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {**_against_others(rows), **_against_autodiff(rows)}


def _against_others(rows: list[dict[str, Any]]) -> dict[str, float]:
    over_explicit, over_autodiff = ratios(rows), ratios(rows, base="autodiff")
    if not over_explicit:
        return {}
    best, best_autodiff = (
        [min([t[p] for p in JAX_PEERS if p in t], default=float("nan")) for t in times.values()]
        for times in (over_explicit, over_autodiff)
    )
    torch = {setting: t["torch"] for setting, t in over_explicit.items() if "torch" in t}
    summary = {
        "explicit against the best JAX library, geometric mean": _geometric_mean(best),
        "explicit against the best JAX library, worst row": min(best),
        "autodiff against the best JAX library, worst row": min(best_autodiff),
    }
    if torch:
        summary["explicit against torch, geometric mean"] = _geometric_mean(list(torch.values()))
        for label in {size for _, size in torch}:
            values = [ratio for (_, size), ratio in torch.items() if size == label]
            summary[f"explicit against torch, {label}"] = _geometric_mean(values)
    for row in rows:
        if (row["library"], row["size"], row["what"]) == ("explicit", "M", "training step") and row["network"] in GATES:
            summary[f"share of the GEMM rate at M, {row['network']}"] = row["of GEMM rate"]
    return summary


def _against_autodiff(rows: list[dict[str, Any]]) -> dict[str, float]:
    """What the explicit pass gains over autodiff in the library's own cells, and what it holds, in all networks."""
    own = [row for row in rows if row["library"] == "autodiff" and row["network"] in OWN]
    held = [row["MB over autodiff's"] for row in rows if row["library"] == "explicit" and row["what"] == "training step"]
    summary = {"memory of the explicit pass over autodiff's, largest of all rows": max(held)} if held else {}
    if own:
        gains = [row["explicit is faster by"] for row in own]
        summary["explicit against autodiff, own cells, geometric mean"] = _geometric_mean(gains)
        summary["explicit against autodiff, own cells, worst row"] = min(gains)
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
        "share of the GEMM rate at M, gru": 0.75,
    }
    checks = [Check(n, summary[n], f"at least {t}", summary[n] >= t) for n, t in targets.items() if n in summary]
    limits = {row["what"]: row["limit"] for row in results.rows if "limit" in row}
    measured = {row["what"]: row["ratio"] for row in results.rows if "ratio" in row}
    return checks + [Check(n, measured[n], f"at most {limit}", measured[n] <= limit) for n, limit in limits.items()]


EXPERIMENT = Experiment(
    name="benchmark",
    claim="A backward pass derived from the step is faster than autodiff of the loop, in this library and in others",
    source="Appleyard, Kocisky & Blunsom (2016), Optimizing performance of recurrent neural networks on GPUs",
    duration="about eighteen minutes",
    config=Config,
    run=run,
    plot=plot,
    check=check,
    single_threaded=False,
)
