"""The contract of `Cell`, for every public cell: values, masks, resets, direction, chunks, gradients, dtypes, lowering."""

import functools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import floats, perturbed, random_array, relative_error
from jax import export
from registry import CELLS, INPUT, KINDS, LINEAR, NOT_A_PLAIN_CELL, OPTIONS, VARIANTS, cell_makers

import recurrent
from recurrent import check_gradients, unroll
from recurrent.bptt import _chunks

T, B = 7, 3


@functools.cache
def setting(name):
    """A float64 cell with non-zero biases, a non-zero initial state, and inputs that are asymmetric in time."""
    cell = CELLS[name](param_dtype=jnp.float64)
    params = perturbed(cell.init(jax.random.key(0)), seed=1)
    state = perturbed(cell.initial_state(params, (B,)), seed=2)
    return cell, params, random_array((T, B, INPUT), seed=3), state


@functools.cache
def runner(name, **options):
    cell = setting(name)[0]
    return jax.jit(functools.partial(unroll, cell, **dict(options)))


@functools.cache
def flags():
    rng = np.random.default_rng(4)
    return jnp.asarray(rng.random((T, B)) < 0.7), jnp.asarray(rng.random((T, B)) < 0.25)


def entry(name, *others, slow=False):
    """One worker tests one cell, so that what is compiled for one test serves the others."""
    return pytest.param(name, *others, marks=[pytest.mark.xdist_group(name), *[pytest.mark.slow] * slow])


every_cell = pytest.mark.parametrize("name", [entry(name, slow=name in OPTIONS) for name in CELLS])
kinds_of_state = pytest.mark.parametrize("name", [entry(name, slow=name not in KINDS) for name in CELLS])
"""For what the driver does with any state: one cell of each kind always, the others with `-m slow`."""


@pytest.fixture(params=[entry(name, slow=name in VARIANTS) for name in CELLS])
def name(request):
    return request.param


def assert_close(found, expected, tolerance=1e-10):
    assert relative_error(found, expected) <= tolerance


def test_every_public_cell_is_registered():
    public = {*cell_makers(recurrent.cells), *cell_makers(recurrent.wrappers)}
    made = {CELLS[name](param_dtype=jnp.float64).name for name in CELLS}
    assert len(public) > 20
    assert public == made | NOT_A_PLAIN_CELL


def test_a_cell_compares_hashes_and_pickles_as_the_call_that_made_it(name):
    cell, again = (CELLS[name](param_dtype=jnp.float64) for _ in range(2))
    if "key=" in str(cell):
        assert cell != again  # keys are arrays, and compare by identity
        return
    assert (cell, hash(cell)) == (again, hash(again))
    assert cell != CELLS[name](param_dtype=jnp.float32)
    if name == "elman-callable":
        with pytest.raises(pickle.PicklingError, match="arctan"):  # jax's jitted functions do not pickle, nor what holds one
            pickle.dumps(cell)
        return
    loaded = pickle.loads(pickle.dumps(cell))
    assert loaded == cell
    assert_close(loaded.init(jax.random.key(0)), cell.init(jax.random.key(0)), 0)


def test_step_keeps_the_state_tree_and_leads_with_the_batch_axes(name):
    cell, params, xs, _ = setting(name)
    for batch_shape in ((), (2,), (2, 5)):
        state = cell.initial_state(params, batch_shape)
        x_t = jnp.broadcast_to(xs[0, 0], (*batch_shape, INPUT))
        after, y_t = jax.eval_shape(cell.step, params, state, x_t)
        assert jax.tree.structure(after) == jax.tree.structure(state)
        pairs = zip(jax.tree.leaves(after), jax.tree.leaves(state), strict=True)
        assert all((a.shape, a.dtype) == (b.shape, b.dtype) for a, b in pairs)
        assert all(leaf.shape[: len(batch_shape)] == batch_shape for leaf in jax.tree.leaves((state, y_t)))


def test_unroll_equals_a_python_loop_of_steps(name):
    cell, params, xs, state = setting(name)
    final, ys = runner(name)(params, xs, state)
    step, outputs = jax.jit(cell.step), []
    for t in range(T):
        state, y_t = step(params, state, xs[t])
        outputs.append(y_t)
    assert_close((final, ys), (state, jax.tree.map(lambda *leaves: jnp.stack(leaves), *outputs)))


