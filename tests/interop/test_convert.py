"""The command that converts files of weights: what it writes, what it says, and what it refuses."""

from pathlib import Path

import jax
import numpy as np
import pytest

from recurrent import bidirectional, gru, lstm, scanned, serial
from recurrent.interop import load_onnx, load_weights, params_from, params_from_onnx, save_weights, weights_for
from recurrent.interop.__main__ import main

CHECKPOINT = str(Path(__file__).parent / "golden" / "checkpoint.pt")
DEEP = ["--cell", "gru", "--layers", "2", "--bidirectional"]


def both(features):
    cell = scanned(gru(features, 4, reset="after", param_dtype="float32"))
    return bidirectional(cell, cell)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    with jax.enable_x64(False):  # as users have it
        main(["convert", *arguments])


def test_a_deep_network_goes_through_three_libraries_and_comes_back(folder, capsys):
    network = serial(both(3), both(8))
    params = network.init(jax.random.key(0))
    save_weights("torch.npz", weights_for("torch", network, params), "torch")
    run("torch.npz", "keras.npz", "--from", "torch", "--to", "keras", *DEEP)
    run("keras.npz", "model.onnx", "--from", "keras", "--to", "onnx", *DEEP)
    run("model.onnx", "back.safetensors", "--from", "onnx", "--to", "torch", *DEEP)
    back = params_from("torch", network, load_weights("back.safetensors", "torch"))
    for a, b in zip(*map(jax.tree.leaves, (back, params)), strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)
    assert np.array_equal(params_from_onnx(network, load_onnx("model.onnx"))[1].backward.bias, params[1].backward.bias)
    said = capsys.readouterr().out
    assert said.count("read back, the weights are the same bit for bit") == 3
    assert "weight_ih_l1_reverse  [12, 8]  input_kernel r z n; as [out, in]; z with the other sign" in said
    assert "bias z r n over bias z r, recurrent_bias n" in said


def test_a_checkpoint_of_torch_becomes_float64_weights_of_haiku(folder, capsys):
    run(
        CHECKPOINT,
        "haiku.npz",
        "--from",
        "torch",
        "--to",
        "haiku",
        "--cell",
        "lstm",
        "--at",
        "model.rnn",
        "--target-at",
        "lstm",
    )
    found = load_weights("haiku.npz", "haiku")
    assert {name: (array.shape, array.dtype) for name, array in found.items()} == {
        "lstm/linear/w": ((7, 16), np.float64),
        "lstm/linear/b": ((16,), np.float64),
    }
    assert "1 is added to f when it runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([CHECKPOINT, "new.npz", "--from", "torch", "--to", "keras", "--cell", "lstm"], "name its place with --at"),
        (
            [CHECKPOINT, "new.npz", "--from", "torch", "--to", "keras", "--cell", "gru", "--at", "model.rnn"],
            "must have the shape",
        ),
        (
            [CHECKPOINT, "new.npz", "--from", "keras", "--to", "torch", "--cell", "lstm"],
            "has the layout of torch, not of keras",
        ),
        ([CHECKPOINT, "old.npz", "--from", "torch", "--to", "keras", "--cell", "lstm", "--at", "model.rnn"], "old.npz exists"),
        ([CHECKPOINT, "new.onnx", "--from", "torch", "--to", "keras", "--cell", "lstm"], "--to onnx writes .onnx"),
        ([CHECKPOINT, "new.npz", "--from", "onnx", "--to", "keras", "--cell", "lstm"], "--from onnx reads .onnx"),
        (["after.npz", "new.npz", "--from", "torch", "--to", "haiku", "--cell", "gru"], "haiku resets before the product"),
        (
            ["after.npz", "new.npz", "--from", "torch", "--to", "nnx", "--cell", "gru"],
            "nnx has no params.recurrent_bias",
        ),
        (["after.npz", "no/new.npz", "--from", "torch", "--to", "keras", "--cell", "gru"], "there is no folder no"),
        (["after.npz", "new.npz", "--from", "torch", "--to", "keras", "--cell", "gru", "--layers", "0"], None),
    ],
)
def test_what_cannot_be_converted_is_named_and_nothing_is_written(folder, capsys, arguments, message):
    (folder / "old.npz").write_text("mine")
    cell = gru(3, 4, reset="after")
    params = cell.init(jax.random.key(0))._replace(recurrent_bias=np.ones(4, np.float32))
    save_weights("after.npz", weights_for("torch", cell, params), "torch")
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    if message is None:
        assert "it must be a positive integer; got '0'" in capsys.readouterr().err
    else:
        assert str(stop.value).startswith("error: ")
        assert message in str(stop.value)
    assert sorted(path.name for path in folder.iterdir()) == ["after.npz", "old.npz"]
    assert (folder / "old.npz").read_text() == "mine"


def test_weights_that_fit_both_forms_of_the_gru_are_not_guessed(folder):
    cell = gru(3, 4)
    weights = weights_for("keras", cell, cell.init(jax.random.key(0)))
    save_weights("bare.npz", list(weights.values())[:2], "keras")
    with pytest.raises(SystemExit, match="fits both forms of the GRU: say --cell gru-after, or gru-before"):
        run("bare.npz", "new.npz", "--from", "keras", "--to", "recurrent", "--cell", "gru")
    run("bare.npz", "new.npz", "--from", "keras", "--to", "haiku", "--cell", "gru-before")
    assert np.array_equal(load_weights("new.npz")["w_h"], np.asarray(weights["1"]) * np.repeat([-1, 1, 1], 4)[None])


def test_the_widest_numbers_are_kept(folder):
    cell = lstm(3, 4)
    weights = weights_for("torch", cell, cell.init(jax.random.key(0)))
    mixed = weights | {"weight_ih_l0": weights["weight_ih_l0"].astype("float16")}
    save_weights("mixed.safetensors", mixed, "torch")
    run("mixed.safetensors", "new.npz", "--from", "torch", "--to", "recurrent", "--cell", "lstm")
    assert np.array_equal(load_weights("new.npz")["recurrent_kernel"], weights["weight_hh_l0"].T)


def test_lstm_weights_keep_their_values(folder):
    cell = lstm(3, 4)
    params = cell.init(jax.random.key(1))
    save_weights("ours.safetensors", weights_for("recurrent", cell, params), "recurrent")
    run(
        "ours.safetensors",
        "linen.npz",
        "--from",
        "recurrent",
        "--to",
        "linen",
        "--cell",
        "lstm",
        "--target-at",
        "params/cell",
    )
    found = load_weights("linen.npz", "linen")
    assert np.array_equal(found["params/cell/hf/bias"], params.bias[4:8])
    assert np.array_equal(found["params/cell/ig/kernel"], params.input_kernel[:, 8:12])
