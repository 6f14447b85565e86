"""A step, a run and a training step as saved programs, in a process that knows nothing of this package."""

import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, random_array, relative_error
from jax import export

import recurrent
from recurrent import unroll
from recurrent.interop import export_program, plain, save_program
from recurrent.interop._plain import named_leaves

T, B, INPUT = 7, 3, 3
F32 = jnp.float32
CELL = recurrent.lstm(INPUT, 4)
OPTIMIZER = recurrent.make_optimizer(1e-2, max_norm=0.05)
READER = """
import json, pathlib, sys
import jax, numpy as np

def nested(file):
    tree = {}
    for path, leaf in np.load(file).items():
        *above, name = path.split("/")
        place = tree
        for key in above:
            place = place.setdefault(key, {})
        place[name] = jax.random.wrap_key_data(leaf) if name == "key" else leaf
    return tree

def flat(tree):
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}

step, run, train = (jax.export.deserialize(bytearray(pathlib.Path(name).read_bytes())) for name in ("step", "run", "train"))
given = nested("given.npz")
params, xs, lengths = given["params"], given["xs"], given["lengths"]
state, ys = given["state"], []
for x_t in xs:
    state, y_t = step.call(params, state, x_t)
    ys.append(y_t)
after, metrics = train.call(given["train_state"], {"xs": xs, "lengths": lengths})
after["key"] = jax.random.key_data(after["key"])
streamed, whole = (state, np.stack(ys)), run.call(params, given["state"], xs, lengths)
np.savez("found.npz", **flat({"streamed": streamed, "whole": whole, "trained": (after, metrics)}))
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules} & {"recurrent", "flax", "optax"})))
"""


def run(params, state, xs, lengths):
    return unroll(CELL, params, xs, state, lengths=lengths, backprop="explicit")


def loss_fn(params, carry, batch, key):
    xs = batch["xs"] + 0.1 * jax.random.normal(key, batch["xs"].shape)
    _, ys = unroll(CELL, params, xs, lengths=batch["lengths"], backprop="explicit")
    return jnp.mean((ys[..., :INPUT] - batch["xs"]) ** 2), (carry, {})


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What another process made of the saved programs, what these functions make here, and the programs."""
    folder = tmp_path_factory.mktemp("programs")
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        params, state = drawn(CELL, batch=B)
        xs, lengths = random_array((T, B, INPUT), 2, F32), jnp.array([7, 2, 5])
        train_state = recurrent.init_train_state(params, OPTIMIZER, jax.random.key(3))
        batch = {"xs": xs, "lengths": lengths}
        train_step = recurrent.make_train_step(loss_fn, OPTIMIZER)
        sizes = "t, b, ...", "b, ...", "b"
        specs = export.symbolic_args_specs
        programs = {
            "step": export_program(CELL.step, *specs((params, state, xs[0]), (None, sizes[1], sizes[1]))),
            "run": export_program(run, *specs((params, state, xs, lengths), (None, sizes[1], sizes[0], sizes[2]))),
            "train": export_program(train_step, *specs((train_state, batch), (None, {"xs": sizes[0], "lengths": sizes[2]}))),
        }
        expected = plain(
            {
                "streamed": unroll(CELL, params, xs, state),
                "whole": run(params, state, xs, lengths),
                "trained": jax.jit(train_step)(train_state, batch),
            }
        )
    for name, program in programs.items():
        save_program(folder / name, program)
    given = {"params": params, "state": state, "xs": xs, "lengths": lengths, "train_state": train_state}
    np.savez(folder / "given.npz", **flat(given))
    env = os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    done = subprocess.run([sys.executable, "-c", READER], cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), dict(np.load(folder / "found.npz")), flat(expected), programs


def flat(tree):
    """Arrays by path, keys as their data."""

    def array(leaf):
        return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf

    return {"/".join(keys): np.asarray(array(leaf)) for keys, leaf in named_leaves(tree).items()}


@pytest.mark.parametrize("what", ["streamed", "whole", "trained"])
def test_another_process_runs_them_without_this_package(what, results):
    imported, found, expected, _ = results
    assert imported == []
    found, expected = ({name: leaf for name, leaf in tree.items() if name.startswith(what)} for tree in (found, expected))
    assert relative_error(found, expected) < 1e-6
    assert len(expected) >= 3


def test_they_are_for_every_platform_and_size(results):
    programs = results[-1]
    assert {program.platforms for program in programs.values()} == {("cpu", "cuda", "tpu")}
    assert [str(aval.shape) for aval in programs["run"].in_avals[-2:]] == ["(t, b, 3)", "(b,)"]


def test_one_platform(tmp_path):
    """Examples may be shapes; named tuples come back as dicts, and a tuple as a tuple."""
    cell = recurrent.stack(CELL, recurrent.elman(4, 2))
    params = drawn(cell)[0]
    shapes = jax.eval_shape(cell.init, jax.random.key(0))
    program = export_program(lambda params: (params[1], {"all": params}), shapes, platforms=["cpu"])
    assert program.platforms == ("cpu",)
    assert relative_error(program.call(plain(params)), (plain(params[1]), {"all": plain(params)})) == 0
    save_program(tmp_path / "program", program)
    assert [path.name for path in tmp_path.iterdir()] == ["program"]


def test_a_program_is_written_whole_to_a_new_file(tmp_path, monkeypatch):
    program = export_program(jnp.sin, jnp.ones(2), platforms=["cpu"])
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(ValueError, match="old exists, and nothing is overwritten"):
        save_program(tmp_path / "old", program)
    monkeypatch.setattr("os.replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_program(tmp_path / "new", program)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: export_program(jnp.sin, jnp.ones(2), platforms=()), "platforms is empty"),
        (lambda: export_program(jnp.sin, jnp.ones(2), platforms="cpu"), "must be a list of cpu, cuda, rocm, tpu; got 'cpu'"),
        (
            lambda: export_program(lambda x, n: x * n, jnp.ones(2), "twice"),
            "got 'twice': let the function close over it",
        ),
        (lambda: save_program("no/such/folder/program", None), "there is no folder no/such/folder: make it first"),
    ],
)
def test_what_does_not_fit_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()