def affine_run(cell, params, xs, state):
    """The states and outputs that the linear form of a cell promises."""
    a, b = cell.linear.coefficients(params, xs)
    states = []
    for t in range(len(xs)):
        at_t = lambda tree, t=t: jax.tree.map(lambda leaf: leaf[t], tree)  # noqa: E731
        state = jax.tree.map(jnp.add, cell.linear.algebra.product(at_t(a), state), at_t(b))
        states.append(state)
    states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    return state, cell.linear.output(params, states, xs)


def test_linear_cells_are_those_that_say_so():
    assert {name for name in CELLS if setting(name)[0].linear} == LINEAR


@pytest.mark.parametrize("name", [entry(name) for name in sorted(LINEAR)])
def test_the_linear_form_is_the_step(name):
    cell, params, xs, state = setting(name)
    assert_close(affine_run(cell, params, xs, state), runner(name)(params, xs, state))
    one = cell.linear.algebra.one(state)
    assert_close(cell.linear.algebra.product(one, state), state, 0)
    # ⟨p, a · q⟩ = ⟨ā · p, q⟩ over the real leaves
    trees = (11, state), (12, cell.linear.coefficients(params, xs[0])[0]), (13, state)
    p, a, q = (jax.tree.map(lambda leaf, k=k: random_array(leaf.shape, k), tree) for k, tree in trees)
    inner = lambda u, v: sum(map(jnp.vdot, jax.tree.leaves(u), jax.tree.leaves(v)))  # noqa: E731
    product, _, conjugate = cell.linear.algebra
    assert_close(inner(p, product(a, q)), inner(product(conjugate(a), p), q))


@pytest.mark.parametrize("inner", ["min_gru", "lru"])
def test_no_combinator_leaves_a_linear_form_that_lies(inner):
    cell = CELLS[inner](param_dtype=jnp.float64)
    key = jax.random.key(5)
    wrapped = {
        "emit_state": recurrent.emit_state(cell),
        "emit_both": recurrent.wrappers.emit_both(cell),
        "emit_with_input": recurrent.wrappers.emit_with_input(cell),
        "learned_state": recurrent.learned_state(cell, scale=0.5),
        "clip_state_gradients": recurrent.wrappers.clip_state_gradients(cell, 1e-3),
        "residual": recurrent.residual(cell),
        "stack": recurrent.stack(cell),
        "dense_skip": recurrent.wrappers.dense_skip(cell),
        "grouped": recurrent.wrappers.grouped(cell),
        "dilated": recurrent.wrappers.dilated(cell, 2),
        "mlp_input": recurrent.wrappers.mlp_input(cell, (INPUT, INPUT)),
        "mlp_output": recurrent.wrappers.mlp_output(cell, (4 if inner == "min_gru" else INPUT, 2)),
        "dropout": recurrent.dropout(cell, 0.4, key=key),
        "variational_dropout": recurrent.wrappers.variational_dropout(cell, 0.4, key=key, where="input"),
        "zoneout": recurrent.wrappers.zoneout(cell, 0.3, key=key),
        "gaussian_noise": recurrent.wrappers.gaussian_noise(cell, 0.3, key=key),
        "closed_loop": recurrent.wrappers.closed_loop(cell, 4 if inner == "min_gru" else INPUT, 2),
    }
    assert {*wrapped, "reparametrized"} == set(cell_makers(recurrent.wrappers))  # linear cells have no recurrent kernel
    kept = {"emit_state", "emit_both", "emit_with_input", "learned_state"}
    assert {name for name, outer in wrapped.items() if outer.linear} == kept
    for name in sorted(kept):
        outer = wrapped[name]
        params, xs = perturbed(outer.init(key), 1), random_array((T, B, INPUT), 3)
        state = outer.initial_state(params, (B,))
        assert_close(affine_run(outer, params, xs, state), unroll(outer, params, xs, state))


@kinds_of_state
def test_batch_equals_vmap(name):
    cell, params, xs, state = setting(name)
    rows = jax.vmap(lambda x, s: unroll(cell, params, x, s), in_axes=(1, 0), out_axes=(0, 1))
    assert_close(rows(xs, state), runner(name)(params, xs, state))


