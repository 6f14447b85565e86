"""Parts of a run that several devices compute at once, here two that are one and the same."""

import threading
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.common import devices
from experiments.common.parts import Part

LIMIT = 20
"""Seconds after which two parts are not computed at once."""


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(devices, "_mesh", types.SimpleNamespace(local_devices=[*jax.devices()[:1]] * 2))


def test_as_many_parts_are_computed_at_once_as_there_are_devices(two, tmp_path):
    met, at_work, most = threading.Barrier(2), [], []

    def compute(key):
        at_work.append(key)
        most.append(len(at_work))
        met.wait(LIMIT)
        at_work.remove(key)
        return {"twice": 2 * key[1]}

    keys = [("a, b", i) for i in range(6)]
    found = Part(tmp_path).each("one of", compute, keys)
    assert max(most) == 2
    assert list(found) == keys
    assert [one["twice"] for one in found.values()] == [0, 2, 4, 6, 8, 10]
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == [f"one_of_a_b_{i}.npz" for i in range(6)]


def test_parts_that_are_saved_are_loaded(tmp_path):
    computed, part = [], Part(tmp_path)

    def compute(key):
        computed.append(key)
        return {"x": np.arange(key)}

    part.each("part", compute, [2, 3])
    found = part.each("part", compute, [3, 4, 2])
    assert computed == [2, 3, 4]
    assert {key: list(one["x"]) for key, one in found.items()} == {4: [0, 1, 2, 3], 3: [0, 1, 2], 2: [0, 1]}
    assert list(found) == [3, 4, 2]


def test_keys_that_would_share_a_file_are_refused():
    with pytest.raises(ValueError, match="parts need names of their own; got part_a_b twice"):
        Part().each("part", lambda key: {}, ["a b", "a, b"])


def test_threads_take_over_what_is_set_for_the_one_that_starts_them(two):
    def compute(item):
        return jnp.ones(1).dtype, jax.config.jax_default_matmul_precision, jnp.ones((2, 3)) + jnp.arange(item)

    for enabled in (False, True):
        loosely = jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow")
        with jax.enable_x64(enabled), jax.default_matmul_precision("highest"), loosely[0], loosely[1]:
            found = devices.each(compute, [3])
        assert found[0][:2] == ("float64" if enabled else "float32", "highest")


def test_an_error_ends_the_parts_that_were_not_begun_and_is_raised(two, tmp_path):
    begun, failed = [], threading.Event()

    def compute(item):
        begun.append(item)
        if item == 1:
            failed.set()
            raise ValueError("part 1 fails")
        failed.wait(LIMIT)
        return {"item": item}

    with pytest.raises(ValueError, match="part 1 fails"):
        Part(tmp_path).each("part", compute, range(50))
    assert len(begun) < 50
    assert (tmp_path / "parts" / "part_0.npz").exists()


def test_an_interrupt_leaves_threads_alone_and_ends_the_process(two, monkeypatch):
    monkeypatch.setattr(devices, "_abandoned", False)
    monkeypatch.setattr(devices, "wait", lambda *args, **keywords: (_ for _ in ()).throw(KeyboardInterrupt))
    ended, released = [], threading.Event()
    monkeypatch.setattr(devices.os, "_exit", ended.append)
    with pytest.raises(KeyboardInterrupt):
        devices.each(lambda item: released.wait(LIMIT), range(3))
    released.set()
    with pytest.raises(SystemExit):
        devices.leave(130)
    assert ended == [130]


def test_without_threads_at_work_a_process_ends_as_usual(monkeypatch):
    monkeypatch.setattr(devices.os, "_exit", pytest.fail)
    with pytest.raises(SystemExit) as stopped:
        devices.leave(3)
    assert stopped.value.code == 3
