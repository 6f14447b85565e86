"""Weights in files: what torch wrote, what comes back, and what is refused without being run."""

import contextlib
import io
import os
import pickle
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from recurrent import lstm
from recurrent.interop import _torch_files, load_weights, params_from, save_weights, weights_for

GOLDEN = Path(__file__).parent / "golden"


def test_a_checkpoint_of_torch_is_read_without_torch():
    found = load_weights(GOLDEN / "checkpoint.pt", "torch")
    with np.load(GOLDEN / "checkpoint.npz") as expected:
        assert set(found) == set(expected.files)
        for name in expected.files:
            assert np.array_equal(found[name].astype(expected[name].dtype), expected[name]), name
    assert found["model.rnn.weight_ih_l0"].dtype == np.float64
    assert found["extra.half"].dtype == jnp.bfloat16
    assert params_from("torch", lstm(3, 4), found, at="model.rnn").bias.shape == (16,)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("library", ["torch", "keras"])
def test_saved_weights_come_back_bit_for_bit(tmp_path, suffix, library):
    cell = lstm(3, 4, param_dtype=jnp.float64)
    weights = weights_for(library, cell, cell.init(jax.random.key(0)))
    path = tmp_path / f"weights{suffix}"
    save_weights(path, weights, library)
    found = load_weights(path, library)
    assert {name: array.tobytes() for name, array in found.items()} == {n: np.asarray(a).tobytes() for n, a in weights.items()}
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError, match=f"has the layout of {library}, not of haiku: gates, signs or biases differ"):
        load_weights(path, "haiku")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="exists, and nothing is overwritten"):
        save_weights(path, weights, library)
    assert path.read_bytes() == before


def test_an_npz_of_keras_is_the_one_that_numpy_writes(tmp_path):
    arrays = [np.ones((3, 16)), np.zeros((4, 16)), np.arange(16.0)]
    np.savez(tmp_path / "keras.npz", *arrays)
    assert list(load_weights(tmp_path / "keras.npz", "keras")) == ["0", "1", "2"]
    save_weights(tmp_path / "again.npz", {str(i): array for i, array in enumerate(arrays)}, "keras")
    with np.load(tmp_path / "again.npz") as file:
        assert all(np.array_equal(file[f"arr_{i}"], array) for i, array in enumerate(arrays))


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def full(file, *args, **kwargs):
        file.write(b"half of it")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        save_weights(tmp_path / "weights.npz", {"bias": np.ones(3)}, "recurrent")
    assert not list(tmp_path.iterdir())


class Harm:
    """What a malicious pickle does when it is read."""

    def __reduce__(self):
        return os.mkdir, ("harm",)


def archive(path, pickled: bytes, storages=()):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickled)
        for name, numbers in storages:
            file.writestr(f"archive/data/{name}", numbers)


def state_dict_with(size, stride, offset=0, count=4) -> bytes:
    """A pickle as torch writes it, of one tensor with this shape, stride and offset."""

    class Storage:
        pass

    class Tensor:
        def __reduce__(self):
            return _rebuild_tensor_v2, (Storage(), offset, size, stride, False, None)

    def _rebuild_tensor_v2():
        """Replaced by its name."""

    class Pickler(pickle._Pickler):  # the one in Python, whose names of functions can be replaced
        def persistent_id(self, obj):
            return ("storage", FloatStorage, "0", "cpu", count) if isinstance(obj, Storage) else None

        def save_global(self, obj, name=None):
            module = {"_rebuild_tensor_v2": "torch._utils", "FloatStorage": "torch"}[obj.__name__]
            self.write(f"c{module}\n{obj.__name__}\n".encode())

        dispatch = {**pickle._Pickler.dispatch}

    class FloatStorage:
        pass

    Pickler.dispatch[type] = Pickler.save_global
    Pickler.dispatch[type(_rebuild_tensor_v2)] = Pickler.save_global
    written = io.BytesIO()
    Pickler(written, protocol=2).dump({"w": Tensor()})
    return written.getvalue()


def test_a_pickle_that_is_not_weights_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    archive("harm.pt", pickle.dumps({"weight": Harm()}))
    Path("bare.pt").write_bytes(pickle.dumps({"weight": Harm()}))
    np.savez("objects.npz", weight=np.array([Harm()], dtype=object))
    with pytest.raises(ValueError, match=r"harm.pt is not weights alone: it asks for posix.mkdir"):
        load_weights("harm.pt")
    with pytest.raises(ValueError, match="not a state dict of torch, saved by torch 1.6 or newer"):
        load_weights("bare.pt")
    with pytest.raises(ValueError, match="objects.npz is not an .npz of plain arrays"):
        load_weights("objects.npz")
    assert not Path("harm").exists()