@kinds_of_state
def test_a_masked_row_is_the_unpadded_row(name):
    _, params, xs, state = setting(name)
    lengths = jnp.array([T, 1, 0])
    final, ys = runner(name)(params, xs, state, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        row_state = jax.tree.map(lambda s, row=row: s[row], state)
        alone_final, alone_ys = runner(name)(params, xs[:length, row], row_state)
        assert_close(jax.tree.map(lambda leaf, row=row: leaf[row], final), alone_final)
        assert_close(jax.tree.map(lambda y, row=row, n=length: y[:n, row], ys), alone_ys)
        assert all(not leaf[length:, row].any() for leaf in jax.tree.leaves(ys))


@kinds_of_state
def test_holes_and_front_padding_skip_steps(name):
    _, params, xs, state = setting(name)
    keep = np.array([False, False, True, False, True, True, False])
    final, ys = runner(name)(params, xs, state, mask=jnp.broadcast_to(keep[:, None], (T, B)))
    short_final, short_ys = runner(name)(params, xs[keep], state)
    assert_close(final, short_final)
    assert_close(jax.tree.map(lambda y: y[keep], ys), short_ys)


@kinds_of_state
@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
def test_nan_in_the_padding_reaches_neither_values_nor_gradients(name, backprop):
    cell, params, xs, state = setting(name)
    mask, _ = flags()
    poisoned = jnp.where(mask[..., None], xs, jnp.nan)

    @jax.jit
    def value_and_grad(params, xs):
        return jax.value_and_grad(lambda *a: _loss(unroll(cell, *a, state, mask=mask, backprop=backprop)), (0, 1))(params, xs)

    assert_close(value_and_grad(params, poisoned), value_and_grad(params, xs), 1e-14)


@kinds_of_state
def test_resets_separate_sequences_and_stop_gradients(name):
    cell, params, xs, state = setting(name)
    at = 4
    resets = jnp.zeros((T, B), bool).at[at].set(True)

    def loss(xs):
        final, ys = unroll(cell, params, xs, state, resets=resets)
        return _loss(final), (final, ys)

    past, outputs = jax.jit(jax.grad(loss, has_aux=True))(xs)
    _, first = runner(name)(params, xs[:at], state)
    second_final, second = runner(name)(params, xs[at:])
    assert_close(outputs, (second_final, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, second)))
    assert not np.any(past[:at])
    assert np.any(past[at:])


@kinds_of_state
def test_chunked_equals_whole(name):
    _, params, xs, state = setting(name)
    mask, resets = flags()
    final, ys = runner(name)(params, xs, state, mask=mask, resets=resets)
    middle, first = runner(name)(params, xs[:3], state, mask=mask[:3], resets=resets[:3])
    last, second = runner(name)(params, xs[3:], middle, mask=mask[3:], resets=resets[3:])
    assert_close((last, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, second)), (final, ys))


@kinds_of_state
def test_reverse_is_flip_forward_flip(name):
    _, params, xs, state = setting(name)
    mask, resets = flags()
    final, ys = runner(name, reverse=True)(params, xs, state, mask=mask, resets=resets)
    flipped_final, flipped = runner(name)(params, xs[::-1], state, mask=mask[::-1], resets=resets[::-1])
    assert_close((final, ys), (flipped_final, jax.tree.map(lambda y: y[::-1], flipped)))
    forward_final, _ = runner(name)(params, xs, state, mask=mask, resets=resets)
    assert relative_error(final, forward_final) > 1e-3  # the inputs can tell the directions apart


def sizes():
    """One cell of each kind of state at one, two and seven steps, in chunks and segments; other cells and lengths are slow."""
    for name in CELLS:
        for batch, num_steps in ((1, 1), (3, 2), (3, 7), (1, 50)):
            yield entry(name, batch, num_steps, slow=num_steps == 50 or name not in KINDS)


