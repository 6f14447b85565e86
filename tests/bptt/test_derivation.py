"""Cells that are hard to take apart: the derived backward pass equals autodiff, or says why it cannot."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import floats, random_array, relative_error
from jax import export

from recurrent import Cell, backpropagate, elman, gru, lstm, stack, unroll
from recurrent.bptt._explicit import phases_of
from recurrent.cells import layer_norm_lstm
from recurrent.sequences import prepare

T, B, H = 7, 3, 4
OF_ROWS, MATRICES = random_array((B, H), 8), random_array((B, H, H), 9)


def cell_of(step, make_state=lambda b: jnp.zeros((*b, H))):
    return Cell(lambda key: jax.random.normal(key, (H, H)), lambda params, b=(): make_state(b), step)


def with_state(step):
    """y_t = s_t."""

    def both(params, s_tm1, x_t):
        s_t = step(params, s_tm1, x_t)
        return s_t, s_t

    return cell_of(both)


def memoryless(params, s_tm1, x_t):
    return jnp.zeros_like(s_tm1), jnp.tanh(x_t @ params)


def constant_output(params, s_tm1, x_t):
    return jnp.tanh(s_tm1 @ params + x_t), jnp.ones_like(x_t)


def output_before_the_step(params, s_tm1, x_t):
    return jnp.tanh(s_tm1 @ params + x_t), jnp.sin(s_tm1) @ params


def gates_as_outputs(params, s_tm1, x_t):
    gate = jax.nn.sigmoid(s_tm1 @ params + x_t)
    return gate * s_tm1 + jnp.cos(x_t), (gate, jnp.exp(gate @ params))


def counting(params, state, x_t):
    clock, s_tm1 = state
    s_t = jnp.where((clock % 3 == 1)[..., None], jnp.tanh(s_tm1 @ params + x_t), s_tm1)
    return (clock + 1, s_t), (s_t, clock)


def drawing(params, state, x_t):
    key, s_tm1 = state
    draw = lambda k: (jax.random.split(k)[0], jax.random.normal(k, (H,)))  # noqa: E731
    key, noise = jax.vmap(draw)(key) if key.ndim else draw(key)
    s_t = jnp.tanh(s_tm1 @ params + x_t + 0.3 * noise)
    return (key, s_t), s_t * noise


def stacked_gates(params, s_tm1, x_t):
    """The batch is not the first axis of what is kept."""
    gates = jax.nn.sigmoid(jnp.stack([s_tm1 @ params, x_t @ params]))
    return gates[0] * s_tm1 + gates[1] * x_t, gates[0]


@jax.custom_vjp
def with_a_rule(a):
    """tanh, with a derivative that is written down."""
    return jnp.tanh(a)


with_a_rule.defvjp(lambda a: (jnp.tanh(a), jnp.tanh(a)), lambda y, dy: (dy * (1 - y**2),))

CELLS = {
    "orthogonal matrix made of the parameters": with_state(lambda p, s, x: jnp.tanh(s @ jax.scipy.linalg.expm(p - p.T) + x)),
    "rows mixed": with_state(lambda p, s, x: jnp.tanh((s - s.mean(axis=0, keepdims=True)) @ p + x)),
    "rows mixed before the loop": with_state(lambda p, s, x: jnp.tanh(s @ p + x - x.mean(axis=0, keepdims=True))),
    "rows mixed in the loop alone": with_state(lambda p, s, x: jnp.tanh(jnp.broadcast_to(s[:1], s.shape)) + x @ p),
    "rows ordered": with_state(lambda p, s, x: jnp.tanh(s @ p + jnp.cumsum(x, axis=0))),
    "rows told apart": with_state(lambda p, s, x: jnp.tanh(s @ p + x * jnp.cos(jnp.arange(float(s.shape[0]))[:, None]))),
    "rows counted behind the loop": cell_of(lambda p, s, x: (lambda h: (h, h / len(h)))(jnp.tanh(s @ p + x))),
    "rows counted before the loop": with_state(lambda p, s, x: jnp.tanh(s @ p + x / len(x))),
    "rows counted in a power": cell_of(lambda p, s, x: (lambda h: (h, h ** len(h)))(jnp.tanh(s @ p + x))),
    "rows counted in a constant": with_state(
        lambda p, s, x: jnp.tanh(s @ p + x * jnp.asarray(np.arange(1.0, H + 1)[None] / len(x)))
    ),
    "rows counted in an inner program": with_state(jax.checkpoint(lambda p, s, x: jnp.tanh(s @ p + jnp.sin(x / len(x))))),
    "a running norm": with_state(lambda p, s, x: jnp.sqrt(s**2 + (x @ p) ** 2 + 1e-30)),
    "tied to its batch": with_state(lambda p, s, x: jnp.tanh(s @ p + x * OF_ROWS)),
    "tied to its batch in a product": with_state(lambda p, s, x: jnp.tanh(jnp.einsum("bh,bhk->bk", s, MATRICES) + x @ p)),
    "a scan inside": with_state(lambda p, s, x: jax.lax.scan(lambda c, _: (jnp.tanh(c @ p + x), None), s, None, length=2)[0]),
    "a condition inside": with_state(lambda p, s, x: jax.lax.cond(p[0, 0] > 0, jnp.sin, jnp.tanh, s @ p + x)),
    "checkpointed": with_state(jax.checkpoint(lambda p, s, x: jnp.tanh(jnp.sin(s @ p) @ p + x))),
    "a jit inside": with_state(jax.jit(lambda p, s, x: jnp.tanh(s @ p + x))),
    "a rule in the loop": with_state(lambda p, s, x: with_a_rule(s @ p + x)),
    "a rule before the loop": with_state(lambda p, s, x: 0.5 * s + with_a_rule(x @ p)),
    "a rule after the loop": cell_of(lambda p, s, x: (lambda h: (h, with_a_rule(h @ p)))(jnp.tanh(s @ p + x))),
    "relu": with_state(lambda p, s, x: jax.nn.relu(s @ p + x)),
    "softmax": with_state(lambda p, s, x: jax.nn.softmax(s @ p + x)),
    "a scalar parameter": with_state(lambda p, s, x: jnp.tanh(p[0, 0] * s + x + p[1, 1])),
    "memoryless": cell_of(memoryless),
    "constant output": cell_of(constant_output),
    "output before the step": cell_of(output_before_the_step),
    "gates as outputs": cell_of(gates_as_outputs),
    "stacked gates": cell_of(stacked_gates),
    "counting": cell_of(counting, lambda b: (jnp.zeros(b, jnp.int32), jnp.zeros((*b, H)))),
    "drawing": cell_of(drawing, lambda b: (jax.random.split(jax.random.key(0), b or None), jnp.zeros((*b, H)))),
}
CELLS["two of them"] = stack(cell_of(lambda *a: (lambda s, y: (s, y[1]))(*gates_as_outputs(*a))), CELLS["relu"])


FORWARD, REVERSE, SEGMENTS, BOTH = (False, None), (True, None), (False, 3), (True, 3)
"""Whether a run goes backwards, and what `checkpoint_every` is."""
ALL = (FORWARD, REVERSE, SEGMENTS, BOTH)


@pytest.mark.parametrize(
    ("num_steps", "runs"),
    [
        pytest.param(T, (BOTH,), id=str(T)),
        *(pytest.param(n, ALL, marks=pytest.mark.slow, id=f"{n} in all ways") for n in (0, 1, 2, T)),
    ],
)
@pytest.mark.parametrize("name", list(CELLS))
def test_explicit_equals_autodiff(name, num_steps, runs):
    cell = CELLS[name]
    params, xs = jax.tree.map(lambda p: p / 2, cell.init(jax.random.key(1))), random_array((num_steps, B, H), 2)
    rng = np.random.default_rng(3)
    flags = {n: jnp.asarray(rng.random((num_steps, B)) < p) for n, p in (("mask", 0.7), ("resets", 0.3))}

    def loss(params, xs, **options):
        outputs = floats(unroll(cell, params, xs, **options, **flags))
        return sum(jnp.vdot(jnp.sin(jnp.arange(1.0, o.size + 1.0)).reshape(o.shape), jnp.sin(o)) for o in outputs)

    def both(params, xs, reverse, checkpoint_every):
        ways = {"backprop": "explicit", "checkpoint_every": checkpoint_every}, {"backprop": "autodiff"}
        return [jax.value_and_grad(functools.partial(loss, reverse=reverse, **way), (0, 1))(params, xs) for way in ways]

    for run in runs:
        found, expected = jax.jit(both, static_argnums=(2, 3))(params, xs, *run)
        assert relative_error(found, expected) < 1e-10


def lays_rows_side_by_side(cell):
    params = cell.init(jax.random.key(0))
    return phases_of(cell, params, prepare(cell, params, random_array((T, B, H), 0)))._program_of_rows(T) is not None


def mixes_rows(cell):
    params = cell.init(jax.random.key(0))
    return phases_of(cell, params, prepare(cell, params, random_array((T, B, H), 0))).mixes_rows


def test_rows_are_laid_side_by_side_only_where_they_are_apart():
    apart = {name for name, cell in CELLS.items() if lays_rows_side_by_side(cell)}
    assert {"relu", "softmax", "counting", "gates as outputs", "a scalar parameter", "two of them"} <= apart
    assert not {name for name in CELLS if name.startswith(("rows", "tied"))} & apart - {"rows mixed in the loop alone"}
    assert {name for name, cell in CELLS.items() if mixes_rows(cell)} >= {name for name in CELLS if name.startswith("rows")}
    assert not any(mixes_rows(CELLS[name]) for name in ("relu", "counting", "gates as outputs", "a scalar parameter"))


def test_equal_deltas_are_kept_once():
    cell = lstm(H, H, param_dtype=jnp.float64)
    params = cell.init(jax.random.key(0))
    phases = phases_of(cell, params, prepare(cell, params, random_array((T, B, H), 0)))
    kept = [phases.program.equations[phases.program.maker[v]].primitive.name for v in phases.split.kept]
    assert sorted(kept) == ["logistic"] * 3 + ["tanh"] * 2  # i, f, o and g, tanh c; the states are kept anyway
    assert len(set(phases._same)) == 1  # dz_t serves W, U and b


def test_forward_mode_names_the_remedy():
    cell = lstm(H, H)
    params, xs = cell.init(jax.random.key(0)), random_array((T, B, H), 0, jnp.float32)
    with pytest.raises(TypeError, match='backprop="autodiff"'):
        jax.jvp(lambda xs: unroll(cell, params, xs, backprop="explicit")[1], (xs,), (xs,))


def test_symbolic_lengths_and_batches_are_exported():
    cell = lstm(H, H)
    params, xs = cell.init(jax.random.key(0)), random_array((T, B, H), 0, jnp.float32)

    def gradient(kernel, xs):
        loss = lambda kernel: jnp.sum(jnp.sin(unroll(cell, params._replace(input_kernel=kernel), xs, backprop="explicit")[1]))  # noqa: E731
        return jax.grad(loss)(kernel)

    steps, batch = export.symbolic_shape("t, b")
    shapes = (jax.ShapeDtypeStruct((H, 4 * H), jnp.float32), jax.ShapeDtypeStruct((steps, batch, H), jnp.float32))
    exported = export.export(jax.jit(gradient))(*shapes)
    assert relative_error(exported.call(params.input_kernel, xs), gradient(params.input_kernel, xs)) < 1e-5


def test_a_trace_of_no_steps():
    cell = lstm(H, H, param_dtype=jnp.float64)
    params, xs = cell.init(jax.random.key(0)), jnp.zeros((0, B, H))
    found = backpropagate(cell, params, xs, jnp.zeros((0, B, H)), trace=True)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(found.params))
    assert found.trace.deltas["i"].shape == (0, B, H)


@pytest.mark.parametrize("reverse", [False, True])
def test_held_steps_do_not_divide_by_the_state_that_they_hold(reverse):
    """d sqrt(s² + x²) is infinite at the initial state 0, which padding in front of a run holds: 0 · inf is NaN."""
    cell = with_state(lambda p, s, x: jnp.sqrt(s**2 + (x @ p) ** 2))
    params, xs = cell.init(jax.random.key(1)), random_array((T, B, H), 2)
    mask = jnp.asarray(np.arange(T)[:, None] >= np.array([2, 0, T - 1])[None])
    loss = lambda p, b: jnp.sum(jnp.sin(unroll(cell, p, xs, mask=mask, reverse=reverse, backprop=b)[1]))  # noqa: E731
    found, expected = (jax.grad(lambda p, b=b: loss(p, b))(params) for b in ("explicit", "autodiff"))
    assert relative_error(found, expected) < 1e-10


@pytest.mark.parametrize("make", [lstm, elman, gru, layer_norm_lstm])
def test_cells_with_a_batch_are_laid_out_in_rows(make):
    """The fast path: a weight gradient over all steps is one product."""
    assert lays_rows_side_by_side(make(H, H, param_dtype=jnp.float64))
