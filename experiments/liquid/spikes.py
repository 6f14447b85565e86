"""Spike trains on a grid of milliseconds: Poisson trains, jitter, the distance of two trains, and patterns to tell apart."""

from typing import NamedTuple

import numpy as np

KERNEL_MS = 5.0
"""τ of the Gaussian exp(-(t/τ)²) that stands for a spike where trains are compared."""
NEAR = 0.01
"""How far from the distance asked for a pair may be."""
SHIFTS_MS = (0.5, 200.0)
"""Between which the deviation of the jitter is drawn that makes a pair."""


TEMPLATES = 2
"""Of every segment."""


class Pairs(NamedTuple):
    """Pairs of spike trains `[pair, 2, step]` of 0, 1, ... spikes, and their distances `[pair]`."""

    trains: np.ndarray
    distances: np.ndarray


class Patterns(NamedTuple):
    """Sequences of segments, each a jittered template.

    Attributes:
      trains: spikes `[step, sequence, 1]`.
      labels: which of its two templates each segment is, `[sequence, segment]`.
    """

    trains: np.ndarray
    labels: np.ndarray


def poisson(rng: np.random.Generator, rate_hz: float, shape: tuple[int, ...]) -> np.ndarray:
    """A spike or none in every millisecond."""
    return (rng.random(shape) < rate_hz / 1000).astype(np.float32)


def jittered(rng: np.random.Generator, places: np.ndarray, deviation_ms: np.ndarray | float, steps: int) -> np.ndarray:
    """Places moved by normal noise, rounded, and reflected at the borders, so that no spike leaves its window."""
    moved = np.rint(places + deviation_ms * rng.normal(size=np.broadcast_shapes(np.shape(places), np.shape(deviation_ms))))
    folded = np.mod(moved, 2 * steps)
    return np.where(folded < steps, folded, 2 * steps - 1 - folded).astype(int)


def distances(trains: np.ndarray) -> np.ndarray:
    """The L² distance, over the length in seconds, of two trains `[..., 2, step]` whose spikes are Gaussians; in s^(-1/2).

    Reference: Maass, Natschläger & Markram (2002), section 5.
    """
    steps = trains.shape[-1]
    difference = (trains[..., 0, :] - trains[..., 1, :]).astype(float)
    lags = np.subtract.outer(np.arange(steps), np.arange(steps))
    overlaps = KERNEL_MS / 1000 * np.sqrt(np.pi / 2) * np.exp(-(lags**2) / (2 * KERNEL_MS**2))
    squares = np.einsum("...t,...t->...", difference @ overlaps, difference)
    return np.sqrt(np.maximum(squares, 0)) / (steps / 1000)


def draw_pairs(rng: np.random.Generator, distance: float, count: int, rate_hz: float, steps: int) -> Pairs:
    """Poisson trains, each beside itself jittered, as far apart as asked for; beside itself at distance 0.

    Raises:
      ValueError: such pairs are too rare to be found.
    """
    if distance == 0:
        first = poisson(rng, rate_hz, (count, steps))
        return Pairs(np.stack([first, first], axis=1), np.zeros(count))
    found, apart = np.zeros((0, 2, steps), np.float32), np.zeros(0)
    for _ in range(200):
        first = poisson(rng, rate_hz, (1000, steps))
        second = np.zeros_like(first)
        rows, places = np.nonzero(first)
        shifts = np.exp(rng.uniform(np.log(SHIFTS_MS[0]), np.log(SHIFTS_MS[1]), len(first)))
        np.add.at(second, (rows, jittered(rng, places, shifts[rows], steps)), 1)
        both = np.stack([first, second], axis=1)
        values = distances(both)
        near = np.abs(values - distance) < NEAR
        found, apart = np.concatenate([found, both[near]]), np.concatenate([apart, values[near]])
        if len(found) >= count:
            return Pairs(found[:count], apart[:count])
    raise ValueError(f"pairs of trains of {rate_hz:g} Hz at the distance {distance:g} are too rare: ask for one nearer to 0.2")


def draw_templates(rng: np.random.Generator, segments: int, rate_hz: float, steps: int) -> list[list[np.ndarray]]:
    """Two Poisson trains for every segment: the places of their spikes, `[segment][template]`."""
    return [[np.flatnonzero(poisson(rng, rate_hz, (steps,))) for _ in range(TEMPLATES)] for _ in range(segments)]


def draw_patterns(
    rng: np.random.Generator, templates: list[list[np.ndarray]], count: int, steps: int, jitter_ms: float
) -> Patterns:
    """Sequences that take one of its templates for every segment, with every spike jittered within the segment."""
    labels = rng.integers(0, TEMPLATES, (count, len(templates)))
    trains = np.zeros((len(templates) * steps, count), np.float32)
    for segment, pair in enumerate(templates):
        for kind, places in enumerate(pair):
            sequences = np.flatnonzero(labels[:, segment] == kind)[:, None]
            moved = jittered(rng, np.broadcast_to(places, (len(sequences), len(places))), jitter_ms, steps)
            np.add.at(trains, (segment * steps + moved, np.broadcast_to(sequences, moved.shape)), 1)
    return Patterns(trains[..., None], labels)
