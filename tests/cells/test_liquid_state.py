"""Liquids against spikes counted synapse by synapse, closed forms of one neuron, and the statistics of their connections."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error
from scipy.linalg import expm

from recurrent import unroll
from recurrent.cells import LiquidState, column, connection_probabilities, exponential_strengths, liquid_state
from recurrent.initializers import normal, zeros
from recurrent.wrappers import emit_state

F64 = {"param_dtype": jnp.float64}
KEY = jax.random.key(3)
UDF = {"EE": (0.5, 1100, 50), "EI": (0.05, 125, 1200), "IE": (0.25, 700, 20), "II": (0.32, 144, 60)}
"""Utilization, and the time constants of depression and facilitation in ms, as published."""


@functools.cache
def run(cell):
    return jax.jit(functools.partial(unroll, emit_state(cell)))


def resting(cell, params, batch_shape=()):
    return jax.tree.map(np.asarray, cell.initial_state(params, batch_shape))


OPTIONS = {
    "step_ms": 0.5,
    "membrane_ms": 4.0,
    "rest_mv": -1.0,
    "threshold_mv": 2.0,
    "reset_mv": -2.0,
    "resistance_mohm": 1.5,
    "refractory_ms": (1.2, 0.6),
    "synapse_ms": (1.5, 2.5),
    "trace_ms": 6.0,
    "inhibitory": 0.3,
    "strengths_na": ((6.0, 60.0), (6.0, 6.0)),
    "probabilities": ((0.9, 0.9), (0.9, 0.9)),
}
HELD = {"E": 3, "I": 2}
"""Refractory periods in steps of half a millisecond, rounded up."""
NOT_ONE = ((0.0, 0.0), (0.0, 0.0))
"""Probabilities of a column without synapses."""


def released_by_hand(kinds, times, dynamic, step):
    """What the last of a neuron's spikes, at these steps, uses of a synapse: Markram's recursion from spike to spike."""
    utilization, depression, facilitation = UDF[kinds]
    u, left = utilization, 1.0
    for before, now in zip(times[:-1], times[1:], strict=True):
        if dynamic:
            wait = (now - before) * step
            left = 1 + (left - left * u - 1) * math.exp(-wait / depression)
            u = utilization + u * (1 - utilization) * math.exp(-wait / facilitation)
    return u * left


def run_by_hand(params, xs, state, dynamic):
    """One row, neuron by neuron; what happens between spikes is the exponential of a matrix."""
    w_in, w_exc, w_inh, bias, _ = map(np.asarray, params)
    sources, kinds = np.abs(np.vstack([w_exc, w_inh])), "E" * len(w_exc) + "I" * len(w_inh)
    tau, (tau_e, tau_i), ohm = OPTIONS["membrane_ms"], OPTIONS["synapse_ms"], OPTIONS["resistance_mohm"]
    flow = expm(OPTIONS["step_ms"] * np.array([[-1 / tau, ohm / tau, -ohm / tau], [0, -1 / tau_e, 0], [0, 0, -1 / tau_i]]))
    size, fired = len(kinds), [[] for _ in kinds]
    v, held, exc, inh, spikes, trace = (np.array(leaf) for leaf in state[:6])
    records = []
    for t, x in enumerate(xs):
        exc = exc + x @ w_in
        for j in range(size):
            if spikes[j]:
                for i in range(size):
                    amount = sources[j, i] * released_by_hand(kinds[j] + kinds[i], fired[j], dynamic, OPTIONS["step_ms"])
                    (exc if kinds[j] == "E" else inh)[i] += amount
        spikes = np.zeros(size)
        for i in range(size):
            target = OPTIONS["rest_mv"] + ohm * bias[i]
            moved, exc[i], inh[i] = flow @ [v[i] - target, exc[i], inh[i]]
            v[i] = OPTIONS["reset_mv"] if held[i] > 0 else target + moved
            held[i] = max(held[i] - 1, 0)
            if v[i] >= OPTIONS["threshold_mv"]:
                v[i], held[i], spikes[i] = OPTIONS["reset_mv"], HELD[kinds[i]], 1
                fired[i].append(t)
        trace = trace * math.exp(-OPTIONS["step_ms"] / OPTIONS["trace_ms"]) + spikes
        records.append([a.copy() for a in (v, held, exc, inh, spikes, trace)])
    return [np.stack(leaf) for leaf in zip(*records, strict=True)]


@pytest.mark.parametrize("synapses", ["dynamic", "static"])
def test_a_liquid_against_spikes_counted_synapse_by_synapse(synapses):
    cell = liquid_state(2, 7, synapses=synapses, kernel_init=normal(6.0), bias_init=zeros, **OPTIONS, **F64)
    params = perturbed(cell.init(KEY), 1)
    params = params._replace(bias=params.bias + 1.5)
    state = resting(cell, params, (2,))._replace(
        v=np.asarray(random_array((2, 7), 2)) - 1,
        refractory=np.array([[0, 0, 2, 0, 1, 0, 0], [1, 0, 0, 0, 0, 3, 0]], float),
        excitatory=np.abs(random_array((2, 7), 3)),
        inhibitory=np.abs(random_array((2, 7), 4)),
        trace=np.abs(random_array((2, 7), 5)),
    )
    xs = random_array((100, 2, 2), 6)
    final, states = run(cell)(params, xs, state)
    for row in range(2):
        found = [np.asarray(leaf)[:, row] for leaf in states[:6]]
        expected = run_by_hand(params, np.asarray(xs)[:, row], [leaf[row] for leaf in state[:6]], synapses == "dynamic")
        assert np.all(found[4] == expected[4])
        assert relative_error(found, expected) <= 1e-11
    counts = np.asarray(states.spikes).sum(axis=0)
    assert counts.min() >= 2  # every neuron of both kinds has fired again
    assert counts.max() >= 6
    assert np.all(np.asarray(unroll(cell, params, xs, state)[1]) == np.asarray(states.trace))
    assert (final.raised is None) == (final.used is None) == (synapses == "static")


@pytest.mark.parametrize("step", [1.0, 0.25, 0.0625])
def test_one_neuron_fires_at_the_rate_of_the_closed_form(step):
    """The period is late by less than a step, for the threshold is crossed inside of one."""
    cell = liquid_state(1, 4, step_ms=step, inhibitory=0.25, rest_mv=-2.0, resistance_mohm=2.0, probabilities=NOT_ONE, **F64)
    bias = np.array([9.0, 11.0, 20.0, 15.0])
    params = cell.init(KEY)._replace(bias=jnp.asarray(bias))
    _, states = run(cell)(params, jnp.zeros((int(400 / step), 1)))
    exact = np.array([3, 3, 3, 2]) + 30 * np.log((2 * bias - 2 - 13.5) / (2 * bias - 2 - 15))
    found = [step * np.diff(np.flatnonzero(spikes)) for spikes in np.asarray(states.spikes).T]
    assert all(len(periods) > 5 and np.ptp(periods) == 0 for periods in found)
    late = np.array([periods[0] for periods in found]) - exact
    assert np.all((late >= 0) & (late < step))


def test_below_the_threshold_v_tends_to_its_limit_with_the_time_constant():
    cell = liquid_state(1, 2, step_ms=2.0, inhibitory=0.5, rest_mv=-60.0, threshold_mv=-50.0, reset_mv=-65.0, **F64)
    params = cell.init(KEY)._replace(bias=jnp.array([9.0, -3.0]))
    state = resting(cell, params)
    assert np.all(state.v == -60)
    _, states = run(cell)(params, jnp.zeros((40, 1)), state)
    limit, time = np.array([-51.0, -63.0]), 2.0 * np.arange(1, 41)[:, None]
    assert relative_error(states.v, limit + (-60 - limit) * np.exp(-time / 30)) <= 1e-13


@pytest.mark.parametrize("step", [4.0, 1.0, 0.125])
@pytest.mark.parametrize("synapse", [3.0, 30.0])
def test_a_synaptic_potential_has_its_closed_form_whatever_the_step(synapse, step):
    """Also where a step is longer than the time constant, and where current and membrane have the same one."""
    cell = liquid_state(1, 2, step_ms=step, inhibitory=0.5, bias_init=zeros, synapse_ms=(synapse, 3.0), **F64)
    params = cell.init(KEY)._replace(input_kernel=jnp.array([[7.0, -2.0]]))
    xs = jnp.zeros((int(40 / step), 1)).at[0].set(1)
    _, states = run(cell)(params, xs)
    time = step * np.arange(1, len(xs) + 1)
    shape = time / 30 * np.exp(-time / 30)
    if synapse != 30:
        shape = synapse / (30 - synapse) * (np.exp(-time / 30) - np.exp(-time / synapse))
    assert relative_error(states.v, shape[:, None] * np.array([7.0, -2.0])) <= 1e-12


def test_a_neuron_excites_all_of_its_targets_or_inhibits_them():
    cell = liquid_state(1, 6, inhibitory=0.34, bias_init=zeros, **F64)
    params = perturbed(cell.init(KEY), 1)  # entries of both signs
    assert all(np.asarray(kernel).min() < 0 for kernel in params[1:3])
    state = resting(cell, params, (6,))._replace(spikes=np.eye(6))
    after, _ = jax.jit(cell.step)(params, state, jnp.zeros((6, 1)))
    silent, _ = jax.jit(cell.step)(params, state._replace(spikes=np.zeros((6, 6))), jnp.zeros((6, 1)))
    pushed = np.asarray(after.v - silent.v)
    assert np.all(pushed[:4] > 0)
    assert np.all(pushed[4:] < 0)


TABLE = ((0.9, 0.6), (0.7, 0.3))


@functools.cache
def many_liquids():
    """Positions `[liquid, 27, 3]` and kernels `[liquid, 27, 27]`."""
    cell = liquid_state(1, 27, inhibitory=0.2, reach=1.5, probabilities=TABLE, **F64)
    params = jax.jit(jax.vmap(cell.init))(jax.random.split(KEY, 400))
    return np.asarray(params.positions), np.concatenate([params.excitatory_kernel, params.inhibitory_kernel], axis=1)


def test_connections_are_as_frequent_as_the_probabilities():
    """By kinds and distance, within 4 standard deviations of a sum of independent draws: 1 in 16,000 for each group."""
    positions, kernels = many_liquids()
    squares = np.sum((positions[:, :, None] - positions[:, None]) ** 2, axis=-1)
    inhibitory = np.arange(27) >= 22
    groups = 0
    for source in (0, 1):
        for target in (0, 1):
            pairs = (inhibitory == source)[:, None] & (inhibitory == target)
            for square in (1, 2, 3, 5, 8):
                there = (kernels != 0)[(squares == square) & pairs]
                p = TABLE[source][target] * math.exp(-square / 1.5**2)
                assert abs(there.sum() - p * len(there)) <= 4 * math.sqrt(p * (1 - p) * len(there))
                groups += len(there) > 400
    assert groups == 20
    assert not np.any(kernels[:, np.arange(27), np.arange(27)])


def test_strengths_are_exponential_with_the_means_of_the_kinds():
    _, kernels = many_liquids()
    for (rows, columns), mean in {(0, 0): 30, (0, 1): 60, (1, 0): 19, (1, 1): 19}.items():
        block = kernels[:, (slice(22), slice(22, 27))[rows], (slice(22), slice(22, 27))[columns]]
        drawn = block[block != 0]
        error = 4 * mean / math.sqrt(len(drawn))  # the deviation of an exponential distribution is its mean
        assert error < 0.2 * mean
        assert abs(drawn.mean() - mean) <= error
        assert abs(np.mean(drawn > mean * math.log(4)) - 0.25) <= 4 * math.sqrt(0.25 * 0.75 / len(drawn))


def test_probabilities_against_their_formula():
    positions = random_array((5, 3), 7)
    found = np.asarray(connection_probabilities(positions, 2, 0.7, TABLE))
    for i in range(5):
        for j in range(5):
            distance = math.dist(positions[i], positions[j])
            expected = TABLE[i >= 3][j >= 3] * math.exp(-((distance / 0.7) ** 2))
            assert found[i, j] == pytest.approx(expected if i != j else 0, rel=1e-12)


def test_the_published_column_has_every_point_once_in_any_order():
    points = column(135)
    assert {tuple(point) for point in points.tolist()} == {(x, y, z) for x in range(3) for y in range(3) for z in range(15)}
    assert column(7, (2, 1)).tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 1], [0, 0, 2], [1, 0, 2], [0, 0, 3]]
    params = liquid_state(4, 135).init(KEY)
    assert (params.excitatory_kernel.shape, params.inhibitory_kernel.shape) == ((108, 135), (27, 135))
    assert sorted(params.positions.tolist()) == sorted(points.tolist())
    assert params.positions.tolist() != points.tolist()
    assert np.all(np.asarray(params.bias) == 13.5)


def test_a_state_without_synaptic_resources_is_that_of_static_synapses():
    dynamic, static = (liquid_state(2, 5, synapses=synapses) for synapses in ("dynamic", "static"))
    shapes = jax.eval_shape(lambda p: dynamic.initial_state(p, (3,)), jax.eval_shape(dynamic.init, KEY))
    assert shapes.raised.shape == shapes.used.shape == (3, 5, 2)
    state = static.initial_state(static.init(KEY))
    assert isinstance(state, LiquidState)
    assert state.raised is state.used is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step_ms": 0.0}, "step_ms must be positive and finite; got 0"),
        ({"membrane_ms": math.nan}, "membrane_ms must be positive and finite; got nan"),
        ({"trace_ms": math.inf}, "trace_ms must be positive and finite; got inf"),
        ({"resistance_mohm": -1.0}, "resistance_mohm must be positive and finite; got -1"),
        ({"synapse_ms": (3.0, -6.0)}, r"synapse_ms\[1\] must be positive and finite; got -6"),
        ({"synapse_ms": (3.0,)}, "synapse_ms must be a pair"),
        ({"refractory_ms": (3.0, math.nan)}, r"refractory_ms must be at least 0 and finite; got \(3.0, nan\)"),
        ({"refractory_ms": (-1.0, 2.0)}, "refractory_ms must be at least 0"),
        ({"rest_mv": math.nan}, "rest_mv must be finite; got nan"),
        ({"reset_mv": 15.0}, "reset_mv must be below threshold_mv, or a neuron fires at every step; got 15.0 and 15.0"),
        ({"threshold_mv": math.nan}, "threshold_mv must be finite; got nan"),
        ({"reach": 0.0}, "reach must be positive and finite; got 0"),
        ({"inhibitory": 0.0}, "gives neurons of both kinds; 0.0 of 5 does not"),
        ({"inhibitory": 0.95}, "gives neurons of both kinds; 0.95 of 5 does not"),
        ({"inhibitory": math.nan}, "gives neurons of both kinds; nan of 5 does not"),
        ({"synapses": "plastic"}, 'synapses must be "static" or "dynamic"; got \'plastic\''),
        ({"probabilities": ((0.3, 1.2), (0.4, 0.1))}, "probabilities must be a table .* at least 0 and at most 1; got"),
        ({"probabilities": (0.3, 0.2)}, "probabilities must be a table"),
        ({"strengths_na": ((30.0, math.nan), (19.0, 19.0))}, "strengths_na must be a table .* at least 0; got"),
        ({"strengths_na": ((30.0, 60.0), (-19.0, -19.0))}, "strengths_na must be a table"),
        ({"base": (3, 0)}, r"base\[1\]_size must be a positive integer; got 0|base\[1\] must be a positive integer; got 0"),
    ],
)
def test_a_bad_option_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        liquid_state(2, 5, **options)


def test_strengths_without_a_mean_are_refused():
    with pytest.raises(ValueError, match="exponential_strengths: mean must be positive and finite; got nan"):
        exponential_strengths(math.nan)
