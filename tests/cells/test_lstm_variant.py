"""The family of the LSTM: every variant against a loop in numpy, the limits that are other cells, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, random_array, relative_error

from recurrent import count_parameters, elman, lstm
from recurrent.cells import ElmanParams, LSTMState, LSTMStateWithGates, LSTMVariantParams, lstm_variant, lstm_variant_step
from recurrent.initializers import PerGate, normal

T, B, D, H = 5, 3, 2, 4
XS = random_array((T, B, D), 1)
F64 = {"param_dtype": jnp.float64}
KEY = jax.random.key(3)

GREFF = {
    "V": {},
    "NIG": {"input_gate": False},
    "NFG": {"forget_gate": None},
    "NOG": {"output_gate": False},
    "NIAF": {"input_activation": False},
    "NOAF": {"output_activation": False},
    "NP": {"peepholes": False},
    "CIFG": {"forget_gate": "coupled"},
    "FGR": {"gate_recurrence": True},
}
"""The variants by the names of Greff et al., who count peepholes among the parts of their standard LSTM."""

NO_GATE = {"input_gate": False, "forget_gate": None, "output_gate": False}
OTHERS = {
    "P": {"projection_size": 2},
    "P NP NOAF": {"projection_size": 6, "peepholes": False, "output_activation": False},
    "FGR CIFG P": {"gate_recurrence": True, "forget_gate": "coupled", "projection_size": 3},
    "FGR NIG NOG": {"gate_recurrence": True, "input_gate": False, "output_gate": False},
    "FGR NFG NP": {"gate_recurrence": True, "forget_gate": None, "peepholes": False},
    "NIG NFG NOG NP": {**NO_GATE, "peepholes": False},
    "CIFG NOG NIAF": {"forget_gate": "coupled", "output_gate": False, "input_activation": False},
}
VARIANTS = {name: {"peepholes": True, **options} for name, options in (GREFF | OTHERS).items()}
every_variant = pytest.mark.parametrize("options", VARIANTS.values(), ids=list(VARIANTS))


def gates_and_blocks(options):
    has = (options.get("input_gate", True), options.get("forget_gate", "own") == "own", True, options.get("output_gate", True))
    blocks = [block for block, there in zip("ifgo", has, strict=True) if there]
    return [block for block in blocks if block != "g"], blocks


def by_name(names, leaf, axis=-1):
    return {} if leaf is None else dict(zip(names, np.split(np.asarray(leaf), len(names), axis), strict=True))


def by_hand(options, params, state, xs):
    """Outputs and last state, with a matrix of its own for every pair of blocks."""
    gates, blocks = gates_and_blocks(options)
    u, w, b = (by_name(blocks, leaf) for leaf in params[:3])
    p = by_name(gates, params.peepholes) or dict.fromkeys(gates, 0.0)
    r = {source: by_name(gates, rows) for source, rows in by_name(gates, params.gate_kernel, axis=0).items()}
    c, h, last = np.asarray(state.c), np.asarray(state.h), by_name(gates, state.gates) if r else {}
    phi, psi = (np.tanh if options.get(f"{at}_activation", True) else np.asarray for at in ("input", "output"))
    ys = []
    for x in np.asarray(xs):
        a = {block: x @ u[block] + h @ w[block] + b[block] for block in blocks}
        for gate in gates if r else ():
            a[gate] = a[gate] + sum(last[source] @ r[source][gate] for source in gates)
        now = dict.fromkeys("ifo", 1.0)
        for gate in set(gates) - {"o"}:
            now[gate] = 1 / (1 + np.exp(-a[gate] - p[gate] * c))
        if options.get("forget_gate") == "coupled":
            now["f"] = 1 - now["i"]
        c = c * now["f"] + phi(a["g"]) * now["i"]
        if "o" in gates:
            now["o"] = 1 / (1 + np.exp(-a["o"] - p["o"] * c))
        h = psi(c) * now["o"]
        h = h if params.projection is None else h @ np.asarray(params.projection)
        last = {gate: now[gate] for gate in gates}
        ys.append(h)
    return np.stack(ys), (c, h, np.concatenate([*last.values()], axis=-1)) if r else (c, h)


def run(cell, params, state, xs=XS):
    ys = []
    for x in xs:
        state, y = cell.step(params, state, x)
        ys.append(y)
    return jnp.stack(ys), state


@every_variant
def test_a_variant_is_its_equations(options):
    cell = lstm_variant(D, H, **options, **F64)
    params, state = drawn(cell)
    ys, final = run(cell, params, state)
    expected_ys, expected_final = by_hand(options, params, state, XS)
    assert isinstance(final, LSTMStateWithGates if options.get("gate_recurrence") else LSTMState)
    assert relative_error((ys, *final), (expected_ys, *expected_final)) < 1e-13


@every_variant
def test_parameters_are_those_of_the_gates_that_exist(options):
    params = jax.eval_shape(lstm_variant(D, H, **options).init, KEY)
    k, r = len(gates_and_blocks(options)[0]), options.get("projection_size", H)
    parts = k * H * options["peepholes"] + (k * H) ** 2 * options.get("gate_recurrence", False)
    assert count_parameters(params) == (k + 1) * H * (D + r + 1) + parts + H * r * ("projection_size" in options)


def test_the_default_is_the_lstm():
    ours, theirs = lstm_variant(D, H, **F64, bias_init=normal(1.0)), lstm(D, H, **F64, bias_init=normal(1.0))
    params, expected = ours.init(KEY), theirs.init(KEY)
    jax.tree.map(np.testing.assert_array_equal, params[:3], tuple(expected))
    assert params[3:] == (None, None, None)
    state = LSTMState(random_array((B, H), 4), random_array((B, H), 5))
    assert relative_error(run(ours, params, state), run(theirs, expected, state)) < 1e-15


@every_variant
def test_a_variant_starts_as_the_lstm_without_what_it_lacks(options):
    biases = PerGate((*(normal(scale) for scale in (1.0, 2.0, 3.0)), normal(4.0)))
    bias = {"bias_init": biases, "forget_bias": 7.0 if "f" in gates_and_blocks(options)[0] else 0.0}
    params = lstm_variant(D, H, **options, **bias).init(KEY)
    whole = lstm(D, H, **bias).init(KEY)
    kept = np.concatenate(["ifgo".index(block) * H + np.arange(H) for block in gates_and_blocks(options)[1]])
    np.testing.assert_array_equal(params.input_kernel, whole.input_kernel[:, kept])
    np.testing.assert_array_equal(params.bias, whole.bias[kept])
    if params.projection is None:
        np.testing.assert_array_equal(params.recurrent_kernel, whole.recurrent_kernel[:, kept])
    assert params.peepholes is None or not np.any(params.peepholes)


def test_recurrent_matrices_are_drawn_gate_by_gate_and_differ():
    params = lstm_variant(D, 6, gate_recurrence=True, projection_size=3, **F64).init(KEY)
    drawn_blocks = [
        *np.split(np.asarray(params.recurrent_kernel).T, 4),
        *np.split(np.asarray(params.gate_kernel), 3, axis=1),
        np.asarray(params.projection),
    ]
    for block in drawn_blocks:
        np.testing.assert_allclose(block.T @ block, np.eye(block.shape[1]), atol=1e-12)
    assert len({block[0, 0] for block in drawn_blocks}) == 8


PINNED = 1e4
"""A bias whose sigmoid is 1 in float64, and that of its negative 0."""


@pytest.mark.parametrize(
    ("options", "pinned", "phi"),
    [
        ({"input_gate": False, "output_gate": False, "output_activation": False}, {"f": -PINNED}, jnp.tanh),
        ({"forget_gate": "coupled", "output_activation": False}, {"i": PINNED, "o": PINNED}, jnp.tanh),
        ({"peepholes": True, "output_activation": False}, {"i": PINNED, "f": -PINNED, "o": PINNED}, jnp.tanh),
        ({"gate_recurrence": True}, {"i": PINNED, "f": -PINNED, "o": PINNED}, lambda a: jnp.tanh(jnp.tanh(a))),
    ],
    ids=["no gates", "coupled", "peepholes", "gate recurrence"],
)
def test_with_open_gates_and_nothing_kept_it_is_the_vanilla_network(options, pinned, phi):
    """h_t = tanh(a_t), or tanh(tanh(a_t)) with an output activation."""
    cell = lstm_variant(D, H, **options, **F64)
    params, state = drawn(cell)
    blocks = gates_and_blocks(options)[1]
    column = {block: slice(k * H, (k + 1) * H) for k, block in enumerate(blocks)}
    for block, bias in pinned.items():
        params = params._replace(bias=params.bias.at[column[block]].set(bias))
    ys, _ = run(cell, params, state)
    expected, _ = run(
        elman(D, H, activation=phi, **F64), ElmanParams(*(leaf[..., column["g"]] for leaf in params[:3])), state.h
    )
    assert relative_error(ys, expected) < 1e-14


@pytest.mark.parametrize("activation", [True, False])
def test_without_gates_the_memory_is_a_running_sum(activation):
    """c_t = c_0 + Σ φ(x_s U + b) where nothing comes back."""
    cell = lstm_variant(D, H, **NO_GATE, input_activation=activation, output_activation=False, **F64)
    params, state = drawn(cell)
    params = params._replace(recurrent_kernel=jnp.zeros_like(params.recurrent_kernel))
    ys, final = run(cell, params, state)
    steps = np.asarray(XS) @ np.asarray(params.input_kernel) + np.asarray(params.bias)
    expected = np.asarray(state.c) + np.cumsum(np.tanh(steps) if activation else steps, axis=0)
    np.testing.assert_allclose(ys, expected, rtol=1e-12)
    np.testing.assert_allclose(final.c, expected[-1], rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"forget_gate": "coupled", "input_gate": False}, r'"coupled" is 1 - i; got input_gate=False'),
        ({"forget_gate": True}, r'forget_gate must be "own", "coupled" or None; got True'),
        ({"forget_gate": float("nan")}, "forget_gate must be .* got nan"),
        ({"input_activation": "relu"}, "input_activation must be True or False; got 'relu'"),
        ({"output_activation": None}, "output_activation must be True or False; got None"),
        ({"input_gate": 1}, "input_gate must be True or False; got 1"),
        ({"output_gate": "own"}, "output_gate must be True or False; got 'own'"),
        ({"peepholes": float("nan")}, "peepholes must be True or False; got nan"),
        ({"gate_recurrence": 0}, "gate_recurrence must be True or False; got 0"),
        ({**NO_GATE, "peepholes": True}, "lead to gates; got no gate"),
        ({**NO_GATE, "gate_recurrence": True}, "lead to gates; got no gate"),
        ({"forget_bias": float("nan")}, "forget_bias must be finite.* got nan"),
        ({"forget_gate": None, "forget_bias": float("nan")}, "forget_bias must be .* got nan"),
        ({"forget_gate": "coupled", "forget_bias": 2.0}, 'left out without an "own" gate; got 2.0'),
        ({"projection_size": 0}, "projection_size must be a positive integer; got 0"),
        ({"projection_size": 2.5}, "projection_size must be a positive integer; got 2.5"),
        ({"projection_size": True}, "projection_size must be a positive integer; got True"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        lstm_variant(D, H, **options)


@pytest.mark.parametrize("option", [{"peepholes": True}, {"gate_recurrence": True}, {"projection_size": H}], ids=str)
def test_parameters_with_a_part_too_many_or_too_few_are_refused(option):
    """A projection to as many units leaves the shapes of all other parameters as they are."""
    cells = lstm_variant(D, H, **F64), lstm_variant(D, H, **option, **F64)
    (less, less_state), (more, more_state) = map(drawn, cells)
    with pytest.raises(ValueError, match=r"has no params\.(peepholes|gate_kernel|projection)"):
        cells[0].step(more, less_state, XS[0])
    with pytest.raises(ValueError, match=r"this cell has params\.(peepholes|gate_kernel|projection)"):
        cells[1].step(less, more_state, XS[0])


def test_the_step_alone_is_that_of_the_default():
    cell = lstm_variant(D, H, **F64)
    params, state = drawn(cell)
    assert isinstance(params, LSTMVariantParams)
    assert relative_error(lstm_variant_step(params, state, XS[0]), cell.step(params, state, XS[0])) == 0
