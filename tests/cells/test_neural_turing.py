"""The neural Turing machine against its equations in numpy, its addressing at the edges, and hand-made machines."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import filled, random_array, relative_error

from recurrent import emit_state, lru, lstm, unroll
from recurrent.cells import content_weights, elman, gru, neural_turing, sharpened, shifted

T, B, D, H, SLOTS, WIDTH = 6, 3, 2, 4, 6, 3
READS, WRITES, FURTHEST = 2, 2, 2
KEY = jax.random.key(0)
CELL = neural_turing(
    D, H, SLOTS, WIDTH, controller=elman, read_heads=READS, write_heads=WRITES, max_shift=FURTHEST, param_dtype=jnp.float64
)
SMALL = neural_turing(D, H, SLOTS, WIDTH, controller=elman)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def softmax(a):
    return np.exp(a) / np.exp(a).sum()


def softplus(a):
    return np.log(1 + np.exp(a))


def address_by_hand(z, previous, memory):
    """Equations 5 to 9 of the paper for one head of one row, sum by sum."""
    key, (beta, gate, gamma), shifts = np.tanh(z[:WIDTH]), z[WIDTH : WIDTH + 3], softmax(z[WIDTH + 3 :])
    norm = np.linalg.norm
    content = softmax(softplus(beta) * np.array([key @ slot / (norm(key) * norm(slot)) for slot in memory]))
    mixed = sigmoid(gate) * content + (1 - sigmoid(gate)) * previous
    moved = np.zeros(SLOTS)
    for i in range(SLOTS):
        for shift in range(-FURTHEST, FURTHEST + 1):
            moved[(i + shift) % SLOTS] += mixed[i] * shifts[shift + FURTHEST]
    powers = moved ** (1 + softplus(gamma))
    return powers / powers.sum()


def step_by_hand(params, state, x):
    """One step of one row: h and r are vectors, a head is a row of the weights."""
    h, memory, read_weights, write_weights, reads = state
    cell = params.controller
    h = np.tanh(np.concatenate([x, reads.ravel()]) @ cell.input_kernel + h @ cell.recurrent_kernel + cell.bias)
    told = (h @ params.write.kernel + params.write.bias).reshape(WRITES, -1)
    write_weights = np.stack([address_by_hand(z[: -2 * WIDTH], w, memory) for z, w in zip(told, write_weights, strict=True)])
    memory = memory.copy()
    for z, weights in zip(told, write_weights, strict=True):  # equation 3
        for slot in range(SLOTS):
            memory[slot] *= 1 - weights[slot] * sigmoid(z[-2 * WIDTH : -WIDTH])
    for z, weights in zip(told, write_weights, strict=True):  # equation 4
        for slot in range(SLOTS):
            memory[slot] += weights[slot] * np.tanh(z[-WIDTH:])
    told = (h @ params.read.kernel + params.read.bias).reshape(READS, -1)
    read_weights = np.stack([address_by_hand(z, w, memory) for z, w in zip(told, read_weights, strict=True)])
    reads = np.stack([sum(w[slot] * memory[slot] for slot in range(SLOTS)) for w in read_weights])  # equation 2
    return (h, memory, read_weights, write_weights, reads), np.concatenate([h, reads.ravel()])


def random_state(cell, params):
    """Random entries, and weights that are weights."""
    state = filled(jax.eval_shape(lambda p: cell.initial_state(p, (B,)), params), 5)
    weights = {name: jax.nn.softmax(getattr(state, name)) for name in ("read_weights", "write_weights")}
    return state._replace(**weights)


def test_against_the_equations_in_numpy_with_a_mask_and_resets():
    params = filled(jax.eval_shape(CELL.init, KEY), 1)
    params = jax.tree.map(lambda leaf: 2 * leaf, params)
    state, xs = random_state(CELL, params), random_array((T, B, D), 2)
    rng = np.random.default_rng(3)
    mask, resets = rng.random((T, B)) < 0.8, rng.random((T, B)) < 0.2
    final, ys = jax.jit(functools.partial(unroll, CELL))(params, xs, state, mask=jnp.asarray(mask), resets=jnp.asarray(resets))

    fresh = (
        np.zeros(H),
        np.full((SLOTS, WIDTH), 1e-6),
        np.eye(SLOTS)[[0, 0]],
        np.eye(SLOTS)[[0, 0]],
        np.full((READS, WIDTH), 1e-6),
    )
    assert not mask.all()
    assert (mask & resets).any()
    as_numpy = jax.tree.map(np.asarray, params)
    expected = np.zeros((T, B, H + READS * WIDTH))
    for row in range(B):
        now = tuple(np.asarray(leaf[row]) for leaf in state)
        for t in range(T):
            now = fresh if resets[t, row] else now
            if mask[t, row]:
                now, expected[t, row] = step_by_hand(as_numpy, now, np.asarray(xs[t, row]))
        assert relative_error(tuple(leaf[row] for leaf in final), now) < 1e-12
    assert relative_error(ys, expected) < 1e-12


def test_addressing_by_content_knows_directions_and_survives_zero_vectors():
    memory, strength = random_array((B, SLOTS, WIDTH), 1), jnp.full((B, 1), 40.0)
    found = content_weights(3 * memory[:, 4:5], strength, memory)
    assert (found[:, 0, 4] > 0.99).all()
    np.testing.assert_allclose(content_weights(memory[:, 4:5], strength, 7 * memory), found, rtol=1e-12)

    @jax.jit
    def value_and_slopes(*arrays):
        weights = jnp.cos(jnp.arange(SLOTS)).reshape(1, 1, -1)
        return jax.value_and_grad(lambda *a: jnp.sum(weights * content_weights(*a)), (0, 1, 2))(*arrays)

    nothing = jnp.zeros((B, 1, WIDTH))
    for key, slots in [(nothing, memory.at[:, 2].set(0)), (memory[:, :1], memory.at[:, 2].set(0)), (nothing, 0 * memory)]:
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(value_and_slopes(key, strength, slots)))
    np.testing.assert_allclose(content_weights(nothing, strength, memory), 1 / SLOTS)


def test_shifts_go_around_the_memory():
    weights = random_array((B, 1, SLOTS), 1)
    for offset in (-2, -1, 0, 1, 2):
        one = jnp.zeros((B, 1, 5)).at[..., offset + 2].set(1)
        np.testing.assert_array_equal(shifted(weights, one), np.roll(weights, offset, axis=-1))


def test_sharpening_is_a_power_with_slope_0_at_0():
    weights, gamma = jnp.array([0.5, 0.0, 0.2, 0.3]), jnp.array(2.5)
    powers = np.asarray(weights) ** 2.5
    np.testing.assert_allclose(sharpened(weights, gamma), powers / powers.sum(), atol=1e-15)
    np.testing.assert_array_equal(sharpened(weights.at[1].set(-0.4), gamma), sharpened(weights, gamma))
    slopes = jax.jit(jax.jacobian(sharpened, (0, 1)))(weights, gamma)
    assert all(np.isfinite(leaf).all() for leaf in slopes)
    assert not slopes[0][:, 1].any()
    assert np.isfinite(sharpened(jnp.zeros(4), gamma)).all()


def told(*, key=(0.0,) * WIDTH, strength=0.0, gate=-1e3, shift=0):
    """What a head is told that keeps its weights and shifts them."""
    return np.array([*key, strength, gate, 30.0, *(1e3 * (np.arange(-1, 2) == shift))])


def hand_made(read, write=None, erase=0.0, add=(0.0,) * WIDTH):
    """A machine whose heads are told the same at every step."""
    params = jax.tree.map(jnp.zeros_like, SMALL.init(KEY))
    write = np.concatenate([told() if write is None else write, [erase] * WIDTH, add])
    biases = {"read": read, "write": write}
    return params._replace(**{n: getattr(params, n)._replace(bias=jnp.asarray(b, jnp.float32)) for n, b in biases.items()})


run_states = jax.jit(functools.partial(unroll, emit_state(SMALL)))


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_head_that_is_told_to_shift_by_one_visits_slot_after_slot(shift):
    _, states = run_states(hand_made(told(shift=shift), told(shift=shift)), jnp.zeros((8, D)))
    for weights in (states.read_weights, states.write_weights):
        np.testing.assert_allclose(weights[:, 0], np.eye(SLOTS)[shift * np.arange(1, 9) % SLOTS], atol=1e-30)


def test_what_is_written_is_read_in_the_same_step_by_its_content():
    params = hand_made(told(key=(0.5, -1, 2), strength=100.0, gate=1e3), told(shift=-1), erase=1e3, add=(0.5, -1, 2))
    _, states = run_states(params, jnp.zeros((2, D)))
    word = np.tanh([0.5, -1, 2])
    np.testing.assert_allclose(states.read_weights[0, 0], np.eye(SLOTS)[-1], atol=1e-6)
    np.testing.assert_allclose(states.reads[0, 0], word, rtol=1e-6)
    np.testing.assert_allclose(states.read_weights[1, 0], [0, 0, 0, 0, 0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(
        states.memory[1], np.outer([0, 0, 0, 0, 1, 1], word) + 1e-6 * np.outer([1] * 4 + [0] * 2, [1] * 3)
    )


def test_equal_weights_of_equal_slots_would_stay_equal_for_ever():
    params = filled(jax.eval_shape(SMALL.init, KEY), 1)
    state = SMALL.initial_state(params)
    np.testing.assert_array_equal(state.read_weights, np.eye(SLOTS)[:1])
    equal = jnp.full((1, SLOTS), 1 / SLOTS, jnp.float32)
    xs = random_array((8, D), 2, jnp.float32)
    _, states = run_states(params, xs, state._replace(read_weights=equal, write_weights=equal))
    np.testing.assert_allclose(states.memory, states.memory[:, :1].repeat(SLOTS, axis=1), rtol=1e-6)
    _, states = run_states(params, xs)
    assert np.ptp(states.memory[-1], axis=0).max() > 0.1
    np.testing.assert_allclose(states.write_weights.sum(axis=-1), 1, rtol=1e-6)


def test_gradients_from_the_first_step_on_are_finite_in_float32():
    params = SMALL.init(KEY)
    gradient = jax.jit(jax.grad(lambda p: jnp.sum(unroll(SMALL, p, jnp.zeros((T, D), jnp.float32))[1] ** 2)))(params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    assert gradient.write.kernel.any()


def test_a_controller_can_be_any_factory_and_is_given_the_dtypes():
    cell = neural_turing(D, H, SLOTS, WIDTH, controller=functools.partial(gru, reset="after"), param_dtype=jnp.bfloat16)
    params = jax.eval_shape(cell.init, KEY)
    assert params.controller.recurrent_bias.shape == (H,)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.bfloat16)}
    assert params.read.kernel.shape == (H, WIDTH + 3 + 3)


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: neural_turing(0, H, SLOTS, WIDTH), "neural_turing: input_size must be a positive integer; got 0"),
        (lambda: neural_turing(D, H, 0, WIDTH), "neural_turing: slots must be an integer of at least 1; got 0"),
        (lambda: neural_turing(D, H, float("nan"), WIDTH), "slots must be an integer of at least 1; got nan"),
        (lambda: neural_turing(D, H, SLOTS, -1), "neural_turing: width must be an integer of at least 1; got -1"),
        (lambda: neural_turing(D, H, SLOTS, WIDTH, read_heads=0), "read_heads must be an integer of at least 1; got 0"),
        (lambda: neural_turing(D, H, SLOTS, WIDTH, write_heads=0), "write_heads must be an integer of at least 1; got 0"),
        (lambda: neural_turing(D, H, SLOTS, WIDTH, max_shift=0), "max_shift must be an integer of at least 1; got 0"),
        (lambda: neural_turing(D, H, 4, WIDTH, max_shift=2), "reach 5 slots, and there are 4: take more slots or a smaller"),
        (lambda: neural_turing(D, H, SLOTS, WIDTH, controller=lstm(D, H)), r"must be a factory .*; got lstm\(2, 4\)"),
        (lambda: neural_turing(D, H, SLOTS, WIDTH, controller=lambda d, h: lstm(d, h)), "unexpected keyword argument 'dtype'"),
        (lambda: neural_turing(D, H, SLOTS, WIDTH, controller=lambda d, h, **dtypes: h), "made a int"),
        (
            lambda: neural_turing(D, H, SLOTS, WIDTH, controller=lambda d, h, **dtypes: emit_state(lstm(d, h))),
            "the output of the controller must be one array",
        ),
        (lambda: unroll(SMALL, SMALL.init(KEY), jnp.zeros((T, B, D + 1))), "inputs must have 2 features"),
        (lambda: unroll(SMALL, lru(D, H).init(KEY), jnp.zeros((T, B, D))), "expected params of type NeuralTuringParams"),
        (
            lambda: unroll(SMALL, neural_turing(D, H, SLOTS, WIDTH + 1, controller=elman).init(KEY), jnp.zeros((T, B, D))),
            r"neural_turing, read heads: params.kernel must have the shape .* = \(4, 9\); got \(4, 10\)",
        ),
    ],
)
def test_mistakes_are_refused(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()
