"""Optimisers, train steps, checkpoints, the driver loop, and the arrangement of data in buckets and windows."""

import csv
import errno
import functools
import gc
import math
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
import train_script

from recurrent import clip_by_global_norm, elman, fit, init_train_state, make_optimizer, make_train_step, stack, unroll
from recurrent.flow import explain_nonfinite
from recurrent.train import Checkpoints, EarlyStopping, evaluate, restore_checkpoint, save_checkpoint

CONFIG = {"learning_rate": 1e-2, "sizes": (8, 5), "name": "small", "limit": math.inf}


@pytest.fixture(autouse=True)
def standard_promotion():
    """optax's Adam multiplies floats and integers."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@functools.cache
def lstm_step():
    return jax.jit(make_train_step(train_script.loss_fn, train_script.OPTIMIZER))


def quadratic(params, carry, batch, key):
    """½|θ - x|²; the carry counts."""
    del key
    return 0.5 * jnp.sum((params - batch) ** 2), (carry + 1, {"first": params[0]})


def quadratic_state(optimizer):
    return init_train_state(jnp.array([3.0, 4.0]), optimizer, jax.random.key(0), jnp.int32(0))


@functools.cache
def quadratic_step(**options):
    optimizer = make_optimizer(**{"learning_rate": 0.1, "optimizer": "sgd", **options})
    return jax.jit(make_train_step(quadratic, optimizer)), quadratic_state(optimizer)


def fit_quadratic(num_steps, options=None, **arguments):
    step, state = quadratic_step(**(options or {}))
    return fit(step, state, lambda position: jnp.full(2, float(position)), num_steps, progress=False, **arguments)


def fit_lstm(num_steps, **arguments):
    return fit(lstm_step(), train_script.start(), train_script.batches_at, num_steps, progress=False, **arguments)


def assert_same_bits(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(train_script.leaves(found), train_script.leaves(expected), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def rows_of(log: Path) -> list[dict[str, str]]:
    """The rows of a log without their times."""
    with log.open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "steps_per_second"} for row in csv.DictReader(file)]


def steps_in(folder: Path) -> set[int]:
    return {int(path.name) for path in folder.iterdir() if path.name.isdecimal()}


class TestOptimizer:
    @pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sgd"])
    def test_finite_gradients_see_the_plain_chain_of_optax(self, name):
        params = jnp.array([1.0, -2.0])
        ours = make_optimizer(0.1, optimizer=name, max_norm=0.5)
        chain = optax.chain(clip_by_global_norm(0.5), getattr(optax, name)(0.1))
        state, expected_state = ours.init(params), chain.init(params)
        for gradient in (jnp.array([3.0, 4.0]), jnp.array([0.1, 0.0])):
            updates, state = ours.update(gradient, state, params)
            expected, expected_state = chain.update(gradient, expected_state, params)
            np.testing.assert_array_equal(updates, expected)
        for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(expected_state), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_schedule_gives_the_rate_of_each_update(self):
        optimizer = make_optimizer(optax.linear_schedule(1.0, 0.0, 4), optimizer="sgd", max_norm=None)
        state, rates = optimizer.init(jnp.ones(1)), []
        for _ in range(5):
            updates, state = optimizer.update(jnp.ones(1), state)
            rates.append(-float(updates[0]))
        np.testing.assert_allclose(rates, [1.0, 0.75, 0.5, 0.25, 0.0], atol=1e-7)

    def test_options_reach_optax(self):
        updates, _ = (o := make_optimizer(0.1, optimizer="adamw", weight_decay=0.5)).update(
            jnp.zeros(1), o.init(jnp.ones(1)), jnp.ones(1)
        )
        assert float(updates[0]) == pytest.approx(-0.05)

    @pytest.mark.parametrize("name", ["adamw", "sgd"])
    def test_skipped_gradient_leaves_parameters_and_moments_alone(self, name):
        options = {"momentum": 0.9} if name == "sgd" else {"weight_decay": 0.1}
        step, state = quadratic_step(optimizer=name, **options)
        state, _ = step(state, jnp.zeros(2))
        after, metrics = step(state, jnp.array([jnp.nan, 0.0]))
        assert_same_bits(
            after._replace(opt_state=after.opt_state[1:]),
            state._replace(
                opt_state=state.opt_state[1:], step=after.step, position=after.position, key=after.key, carry=after.carry
            ),
        )
        assert not metrics.finite
        assert jnp.isnan(metrics.gradient_norm)

    def test_other_policies_let_the_gradient_through(self):
        step, state = quadratic_step(nonfinite="zero", max_norm=None)
        np.testing.assert_allclose(step(state, jnp.array([jnp.nan, 0.0]))[0].params, [3.0, 3.6])
        step, state = quadratic_step(nonfinite="propagate")
        assert jnp.isnan(step(state, jnp.array([jnp.nan, 0.0]))[0].params[0])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"learning_rate": 0.0}, "learning_rate must be positive and finite.*got 0.0"),
            ({"learning_rate": math.nan}, "learning_rate must be positive and finite.*got nan"),
            ({"learning_rate": 0.1, "optimizer": "lion"}, r'optimizer must be "adam", .*got .lion'),
            ({"learning_rate": 0.1, "max_norm": -1.0}, "max_norm must be at least 0"),
            ({"learning_rate": 0.1, "nonfinite": "ignore"}, "nonfinite must be"),
        ],
    )
    def test_bad_option_is_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            make_optimizer(**options)


class TestTrainStep:
    def test_one_step_by_hand(self):
        step, state = quadratic_step()
        after, metrics = step(state, jnp.zeros(2))
        np.testing.assert_allclose(after.params, np.array([3.0, 4.0]) - 0.1 * np.array([0.6, 0.8]), rtol=1e-12)
        assert (float(metrics.loss), float(metrics.gradient_norm), float(metrics.aux["first"])) == (12.5, 5.0, 3.0)
        assert metrics.clipped
        assert metrics.finite
        assert (int(after.step), int(after.position), int(after.carry)) == (1, 1, 1)
        assert not np.array_equal(jax.random.key_data(after.key), jax.random.key_data(state.key))
        assert_same_bits(state, quadratic_step()[1])  # pure

    def test_metrics_of_an_optimizer_without_clipping(self):
        step, state = jax.jit(make_train_step(quadratic, optax.sgd(0.1))), quadratic_state(optax.sgd(0.1))
        _, metrics = step(state, jnp.zeros(2))
        assert float(metrics.gradient_norm) == 5.0
        assert not metrics.clipped
        assert metrics.finite

    def test_every_step_has_its_own_key(self):
        step, state = lstm_step(), train_script.start()
        batch = train_script.batches_at(0)
        losses = {float(step(state._replace(key=jax.random.key(seed)), batch)[1].loss) for seed in range(3)}
        assert len(losses) == 3

    def test_scan_equals_a_python_loop(self):
        batches = [train_script.batches_at(position) for position in range(6)]
        stacked = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *batches)
        expected, losses = train_script.start(), []
        for batch in batches:
            expected, metrics = lstm_step()(expected, batch)
            losses.append(metrics.loss)
        found, metrics = jax.jit(lambda state: jax.lax.scan(lstm_step(), state, stacked))(train_script.start())
        for a, b in zip(train_script.leaves(found), train_script.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(metrics.loss, losses, rtol=1e-6)

    def test_initial_state_has_the_types_of_later_ones(self):
        optimizer = make_optimizer(0.1)
        state = init_train_state({"w": jnp.asarray(1.0)}, optimizer, jax.random.key(0), position=7)
        later, _ = make_train_step(lambda p, c, b, k: (p["w"] ** 2, (c, {})), optimizer)(state, 0)
        assert jax.tree.map(jax.typeof, later) == jax.tree.map(jax.typeof, state)
        assert int(later.position) == 8


class TestEvaluate:
    def test_weighted_mean(self):
        batches = [(1.0, 3), (5.0, 1), (math.nan, 0)]
        assert evaluate(lambda params, b: ({"loss": b[0] * params}, b[1]), 2.0, batches) == {"loss": 4.0}

    @pytest.mark.parametrize("batches", [[], [(1.0, 0)], [(1.0, 2), (1.0, -1)]])
    def test_nothing_to_average_is_refused(self, batches):
        with pytest.raises(ValueError, match="batches of positive weight"):
            evaluate(lambda params, b: ({"loss": b[0]}, b[1]), None, batches)

    def test_batches_with_different_metrics_are_refused(self):
        with pytest.raises(ValueError, match="same metrics for every batch"):
            evaluate(lambda params, name: ({name: 0.0}, 1), None, ["a", "b"])


@pytest.mark.parametrize(
    ("losses", "best", "waited"),
    [([3, 2, 1], 1, 0), ([3, 2, 2, 2.5], 2, 2), ([math.nan, math.nan], math.inf, 2), ([1, 5, 0.5, math.nan], 0.5, 1)],
)
def test_early_stopping_counts_from_the_best(losses, best, waited):
    stopping = functools.reduce(EarlyStopping.update, losses, EarlyStopping(patience=2))
    assert stopping == EarlyStopping(2, best, waited)
    assert stopping.stopped == (waited >= 2)


def with_step(step: int):
    return train_script.start()._replace(step=jnp.int32(step))


class TestCheckpoints:
    def test_restored_run_continues_with_the_same_bits(self, tmp_path):
        checkpoints, step = Checkpoints(tmp_path / "new" / "folder", CONFIG), lstm_step()
        state = train_script.start()
        for position in range(5):
            state, _ = step(state, train_script.batches_at(position))
        save_checkpoint(checkpoints, state)
        restored = restore_checkpoint(checkpoints, train_script.start(seed=1))
        assert_same_bits(restored, state)
        assert jax.random.key_impl(restored.key) == jax.random.key_impl(state.key)
        for position in range(5, 9):
            state, metrics = step(state, train_script.batches_at(position))
            restored, found = step(restored, train_script.batches_at(int(restored.position)))
            assert float(found.loss) == float(metrics.loss)
        assert_same_bits(restored, state)

    def test_raw_keys_and_odd_names(self, tmp_path):
        checkpoints = Checkpoints(str(tmp_path), CONFIG)
        params = {"a/b": jnp.ones((2, 0)), "c.d": [jnp.bfloat16(1.5), {}], "": None}
        state = init_train_state(params, optax.adam(0.1), jax.random.PRNGKey(3), {"t": jnp.arange(3), "k": jax.random.key(1)})
        save_checkpoint(checkpoints, state)
        restored = restore_checkpoint(checkpoints, jax.tree.map(jnp.zeros_like, state))
        assert jax.tree.structure(restored) == jax.tree.structure(state)
        for a, b in zip(jax.tree.leaves(restored), jax.tree.leaves(state), strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            assert bool(jnp.all(a == b))

    @pytest.mark.parametrize("folder", ["missing", "."])
    def test_empty_folder_restores_nothing(self, folder, tmp_path):
        assert restore_checkpoint(Checkpoints(tmp_path / folder, CONFIG), train_script.start()) is None
        assert not list(tmp_path.iterdir())

    def test_last_ones_and_the_best_are_kept(self, tmp_path):
        checkpoints = Checkpoints(tmp_path, CONFIG, keep=2)
        losses = {1: None, 2: 0.5, 3: math.nan, 4: 0.7, 5: None, 6: 0.6, 7: None}
        for step, loss in losses.items():
            save_checkpoint(checkpoints, with_step(step), validation_loss=loss)
        assert {path.name for path in tmp_path.iterdir()} == {"2", "6", "7"}
        assert int(restore_checkpoint(checkpoints, with_step(0), which="best").step) == 2
        assert int(restore_checkpoint(checkpoints, with_step(0)).step) == 7
        save_checkpoint(checkpoints, with_step(8), validation_loss=0.1)
        assert steps_in(tmp_path) == {7, 8}

    def test_no_best_without_validation(self, tmp_path):
        checkpoints = Checkpoints(tmp_path, CONFIG, keep=1)
        for step in (1, 2, 3):
            save_checkpoint(checkpoints, with_step(step))
        assert steps_in(tmp_path) == {3}
        with pytest.raises(ValueError, match='has a validation loss; restore which="latest"'):
            restore_checkpoint(checkpoints, with_step(0), which="best")

    @pytest.mark.parametrize("operation", [save_checkpoint, restore_checkpoint])
    def test_another_configuration_is_refused_by_name(self, operation, tmp_path):
        save_checkpoint(Checkpoints(tmp_path, CONFIG), with_step(1))
        other = {**CONFIG, "learning_rate": 0.5, "layers": 2}
        del other["name"]
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            operation(Checkpoints(tmp_path, other), with_step(2))
        message = str(caught.value)
        assert "another configuration" in message
        for part in (
            "learning_rate: saved 0.01, given 0.5",
            'name: saved "small", given nothing',
            "layers: saved nothing, given 2",
        ):
            assert part in message
        assert "sizes" not in message
        assert "limit" not in message
        assert steps_in(tmp_path) == {1}

    def test_other_arrays_are_refused_by_name(self, tmp_path):
        checkpoints, state = Checkpoints(tmp_path, CONFIG), train_script.start()
        save_checkpoint(checkpoints, state)
        other = state._replace(params={**state.params, "readout": jnp.zeros((2, 2), jnp.float32)}, position=jnp.int64(0))
        with pytest.raises(ValueError, match=r"readout'\]: saved \"float32\[8, 5\]\", given \"float32\[2, 2\]\"; .position: "):
            restore_checkpoint(checkpoints, other)
        with pytest.raises(ValueError, match="other arrays: .opt_state"):
            restore_checkpoint(checkpoints, state._replace(opt_state=()))

    def test_earlier_step_is_refused(self, tmp_path):
        checkpoints = Checkpoints(tmp_path, CONFIG)
        save_checkpoint(checkpoints, with_step(5))
        for step in (4, 5):
            with pytest.raises(ValueError, match=f"has a checkpoint of step 5, which step {step} does not follow"):
                save_checkpoint(checkpoints, with_step(step))

    def test_bad_settings_are_refused(self, tmp_path):
        for config in ({"x": jnp.ones(1)}, {"x": {1, 2}}):
            with pytest.raises(ValueError, match="plain values only"):
                save_checkpoint(Checkpoints(tmp_path, config), with_step(1))
        with pytest.raises(ValueError, match="keep must be at least 1; got 0"):
            save_checkpoint(Checkpoints(tmp_path, CONFIG, keep=0), with_step(1))
        with pytest.raises(ValueError, match='which must be "latest" or "best"'):
            restore_checkpoint(Checkpoints(tmp_path, CONFIG), with_step(1), which="first")  # pyright: ignore
        (tmp_path / "file").write_text("")
        with pytest.raises(ValueError, match="is a file"):
            restore_checkpoint(Checkpoints(tmp_path / "file", CONFIG), with_step(1))
        assert {path.name for path in tmp_path.iterdir()} == {"file"}


@pytest.fixture(params=["no space", "4 KiB per file", "nothing can be written"])
def failing_disk(request, monkeypatch):
    """A switch between a disk that fails and one that does not."""
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    limits = {"4 KiB per file": 4096, "nothing can be written": 0}

    def fail(*args, **kwargs):
        raise full

    def switch(failing: bool):
        if request.param == "no space":
            monkeypatch.undo()
            if failing:
                monkeypatch.setattr(ocp.CheckpointManager, "save", fail)
        else:
            limit = limits[request.param] if failing else resource.RLIM_INFINITY
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    yield switch
    switch(False)
    gc.collect(1)  # an event loop of orbax may complain that it is closed; here, not in another test


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestFailingDisk:
    def test_last_good_checkpoint_stays(self, failing_disk, tmp_path):
        checkpoints = Checkpoints(tmp_path, CONFIG, keep=1)
        large = jnp.asarray(np.random.default_rng(0).normal(size=(128, 128)))
        state = init_train_state(large, optax.sgd(0.1), jax.random.key(0))._replace(step=jnp.int32(1))
        save_checkpoint(checkpoints, state)
        failing_disk(True)
        try:
            with pytest.raises(OSError, match=r"step 2 could not be written to .*the one of step 1 is untouched: make room"):
                save_checkpoint(checkpoints, state._replace(step=jnp.int32(2), params=large + 1))
        finally:
            failing_disk(False)
        assert steps_in(tmp_path) == {1}
        assert_same_bits(restore_checkpoint(checkpoints, jax.tree.map(jnp.zeros_like, state)), state)
        save_checkpoint(checkpoints, state._replace(step=jnp.int32(3)))
        assert {path.name for path in tmp_path.iterdir()} == {"3"}

    def test_first_save(self, failing_disk, tmp_path):
        failing_disk(True)
        try:
            with pytest.raises(OSError, match="there is none before it"):
                save_checkpoint(Checkpoints(tmp_path, CONFIG), with_step(1))
        finally:
            failing_disk(False)
        assert restore_checkpoint(Checkpoints(tmp_path, CONFIG), with_step(0)) is None

    def test_reader_leaves_a_writer_alone(self, tmp_path):
        checkpoints = Checkpoints(tmp_path, CONFIG)
        save_checkpoint(checkpoints, with_step(1))
        (tmp_path / "2.orbax-checkpoint-tmp").mkdir()
        assert int(restore_checkpoint(checkpoints, with_step(0)).step) == 1
        assert (tmp_path / "2.orbax-checkpoint-tmp").exists()
        save_checkpoint(checkpoints, with_step(2))
        assert {path.name for path in tmp_path.iterdir()} == {"1", "2"}


class TestFit:
    def test_resumed_run_equals_an_uninterrupted_one(self, tmp_path):
        once = fit_lstm(11, every=4, log=tmp_path / "once.csv", evaluate=train_script.validate)
        options = {"every": 4, "log": tmp_path / "twice.csv", "evaluate": train_script.validate}
        checkpoints = Checkpoints(tmp_path / "checkpoints", CONFIG)
        fit_lstm(8, checkpoints=checkpoints, **options)
        assert_same_bits(fit_lstm(11, checkpoints=checkpoints, **options), once)
        assert rows_of(tmp_path / "twice.csv") == rows_of(tmp_path / "once.csv")
        assert steps_in(tmp_path / "checkpoints") == {4, 8, 11}
        assert_same_bits(fit_lstm(11, checkpoints=checkpoints, **options), once)

    def test_log_holds_means_since_the_row_before(self, tmp_path):
        fit_quadratic(5, every=2, log=tmp_path / "log.csv")
        step, state = quadratic_step()
        losses, norms = [], []
        for position in range(5):
            state, metrics = step(state, jnp.full(2, float(position)))
            losses.append(float(metrics.loss))
            norms.append(float(metrics.gradient_norm))
        rows = rows_of(tmp_path / "log.csv")
        assert [int(row["step"]) for row in rows] == [2, 4, 5]
        for name, values in (("loss", losses), ("gradient_norm", norms)):
            expected = [np.mean(values[:2]), np.mean(values[2:4]), values[4]]
            np.testing.assert_allclose([float(row[name]) for row in rows], expected, rtol=1e-12)
        assert [float(row["clip_rate"]) for row in rows] == [
            np.mean(np.array(norms[a:b]) > 1) for a, b in ((0, 2), (2, 4), (4, 5))
        ]
        assert set(rows[0]) == {"step", "loss", "gradient_norm", "clip_rate", "nonfinite", "first"}

    def test_tensorboard_gets_the_rows_of_the_log(self, tmp_path):
        from tensorboardX.proto.event_pb2 import Event

        fit_quadratic(5, every=2, log=tmp_path / "log.csv", tensorboard=tmp_path / "events")
        (file,) = (tmp_path / "events").iterdir()
        data, found = file.read_bytes(), {}
        while data:  # each record: length, checksum of it, the event, checksum of that
            size = int.from_bytes(data[:8], "little")
            event, data = Event.FromString(data[12 : 12 + size]), data[16 + size :]
            for value in event.summary.value:
                found[value.tag, event.step] = value.simple_value
        rows = rows_of(tmp_path / "log.csv")
        for row in rows:
            for name in ("loss", "gradient_norm", "clip_rate"):
                np.testing.assert_allclose(found[name, int(row["step"])], float(row[name]), rtol=1e-6)
        assert {step for _, step in found} == {2, 4, 5}

    def test_rows_after_the_restored_step_are_dropped(self, tmp_path):
        log, checkpoints = tmp_path / "log.csv", Checkpoints(tmp_path / "checkpoints", CONFIG)
        fit_quadratic(4, every=2, log=log, checkpoints=checkpoints)
        expected = rows_of(log)
        text = log.read_text()
        log.write_text(text + text.splitlines()[-1].replace("4,", "6,", 1) + "\n8,0.1")
        fit_quadratic(4, every=2, log=log, checkpoints=checkpoints)
        assert rows_of(log) == expected
        fit_quadratic(6, every=2, log=log, checkpoints=checkpoints)
        assert [row["step"] for row in rows_of(log)] == ["2", "4", "6"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("step,loss\n3,0.5\n", "rows of another run, after step 0"),
            ("name,loss\n", "not a log of fit"),
            ("step,x\n", "columns"),
        ],
    )
    def test_log_of_something_else_is_refused_and_kept(self, text, message, tmp_path):
        (tmp_path / "log.csv").write_text(text)
        with pytest.raises(ValueError, match=message):
            fit_quadratic(2, log=tmp_path / "log.csv")
        assert (tmp_path / "log.csv").read_text() == text

    def test_first_checkpoint_does_not_take_over_the_log_of_another_run(self, tmp_path):
        log, checkpoints = tmp_path / "log.csv", Checkpoints(tmp_path / "checkpoints", CONFIG)
        fit_quadratic(2, every=2, log=log)
        expected = rows_of(log)
        fit_quadratic(2, every=2, log=log, checkpoints=checkpoints)  # as if killed between the row and the checkpoint
        assert rows_of(log) == expected
        fit_quadratic(4, every=2, log=log, checkpoints=checkpoints)
        text = log.read_text()
        with pytest.raises(ValueError, match="rows of another run"):
            fit_quadratic(4, log=log, checkpoints=checkpoints._replace(folder=tmp_path / "other"))
        assert log.read_text() == text

    def test_non_finite_loss_stops_and_keeps_the_last_checkpoint(self, tmp_path):
        def batches_at(position):
            return jnp.full(2, jnp.nan if position == 5 else 0.0)

        step, state = quadratic_step()
        checkpoints = Checkpoints(tmp_path, CONFIG)
        with pytest.raises(
            FloatingPointError, match=r"loss is nan at step 6, on batches_at\(5\): explain_nonfinite.*Lower the learning rate"
        ):
            fit(step, state, batches_at, 100, every=4, checkpoints=checkpoints, progress=False)
        assert int(restore_checkpoint(checkpoints, state).step) == 4

    def test_the_diagnosis_names_step_and_layer(self):
        cell = stack(elman(2, 3, activation="identity"), elman(3, 2))
        params = cell.init(jax.random.key(0))
        loss = lambda run: jnp.mean(run.ys**2)  # noqa: E731
        optimizer = make_optimizer(0.1)

        def loss_fn(params, carry, xs, key):
            return jnp.mean(unroll(cell, params, xs)[1] ** 2), (carry, {})

        def batches_at(position):
            xs = np.random.default_rng(position).normal(size=(7, 2, 2)).astype(np.float32)
            xs[4, 1] = np.nan if position == 3 else 0
            return xs

        step = jax.jit(make_train_step(loss_fn, optimizer), donate_argnums=0)
        state = init_train_state(params, optimizer, jax.random.key(1))
        diagnose = lambda state, xs: explain_nonfinite(cell, state.params, jnp.asarray(xs), loss)  # noqa: E731
        expected = r"at step 4, on batches_at\(3\): forward, the state\[0\] is not finite from step t = 4 on .* in 1 of 2 rows"
        with pytest.raises(FloatingPointError, match=expected):
            fit(step, state, batches_at, 10, diagnose=diagnose, progress=False)

    def test_parameters_that_are_not_finite_are_never_saved(self, tmp_path):
        def loss_fn(params, carry, batch, key):
            return jnp.sum(jnp.sqrt(params * batch)), (carry, {})  # finite at 0, with an infinite slope

        optimizer = make_optimizer(0.1, nonfinite="propagate")
        step = jax.jit(make_train_step(loss_fn, optimizer))
        state = init_train_state(jnp.ones(2), optimizer, jax.random.key(0))
        checkpoints = Checkpoints(tmp_path, CONFIG)
        with pytest.raises(FloatingPointError, match="after step 3 the parameters are not finite"):
            fit(step, state, lambda p: jnp.full(2, float(p < 2)), 9, every=1, checkpoints=checkpoints, progress=False)
        restored = restore_checkpoint(checkpoints, state)
        assert int(restored.step) == 2
        assert np.isfinite(restored.params).all()

    def test_non_finite_gradients_of_finite_losses_are_counted(self, tmp_path):
        def loss_fn(params, carry, batch, key):
            del key
            return jnp.sum(jnp.sqrt(params * batch)), (carry, {})  # the slope of the root is inf at 0

        step = jax.jit(make_train_step(loss_fn, make_optimizer(0.1)))
        state = init_train_state(jnp.ones(1), make_optimizer(0.1), jax.random.key(0))
        batches = [jnp.ones(1), jnp.zeros(1), jnp.ones(1)]
        fit(step, state, batches.__getitem__, 3, log=tmp_path / "log.csv", progress=False)
        (row,) = rows_of(tmp_path / "log.csv")
        assert row["nonfinite"] == "1"
        assert math.isfinite(float(row["gradient_norm"]))

    def test_early_stopping_survives_a_restart(self, tmp_path):
        losses = iter([3.0, 1.0, 2.0, 2.0, 2.0])
        options = {"every": 1, "evaluate": lambda params: {"loss": next(losses)}, "stopping": EarlyStopping(patience=3)}
        checkpoints = Checkpoints(tmp_path, CONFIG, keep=1)
        assert int(fit_quadratic(3, checkpoints=checkpoints, **options).step) == 3
        assert int(fit_quadratic(100, checkpoints=checkpoints, **options).step) == 5
        assert int(fit_quadratic(100, checkpoints=checkpoints, **options).step) == 5  # evaluates no more
        assert int(restore_checkpoint(checkpoints, quadratic_step()[1], which="best").step) == 2

    def test_progress_bar(self, capsys):
        step, state = quadratic_step()
        fit(step, state, lambda position: jnp.zeros(2), 3)
        shown = capsys.readouterr().err
        assert "3/3" in shown
        assert all(part in shown for part in ("step/s", "loss=", "gradient=", "clipped=100%"))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"num_steps": 0}, "num_steps must be an integer of at least 1; got 0"),
            ({"every": 0}, "every must be an integer of at least 1; got 0"),
            ({"stopping": EarlyStopping(3)}, "give evaluate"),
            ({"stopping": EarlyStopping(0), "evaluate": lambda params: {"loss": 0.0}}, "patience must be an integer"),
            ({"evaluate": lambda params: {"accuracy": 1.0}}, r"validation loss as \"loss\"; got \['accuracy'\]"),
        ],
    )
    def test_bad_argument_is_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            fit_quadratic(**{"num_steps": 2, **arguments})

    def test_train_step_that_does_not_count_is_refused(self):
        step, state = quadratic_step()
        with pytest.raises(ValueError, match="advance step and position by 1"):
            fit(lambda s, b: (s, step(s, b)[1]), state, lambda position: jnp.zeros(2), 3, progress=False)


def start_script(*folders: Path) -> subprocess.Popen:
    for folder in folders:
        folder.mkdir(exist_ok=True)
    fast_compilation = {"XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"}
    return subprocess.Popen([sys.executable, train_script.__file__, *map(str, folders)], env={**os.environ, **fast_compilation})


def test_killed_runs_end_in_the_same_bits(tmp_path):
    """SIGKILL at random moments, most of which fall into the writing of a checkpoint."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    killed, count_rows = 0, lambda: (broken / "log.csv").read_text().count("\n") if (broken / "log.csv").exists() else 0
    for _ in range(2):
        before, process = count_rows(), start_script(broken)
        while process.poll() is None and count_rows() <= before:
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.2))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
    assert killed
    assert start_script(broken, whole).wait(timeout=200) == 0
    with np.load(whole / "finished.npz") as expected, np.load(broken / "finished.npz") as found:
        assert expected.files == found.files
        for name in expected.files:
            np.testing.assert_array_equal(found[name], expected[name])
    assert rows_of(broken / "log.csv") == rows_of(whole / "log.csv")
    assert {path.name for path in (broken / "checkpoints").iterdir()} == {
        path.name for path in (whole / "checkpoints").iterdir()
    }
