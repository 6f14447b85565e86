"""The engine of backpropagation through time against the published formulas, written out step by step in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error
from jax.ad_checkpoint import checkpoint_name

from recurrent import Cell, backpropagate, count_parameters, dropout, elman, emit_state, gru, lstm, pytrees, stack, unroll
from recurrent.bptt import _chunks
from recurrent.cells import elman_adjoint, gru_adjoint, lstm_adjoint, split_gru_gates, split_lstm_gates
from recurrent.losses import cross_entropy, masked_mean, masked_sum, softmax_readout_gradients

T, D, H, K = 5, 3, 4, 6
F64 = {"param_dtype": jnp.float64}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def drawn(cell):
    params = perturbed(cell.init(jax.random.key(0)), 1)
    return params, random_array((T, D), 2), perturbed(cell.initial_state(params), 3), random_array((T, H), 4)


def test_vanilla_network_with_softmax_output():
    """V, c, W, U, b in the column-vector form of textbooks: o_t = c + V h_t, a_t = b + W h_{t-1} + U x_t."""
    cell = elman(D, H, **F64)
    params, xs, h0, _ = drawn(cell)
    readout, offset = random_array((H, K), 5), random_array((K,), 6)
    labels = jnp.asarray([0, 5, 2, 2, 1])
    U, W, b, V, c = (np.asarray(a).T for a in (*params, readout, offset))
    h = [np.asarray(h0)]
    for t in range(T):
        h.append(np.tanh(b + W @ h[-1] + U @ xs[t]))
    dV, dc, dW, dU, db = (np.zeros_like(a) for a in (V, c, W, U, b))
    dh_next = np.zeros(H)
    for t in range(T, 0, -1):
        o = np.exp(c + V @ h[t])
        do = o / o.sum() - np.eye(K)[labels[t - 1]]
        dV, dc = dV + np.outer(do, h[t]), dc + do
        dh = V.T @ do + dh_next
        da = np.diag(1 - h[t] ** 2) @ dh
        dW, dU, db = dW + np.outer(da, h[t - 1]), dU + np.outer(da, xs[t - 1]), db + da
        dh_next = W.T @ da

    _, hs = unroll(cell, params, xs, h0)
    output = softmax_readout_gradients(readout, offset, hs, labels)
    gradients = backpropagate(cell, params, xs, output.hs, h0)
    found = (output.kernel, output.bias, *gradients.params, gradients.state)
    assert relative_error(found, (dV.T, dc, dU.T, dW.T, db, dh_next)) < 1e-12

    def loss(params, readout, offset, h0):
        return cross_entropy(unroll(cell, params, xs, h0)[1] @ readout + offset[None], labels).sum()

    by_autodiff = jax.grad(loss, (0, 1, 2, 3))(params, readout, offset, h0)
    assert relative_error((gradients.params, output.kernel, output.bias, gradients.state), by_autodiff) < 1e-12


def test_lstm_through_the_stacked_matrix():
    """z_t = M s_t + b with M = [W U] and s_t = [h_{t-1}; x_t]: dM = Σ dz_t s_t', and dh_{t-1} = the first h rows of M' dz_t."""
    cell = lstm(D, H, **F64)
    params, xs, state, dys = drawn(cell)
    U, W, b = (np.asarray(a).T for a in params)
    M = np.hstack([W, U])
    c, h, memory = np.asarray(state.c), np.asarray(state.h), []
    for t in range(T):
        s = np.concatenate([h, xs[t]])
        zi, zf, zg, zo = np.split(M @ s + b, 4)
        i, f, g, o = sigmoid(zi), sigmoid(zf), np.tanh(zg), sigmoid(zo)
        c_tm1, c = c, f * c + i * g
        h = o * np.tanh(c)
        memory.append((s, i, f, g, o, c_tm1, c))
    dM, db, dh_next, dc_next, f_next = np.zeros_like(M), np.zeros_like(b), np.zeros(H), np.zeros(H), np.zeros(H)
    deltas = np.zeros((T, 4 * H))
    for t in range(T - 1, -1, -1):
        s, i, f, g, o, c_tm1, c_t = memory[t]
        dh = dys[t] + dh_next
        dc = dh * o * (1 - np.tanh(c_t) ** 2) + dc_next * f_next
        dz = np.concatenate(
            [dc * g * i * (1 - i), dc * c_tm1 * f * (1 - f), dc * i * (1 - g**2), dh * np.tanh(c_t) * o * (1 - o)]
        )
        dM, db, deltas[t] = dM + np.outer(dz, s), db + dz, dz
        dh_next, dc_next, f_next = (M.T @ dz)[:H], dc, f

    derived = backpropagate(cell, params, xs, dys, state, trace=True)
    by_hand = backpropagate(cell, params, xs, dys, state, trace=True, adjoint=lstm_adjoint())
    for found in (derived, by_hand):
        assert relative_error(tuple(found.params), (dM[:, H:].T, dM[:, :H].T, db)) < 1e-12
        assert relative_error(tuple(found.state), (dc_next * f_next, dh_next)) < 1e-12
    assert relative_error(by_hand.trace.deltas.z, deltas) < 1e-12
    assert relative_error(derived.trace.deltas["z"], deltas) < 1e-12
    np.testing.assert_allclose(split_lstm_gates(by_hand.trace.deltas.z).f, deltas[:, H : 2 * H], rtol=1e-12)
    for name in ("c", "h"):
        assert relative_error(derived.trace.deltas[name], getattr(by_hand.trace.deltas, name)) < 1e-12
    i, f, g, o = (np.asarray([memory[t][1 + k] for t in range(T)]) for k in range(4))
    slopes = np.concatenate([i * (1 - i), f * (1 - f), 1 - g**2, o * (1 - o)], axis=-1)
    of_gates = np.concatenate([derived.trace.deltas[name] for name in "ifgo"], axis=-1)
    assert relative_error(of_gates * slopes, deltas) < 1e-12


@pytest.mark.parametrize("reset", ["before", "after"])
def test_gru(reset):
    cell = gru(D, H, reset=reset, **F64)
    params, xs, h0, dys = drawn(cell)
    U, W, b = (np.asarray(a) for a in params[:3])
    b_hn = np.asarray(params.recurrent_bias) if reset == "after" else np.zeros(H)
    R, Z, N = slice(0, H), slice(H, 2 * H), slice(2 * H, 3 * H)
    h, memory = np.asarray(h0), []
    for t in range(T):
        r, z = (sigmoid(xs[t] @ U[:, G] + h @ W[:, G] + b[G]) for G in (R, Z))
        inner = (r * h) @ W[:, N] if reset == "before" else r * (h @ W[:, N] + b_hn)
        n = np.tanh(xs[t] @ U[:, N] + b[N] + inner)
        memory.append((h, r, z, n))
        h = (1 - z) * h + z * n
    dU, dW, db, db_hn, dh_next = np.zeros_like(U), np.zeros_like(W), np.zeros_like(b), np.zeros(H), np.zeros(H)
    for t in range(T - 1, -1, -1):
        h_tm1, r, z, n = memory[t]
        dh = dys[t] + dh_next
        dn, dz = dh * z * (1 - n**2), dh * (n - h_tm1) * z * (1 - z)
        if reset == "before":
            q = dn @ W[:, N].T
            dr, through = q * h_tm1 * r * (1 - r), q * r
            dW[:, N] += np.outer(r * h_tm1, dn)
        else:
            ds = dn * r
            dr, through = dn * (h_tm1 @ W[:, N] + b_hn) * r * (1 - r), ds @ W[:, N].T
            dW[:, N] += np.outer(h_tm1, ds)
            db_hn += ds
        drz = np.concatenate([dr, dz])
        dW[:, : 2 * H] += np.outer(h_tm1, drz)
        dU += np.outer(xs[t], np.concatenate([drz, dn]))
        db += np.concatenate([drz, dn])
        dh_next = dh * (1 - z) + through + drz @ W[:, : 2 * H].T

    derived = backpropagate(cell, params, xs, dys, h0, trace=True)
    by_hand = backpropagate(cell, params, xs, dys, h0, trace=True, adjoint=gru_adjoint(reset))
    expected = (dU, dW, db, db_hn) if reset == "after" else (dU, dW, db)
    for found in (derived, by_hand):
        assert relative_error(tuple(found.params), expected) < 1e-12
        assert relative_error(found.state, dh_next) < 1e-12
    assert relative_error(sum(split_gru_gates(by_hand.trace.deltas.z).n), db[N]) < 1e-12
    n = np.asarray([memory[t][3] for t in range(T)])
    assert relative_error((derived.trace.deltas["n"] * (1 - n**2)).sum(0), db[N]) < 1e-12
    assert relative_error(derived.trace.deltas["h"], by_hand.trace.deltas.h) < 1e-12


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("cell", "adjoint"),
    [(elman(D, H, **F64), elman_adjoint()), (lstm(D, H, **F64), lstm_adjoint()), (gru(D, H, **F64), gru_adjoint())],
)
def test_derived_and_written_by_hand_agree_under_masks_and_resets(cell, adjoint, reverse):
    params = drawn(cell)[0]
    state, rng = perturbed(cell.initial_state(params, (2,)), 3), np.random.default_rng(8)
    flags = {"mask": jnp.asarray(rng.random((T, 2)) < 0.6), "resets": jnp.asarray(rng.random((T, 2)) < 0.4)}
    assert np.any(flags["mask"][1:] & flags["resets"][1:]), "a reset in a masked step would not be missed"
    arguments = (cell, params, random_array((T, 2, D), 2), random_array((T, 2, H), 4), state)
    options = {**flags, "reverse": reverse, "dfinal_state": perturbed(pytrees.zeros_like(state), 5), "trace": True}
    derived, by_hand = backpropagate(*arguments, **options), backpropagate(*arguments, **options, adjoint=adjoint)
    assert relative_error(derived[:4], by_hand[:4]) < 1e-12
    assert relative_error(derived.trace.dstates, by_hand.trace.dstates) < 1e-12
    assert relative_error(derived.trace.deltas["h"], by_hand.trace.deltas.h) < 1e-12
    assert not any(np.any(leaf[~flags["mask"]]) for leaf in jax.tree.leaves(derived.trace.deltas))


def test_named_values_of_a_users_cell_have_deltas_through_wrappers():
    """u_t = tanh(x_t A) is named before the loop, v_t = s_{t-1} ⊙ u_t in it: dL/du_t = s_{t-1} ⊙ dL/dv_t."""

    def step(params, s_tm1, x_t):
        u_t = checkpoint_name(jnp.tanh(x_t @ params), "u")
        v_t = checkpoint_name(s_tm1 * u_t, "v")
        return jnp.sin(v_t), jnp.sin(v_t)

    def initial_state(params, batch_shape=()):
        return jnp.ones((*batch_shape, H), params.dtype)

    users = Cell(lambda key: jax.random.normal(key, (D, H), jnp.float64), initial_state, step)
    cell = stack(users, lstm(H, H, **F64))
    params, xs, dys = cell.init(jax.random.key(0)), random_array((T, 2, D), 2), random_array((T, 2, H), 4)
    deltas = backpropagate(cell, params, xs, dys, trace=True).trace.deltas
    assert set(deltas) == {"0/u", "0/v", "1/z", "1/i", "1/f", "1/g", "1/o", "1/c", "1/h"}
    before = [np.ones((2, H))]
    for t in range(T):
        before.append(np.sin(before[-1] * np.tanh(np.asarray(xs[t] @ params[0]))))
    assert relative_error(deltas["0/u"], np.stack(before[:-1]) * deltas["0/v"]) < 1e-12
    kicked = lambda e: jnp.vdot(dys, unroll(stack(kicking(e), lstm(H, H, **F64)), params, xs)[1])  # noqa: E731

    def kicking(e):
        def kicked_step(params, state, x_t):
            t, s_tm1 = state
            s_t = jnp.sin(s_tm1 * jnp.tanh(x_t @ params) + e[t[0]])
            return (t + 1, s_t), s_t

        return Cell(users.init, lambda p, b=(): (jnp.zeros(b, int), initial_state(p, b)), kicked_step)

    expected = jax.grad(kicked)(jnp.zeros((T, 2, H)))
    assert relative_error(deltas["0/v"], expected) < 1e-12


@pytest.mark.parametrize(("d", "h"), [(1, 1), (3, 4), (28, 128)])
def test_parameter_counts(d, h):
    count = lambda cell: count_parameters(jax.eval_shape(cell.init, jax.random.key(0)))  # noqa: E731
    assert count(elman(d, h)) == h * (h + d + 1)
    assert count(lstm(d, h)) == 4 * h * (h + d + 1)
    assert count(gru(d, h)) == 3 * h * (h + d + 1)
    assert count(gru(d, h, reset="after")) == 3 * h * (h + d + 1) + h


def test_lstm_with_pinned_gates_is_a_vanilla_network():
    """i and o open, f shut: h_t = tanh(tanh(x_t U + h_{t-1} W + b))."""
    cell, plain = lstm(D, H, **F64), elman(D, H, activation=lambda a: jnp.tanh(jnp.tanh(a)), **F64)
    params = perturbed(plain.init(jax.random.key(0)), 1)
    big = 40.0 * jnp.ones(H)

    def widened(block):
        return jnp.concatenate([jnp.zeros_like(block)] * 2 + [block, jnp.zeros_like(block)], axis=-1)

    pinned = cell.init(jax.random.key(0))._replace(
        input_kernel=widened(params.input_kernel),
        recurrent_kernel=widened(params.recurrent_kernel),
        bias=jnp.concatenate([big, -big, params.bias, big]),
    )
    xs = random_array((T, D), 2)
    assert relative_error(unroll(cell, pinned, xs)[1], unroll(plain, params, xs)[1]) < 1e-12


def test_losses_ignore_masked_steps():
    values = jnp.array([1.0, jnp.nan, 3.0])
    mask = jnp.array([True, False, True])
    assert masked_sum(values, mask) == 4
    assert masked_mean(values, mask) == 2
    assert masked_mean(values, jnp.zeros(3, bool)) == 0
    logits, labels = random_array((T, 2, K), 0), jnp.zeros((T, 2), jnp.int32)
    expected = -np.log(np.exp(logits[..., 0]) / np.exp(logits).sum(-1))
    np.testing.assert_allclose(cross_entropy(logits, labels), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "reverse"),
    [
        (lstm, False),
        (lstm, True),
        (gru, False),
        *(pytest.param(*way, marks=pytest.mark.slow) for way in ((elman, False), (elman, True), (gru, True))),
    ],
)
def test_chunks_share_outputs_and_unrolled_loops_change_nothing(make, reverse, monkeypatch):
    """Without masks and resets the tape reads h_{t-1} from the output of the step before, across the edges of chunks too."""
    cell = make(3, 4, param_dtype=jnp.float64)
    params, xs = perturbed(cell.init(jax.random.key(0)), 1), random_array((7, 2, 3), 2)
    state = perturbed(cell.initial_state(params, (2,)), 3)

    def gradients(**options):
        loss = lambda *a: jnp.sum(jnp.sin(unroll(cell, *a, reverse=reverse, **options)[1]) * weights)  # noqa: E731
        return jax.jit(jax.grad(loss, (0, 1, 2)))(params, xs, state)

    weights = random_array((7, 2, 4), 4)
    expected = gradients()
    assert relative_error(gradients(steps_per_iteration=2), expected) < 1e-12
    for size, segments in ((3, (1, 5, 7, 9) if make is lstm else (5,)), (1, (3,))):
        monkeypatch.setattr(_chunks, "chunk_size", lambda *_, size=size: size)
        assert relative_error(gradients(backprop="explicit", steps_per_iteration=2), expected) < 1e-12
        for segment in segments:
            assert relative_error(gradients(backprop="explicit", checkpoint_every=segment), expected) < 1e-12


def test_states_with_integers_may_be_emitted():
    cell = emit_state(dropout(lstm(3, 4, param_dtype=jnp.float64), 0.3, key=jax.random.key(0)))
    params, xs = cell.init(jax.random.key(1)), random_array((7, 2, 3), 2)
    loss = lambda p, b: jnp.sum(unroll(cell, p, xs, backprop=b)[1].cell.h ** 2)  # noqa: E731
    found, expected = (jax.jit(jax.grad(lambda p, b=b: loss(p, b)))(params) for b in ("explicit", "autodiff"))
    assert relative_error(found, expected) < 1e-12


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"dys": (6, 2, 4)}, r"dys must have the shapes \(7, 2, 4\)"),
        ({"dfinal_state": (4,)}, "dfinal_state must have the shapes"),
    ],
)
def test_gradients_of_other_shapes_are_refused(shapes, message):
    cell = elman(3, 4, param_dtype=jnp.float64)
    params, xs = cell.init(jax.random.key(0)), random_array((7, 2, 3), 2)
    gradients = {name: jnp.ones(shape) for name, shape in ({"dys": (7, 2, 4)} | shapes).items()}
    with pytest.raises(ValueError, match=message):
        backpropagate(cell, params, xs, gradients.pop("dys"), **gradients)
