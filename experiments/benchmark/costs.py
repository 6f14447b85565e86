"""What the extras of this project cost, as ratios to the run without them: flags, diagnostics, checkpointing, sweeps."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmark.networks import SIZES, Network, Size, draw
from experiments.benchmark.worker import median_time
from experiments.common.sweeping import sweep
from recurrent import backpropagate, gradient_decay, unroll

ROUNDS = 5
LSTM = Network("lstm")
FLAGGED = (("lstm", "S"), ("lstm", "M"), ("gru", "M"), ("elman", "S"), ("elman", "M"), ("elman", "stream"))
"""Where flags are measured; the Elman network has most to lose, for its step is the shortest."""


class Cost(NamedTuple):
    """One ratio of times or memory, and the largest that is acceptable."""

    what: str
    ratio: float
    least: float
    most: float
    limit: float


def measure(budget: float) -> list[dict[str, Any]]:
    """Measures every cost, in the process that calls it."""
    costs = [*_flags(budget), *_diagnostics(budget), *_checkpointing(budget), *_sweeps(budget)]
    return [cost._asdict() for cost in costs]


def _compare(what: str, limit: float, budget: float, base: Callable[[], Any], *others: Callable[[], Any]) -> Cost:
    """The time of the last program over that of the fastest of the ones before, round by round."""
    programs = (base, *others)
    seconds = np.array([[median_time(program, budget) for program in programs] for _ in range(ROUNDS)])
    ratio = seconds[:, -1] / seconds[:, :-1].min(axis=1)
    return Cost(what, float(np.median(ratio)), float(ratio.min()), float(ratio.max()), limit)


def _program(function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    compiled = jax.jit(function).lower(*args).compile()
    jax.block_until_ready(compiled(*args))
    return lambda: jax.block_until_ready(compiled(*args))


def _flags(budget: float) -> list[Cost]:
    costs = []
    for cell, label in FLAGGED:
        size, network = SIZES[label], Network(cell)
        rng = np.random.default_rng(0)
        shape = (size.steps, size.batch)
        flags = {
            "lengths": jnp.asarray(rng.integers(size.steps // 2, size.steps + 1, size.batch)),
            "mask": jnp.asarray(rng.random(shape) < 0.8),
            "resets": jnp.asarray(rng.random(shape) < 0.05),
        }
        given = {name: {name: value} for name, value in flags.items()}
        given["mask and resets"] = {name: flags[name] for name in ("mask", "resets")}
        for backprop in ("explicit", "autodiff"):
            plain = _training_step(size, backprop, {}, network)
            for name, chosen in given.items():
                flagged = _training_step(size, backprop, chosen, network)
                costs.append(_compare(f"{name}, {backprop}, {cell} {label}", 1.1, budget, plain, flagged))
    return costs


def _training_step(
    size: Size, backprop: Any, flags: dict[str, jax.Array], network: Network = LSTM, **options: Any
) -> Callable[[], Any]:
    gradient, params, xs = _gradient(size, backprop, network, **options)
    return _program(lambda params, xs, flags: gradient(params, xs, **flags), params, xs, flags)


def _gradient(size: Size, backprop: Any, network: Network = LSTM, *, of_final_state: bool = False, **options: Any):
    cell = network.make_cell(size.features, size.hidden)
    (params,), xs = draw(network, size)

    def loss(params, xs, **flags):
        final_state, ys = unroll(cell, params, xs, backprop=backprop, **options, **flags)
        return jnp.mean(final_state.h**2 if of_final_state else ys**2)

    return jax.value_and_grad(loss), params, jnp.asarray(xs)


def _diagnostics(budget: float) -> list[Cost]:
    size = SIZES["M"]
    cell = LSTM.make_cell(size.features, size.hidden)
    (params,), xs = draw(LSTM, size)
    dys = jnp.asarray(np.random.default_rng(1).normal(size=(size.steps, size.batch, size.hidden)).astype(np.float32))
    gradient = _training_step(size, "explicit", {})
    decay = _program(lambda params, xs: gradient_decay(cell, params, xs, lambda s: jnp.sum(s.h**2)), params, xs)
    trace = _program(functools.partial(backpropagate, cell, trace=True), params, xs, dys)
    return [
        _compare("gradient_decay over all lags, in explicit gradients, lstm M", 3.0, budget, gradient, decay),
        _compare("trace of every delta, in explicit gradients, lstm M", 2.0, budget, gradient, trace),
    ]


def _checkpointing(budget: float) -> list[Cost]:
    costs = []
    size = Size(8, 4096, 32, 64)
    every = int(size.steps**0.5)
    for backprop in ("explicit", "autodiff"):
        plain = _training_step(size, backprop, {})
        checkpointed = _training_step(size, backprop, {}, checkpoint_every=every)
        what = f"time with checkpoint_every={every}, {backprop}, T={size.steps}"
        costs.append(_compare(what, 1.5, budget, plain, checkpointed))
        for steps in (256, 1024, 4096, 16384):
            memory = _temporary_bytes(size._replace(steps=steps), backprop, int(steps**0.5))
            whole = _temporary_bytes(size._replace(steps=steps), backprop, None)
            what = f"memory with checkpoint_every={int(steps**0.5)}, {backprop}, T={steps}"
            costs.append(Cost(what, memory / whole, memory / 1e6, whole / 1e6, 1.0))
        growth = _temporary_bytes(size._replace(steps=16384), backprop, 128) / _temporary_bytes(size, backprop, 64)
        what = f"memory with checkpoint_every=sqrt(T), {backprop}, T=16384 over T=4096"
        costs.append(Cost(what, growth, growth, growth, 2.5))
    return costs


def _temporary_bytes(size: Size, backprop: Any, checkpoint_every: int | None) -> float:
    """What the compiled training step, many to one, holds besides its arguments and results."""
    gradient, params, xs = _gradient(size, backprop, checkpoint_every=checkpoint_every, of_final_state=True)
    analysis = jax.jit(gradient).lower(params, xs).compile().memory_analysis()
    return float("nan") if analysis is None else analysis.temp_size_in_bytes


def _sweeps(budget: float) -> list[Cost]:
    size, count = Size(20, 100, 32, 64), 16
    gradient, _, xs = _gradient(size, "explicit")
    cell = LSTM.make_cell(size.features, size.hidden)
    stacked = jax.vmap(cell.init)(jax.random.split(jax.random.key(0), count))

    def one(params):
        return gradient(params, xs)

    mapped = _program(lambda stacked: jax.lax.map(one, stacked), stacked)
    vmapped = _program(jax.vmap(one), stacked)
    chosen = _program(lambda stacked: sweep(one, stacked), stacked)
    return [
        _compare("sweep of 16 networks, vmap over lax.map", float("inf"), budget, mapped, vmapped),
        _compare("sweep of 16 networks as experiments run it, over the better one", 1.05, budget, mapped, vmapped, chosen),
    ]