@pytest.mark.parametrize(("name", "batch", "num_steps"), list(sizes()))
def test_explicit_and_checkpointed_gradients_equal_autodiff(name, batch, num_steps, monkeypatch):
    cell, params, _, state = setting(name)
    if num_steps == 7:
        monkeypatch.setattr(_chunks, "chunk_size", lambda *_: 2)  # chunks and a rest in the first segment, one in the second
    xs = random_array((num_steps, batch, INPUT), seed=5)
    state = jax.tree.map(lambda s: s[:batch], state)
    rng = np.random.default_rng(6)
    mask, resets = (jnp.asarray(rng.random((num_steps, batch)) < p) for p in (0.8, 0.2))

    reverse = num_steps in (1, 7)

    def gradients(backprop, checkpoint_every):
        options = {"reverse": reverse, "backprop": backprop, "checkpoint_every": checkpoint_every}
        run = lambda *a: _loss(unroll(cell, *a, mask=mask, resets=resets, **options))  # noqa: E731
        return floats(jax.jit(jax.value_and_grad(run, (0, 1, 2), allow_int=True))(params, xs, state))

    expected = gradients("autodiff", None)
    segments = {7: 5, 50: 8}.get(num_steps)
    assert_close(gradients("explicit", segments), expected)
    if segments and (name in KINDS or num_steps == 50):
        assert_close(gradients("explicit", None), expected)
        assert_close(gradients("autodiff", segments), expected)


@every_cell
def test_explicit_gradients_and_central_differences_equal_autodiff(name):
    cell, params, xs, state = setting(name)
    mask, resets = flags()
    report = check_gradients(cell, params, xs, state, mask=mask, resets=resets, reverse=True, max_entries=6)
    assert report.passed, str(report)


def precisions():
    """Every cell in float32, one cell of each kind of state in bfloat16."""
    for name in CELLS:
        yield entry(name, None, 1e-4, slow=name in VARIANTS)
        yield entry(name, jnp.bfloat16, 0.1, slow=name not in KINDS)


@pytest.mark.parametrize(("name", "dtype", "tolerance"), list(precisions()))
def test_float32_and_bfloat16_run_with_a_float32_state(name, dtype, tolerance):
    cell64, params64, xs, _ = setting(name)
    cell = CELLS[name](dtype=dtype)
    params = jax.tree.map(lambda p: p.astype(jnp.float32), params64)
    (final, ys), gradient = outputs_and_gradient(cell, params, xs.astype(jnp.float32), "explicit")
    expected, expected_gradient = exact_outputs_and_gradient(name)
    assert all(leaf.dtype == jnp.float32 for leaf in floats((final, ys, gradient)))
    assert_close(ys, expected[1], tolerance)
    if (name, dtype) != ("elman-relu", jnp.bfloat16):  # rounding flips units across the kink
        assert_close(gradient, expected_gradient, tolerance)


def outputs_and_gradient(cell, params, xs, backprop):
    def loss(params):
        outputs = unroll(cell, params, xs, backprop=backprop)
        return _loss(outputs), outputs

    gradient, outputs = jax.jit(jax.grad(loss, has_aux=True))(params)
    return outputs, gradient


@functools.cache
def exact_outputs_and_gradient(name):
    cell, params, xs, _ = setting(name)
    return outputs_and_gradient(cell, params, xs, "autodiff")


@pytest.mark.parametrize("name", [entry(name) for name in CELLS if name != "learned_state"])  # its state is a parameter
def test_bfloat16_parameters_keep_a_float32_state(name):
    cell = CELLS[name](param_dtype=jnp.bfloat16)
    xs = jax.ShapeDtypeStruct((T, B, INPUT), jnp.float32)
    final, _ = jax.eval_shape(functools.partial(unroll, cell), jax.eval_shape(cell.init, jax.random.key(0)), xs)
    assert all(leaf.dtype == jnp.float32 for leaf in floats(final))


@kinds_of_state
@pytest.mark.parametrize("backprop", [pytest.param("autodiff", marks=pytest.mark.slow), "explicit"])
def test_lowers_for_cpu_cuda_and_tpu(name, backprop):
    cell = CELLS[name]()
    params = jax.eval_shape(cell.init, jax.random.key(0))
    xs = jax.ShapeDtypeStruct((T, B, INPUT), jnp.float32)
    lengths = jax.ShapeDtypeStruct((B,), jnp.int32)

    def gradient(params, xs, lengths):
        return jax.grad(lambda p: _loss(unroll(cell, p, xs, lengths=lengths, backprop=backprop)))(params)

    exported = export.export(jax.jit(gradient), platforms=["cpu", "cuda", "tpu"])(params, xs, lengths)
    assert exported.platforms == ("cpu", "cuda", "tpu")


def _loss(outputs):
    """Different weights for every entry, so that no two steps or units can be exchanged unnoticed."""
    total = 0.0
    for leaf in floats(outputs):
        weights = jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)).reshape(leaf.shape)
        total += jnp.sum(weights * leaf + 0.5 * leaf**2)
    return total
