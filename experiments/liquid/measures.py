"""What one column is measured on: pairs of spike trains, and patterns that readouts tell apart."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.signal import lfilter

from experiments.common.ranks import rank_correlations
from experiments.liquid import columns
from experiments.liquid.findings import ALONE, BANK, FIXED, LIQUID, STATIC, TUNED
from experiments.liquid.options import Config
from experiments.liquid.spikes import draw_pairs, draw_patterns, draw_templates
from experiments.liquid.telling import Told, best_of, filtered, tell

RATE_HZ = 20.0
"""Of every spike train."""
LENGTH, LATE = 500, 200
"""Milliseconds of a pair of trains, and those after which its beginnings count as forgotten."""
SEGMENTS = 4
"""Of a sequence of patterns."""
HEARD = 50
"""Sequences on which the activity of columns is compared."""
BANK_MS = (5.0, 1000.0)
"""The shortest and the longest filter of the bank; the others lie between them in equal ratios."""


def separation(config: Config, liquid: int) -> dict[str, np.ndarray]:
    """Distances of states, of pairs of trains that start from states of their own.

    Returns:
      apart: means over pairs, `[distance, step]`.
      late: means over pairs and late steps, `[distance]`.
      rank/states, rank/inputs: correlations over all pairs of their distance with that of states, and of filtered inputs.
    """
    rng, cell = np.random.default_rng([config.seed, liquid, 0]), columns.column(config.neurons)
    params = columns.draw(cell, _key(config, liquid))
    apart, given, inputs = [], [], []
    for distance in config.distances:
        pairs = draw_pairs(rng, distance, config.pairs, RATE_HZ, LENGTH)
        trains = jnp.asarray(pairs.trains.reshape(-1, LENGTH).T[..., None])
        ys = np.asarray(columns.traces(cell, params, columns.start(rng, trains.shape[1], config.neurons), trains))
        first, second = np.moveaxis(ys.reshape(LENGTH, config.pairs, 2, -1), 2, 0)
        apart.append(np.linalg.norm(first - second, axis=-1))
        seen = np.asarray(lfilter([1.0], [1.0, -np.exp(-1 / columns.TRACE_MS)], pairs.trains, axis=-1))
        inputs.append(np.abs(seen[:, 0] - seen[:, 1])[:, LATE:].mean(axis=1))
        given.append(pairs.distances)
    late = np.stack([values[LATE:].mean(axis=0) for values in apart])
    states, of_inputs = rank_correlations(np.stack([late.ravel(), np.ravel(inputs)]), np.ravel(given))
    means = np.stack([values.mean(axis=1) for values in apart])
    return {"apart": means, "late": late.mean(axis=1), "rank/states": states, "rank/inputs": of_inputs}


def patterns(config: Config, liquid: int) -> dict[str, np.ndarray]:
    """What readouts tell at the end of four segments.

    Returns:
      accuracy/READER, ridge/READER: shares of test sequences, and the penalty that was chosen, `[segment]`.
      filter: the time constant that was chosen for the input, `[segment]`.
      factor: of static synapses.
      raster, input: spikes of the column and of the input in the last sequence, `[step, neuron or 1]`.
      inhibitory: how many of the neurons are, the last ones.
    """
    rng, split = np.random.default_rng([config.seed, liquid, 1]), config.split
    templates = draw_templates(rng, SEGMENTS, RATE_HZ, config.segment_ms)
    trains, labels = draw_patterns(rng, templates, sum(split), config.segment_ms, config.jitter_ms)
    v = columns.start(rng, sum(split), config.neurons)
    dynamic, static = (columns.column(config.neurons, synapses) for synapses in ("dynamic", "static"))
    params = columns.draw(dynamic, _key(config, liquid))
    factor = columns.as_active(static, dynamic, params, v[:HEARD], trains[:, :HEARD])
    readers = {LIQUID: (dynamic, 1.0), STATIC: (static, factor), ALONE: (dynamic, 0.0)}
    told = {
        name: tell(columns.last_traces(cell, columns.scaled(params, scale), v, trains), labels, split)
        for name, (cell, scale) in readers.items()
    }
    found, filters = of_inputs(config, trains, labels)
    told |= found
    scores = {f"accuracy/{reader}": one.test for reader, one in told.items()}
    scores |= {f"ridge/{reader}": one.ridge for reader, one in told.items()}
    raster = np.asarray(columns.spikes(dynamic, params, v[-1:], trains[:, -1:]))[:, 0]
    shown = {"raster": raster, "input": trains[:, -1], "inhibitory": np.array(len(params.inhibitory_kernel))}
    return scores | shown | {"filter": filters, "factor": np.array(factor)}


def of_inputs(config: Config, trains: np.ndarray, labels: np.ndarray) -> tuple[dict[str, Told], np.ndarray]:
    """What is told from filters of the input alone, and which single one was the best, `[segment]`."""
    single = [tell(features, labels, config.split) for features in filtered(trains, np.array(config.filters_ms))]
    best, places = best_of(single)
    bank = filtered(trains, np.geomspace(*BANK_MS, config.neurons))[..., 0].T
    fixed = single[config.filters_ms.index(columns.TRACE_MS)]
    return {FIXED: fixed, TUNED: best, BANK: tell(bank, labels, config.split)}, np.array(config.filters_ms)[places]


def _key(config: Config, liquid: int) -> jax.Array:
    """Of the column, on which both parts are measured."""
    return jax.random.key(1000 * config.seed + liquid)