def test_a_tensor_cannot_reach_beyond_its_file(tmp_path):
    storage = [("0", np.arange(4, dtype=np.float32).tobytes())]
    archive(tmp_path / "good.pt", state_dict_with((2, 2), (1, 2)), storage)
    assert np.array_equal(load_weights(tmp_path / "good.pt")["w"], [[0, 2], [1, 3]])
    for size, stride, offset in [((2, 2), (2, 2), 0), ((4,), (1,), 1), ((2,), (-1,), 1), ((1 << 40,), (0,), 0)]:
        archive(tmp_path / "bad.pt", state_dict_with(size, stride, offset), storage)
        with pytest.raises(ValueError, match="reaches beyond its 4 numbers"):
            load_weights(tmp_path / "bad.pt")
    archive(tmp_path / "short.pt", state_dict_with((4,), (1,), count=9), storage)
    with pytest.raises(ValueError, match="damaged: a tensor of 9 numbers has 4"):
        load_weights(tmp_path / "short.pt")


def test_small_files_do_not_grow(tmp_path):
    """A pickle of a few bytes that asks for gigabytes, or for the same dict again and again, and one that is compressed."""
    archive(tmp_path / "memo.pt", b"\x80\x02}r\xff\xff\xff\x1f.")
    assert load_weights(tmp_path / "memo.pt") == {}
    # {"a": d, "b": d} twenty times over, around one tensor
    one = state_dict_with((2, 2), (1, 2))
    levels = b"".join(b"q\xf0}(X\x01\x00\x00\x00ah\xf0X\x01\x00\x00\x00bh\xf0u" for _ in range(20))
    archive(tmp_path / "laughs.pt", one[:-1] + levels + b".", [("0", np.ones(4, np.float32).tobytes())])
    with pytest.raises(ValueError, match="more than 100000 tensors"):
        load_weights(tmp_path / "laughs.pt")
    endless: dict = {}
    endless["again"] = endless
    archive(tmp_path / "endless.pt", pickle.dumps(endless, protocol=2))
    with pytest.raises(ValueError, match="deeper than 32 levels"):
        load_weights(tmp_path / "endless.pt")
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", pickle.dumps({}))
    with pytest.raises(ValueError, match="data.pkl is compressed"):
        load_weights(tmp_path / "bomb.pt")


def test_a_pickle_changes_no_function_of_this_package(tmp_path):
    """BUILD sets attributes on what it is given, such as the defaults of a function."""
    pickled = b"\x80\x02ctorch._utils\n_rebuild_parameter\nN}(U\x0c__defaults__K\x01\x85u\x86b."
    archive(tmp_path / "build.pt", pickled)
    load_weights(tmp_path / "build.pt")
    assert _torch_files._rebuild_parameter.__defaults__ is None


def test_damage_is_named(tmp_path):
    """Whatever bit of a checkpoint is changed, it is read as it was, as other numbers, or refused by a ValueError."""
    whole, rng = (GOLDEN / "checkpoint.pt").read_bytes(), np.random.default_rng(0)
    read = 0
    for place in rng.integers(0, len(whole), 150):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "damaged.pt").write_bytes(damaged)
        with contextlib.suppress(ValueError):
            load_weights(tmp_path / "damaged.pt")
            read += 1
    assert 20 < read < 130


def test_files_of_other_forms_are_named(tmp_path):
    (tmp_path / "text.npz").write_text("not an archive")
    (tmp_path / "text.safetensors").write_text("not tensors")
    (tmp_path / "weights.h5").write_text("")
    with zipfile.ZipFile(tmp_path / "empty.pt", "w") as file:
        file.writestr("readme", "nothing")
    for name, message in [
        ("missing.npz", "there is no file"),
        ("text.npz", "not an .npz of plain arrays"),
        ("text.safetensors", "not a file of safetensors"),
        ("weights.h5", r"weights are read from .*; got .h5"),
        ("empty.pt", "no data.pkl"),
    ]:
        with pytest.raises(ValueError, match=message):
            load_weights(tmp_path / name)
    with pytest.raises(ValueError, match=r"written to .safetensors or .npz; got .pt"):
        save_weights(tmp_path / "new.pt", {"a": np.ones(1)}, "torch")
    for arrays, message in [
        ({"a": jnp.ones(1, jnp.bfloat16)}, "cannot hold a, bfloat16"),
        ({"file": np.ones(1)}, "cannot hold file"),
    ]:
        with pytest.raises(ValueError, match=message):
            save_weights(tmp_path / "new.npz", arrays, "torch")
    with pytest.raises(ValueError, match="library must be"):
        save_weights(tmp_path / "new.npz", {"a": np.ones(1)}, "toch")
    with pytest.raises(ValueError, match="there is no folder"):
        save_weights(tmp_path / "none" / "new.npz", {"a": np.ones(1)}, "torch")


def test_safetensors_of_others_have_no_library(tmp_path):
    save_file({"bias": np.ones(3, np.float32)}, tmp_path / "other.safetensors")
    assert load_weights(tmp_path / "other.safetensors", "torch")["bias"].sum() == 3
