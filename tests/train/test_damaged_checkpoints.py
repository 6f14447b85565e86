"""A damaged checkpoint is named, with the intact one before it; it is restored or refused, never half read."""

import contextlib
import gc
import re
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import random_array

from recurrent import fit, init_train_state, make_train_step
from recurrent.train import Checkpoints, restore_checkpoint, save_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
CONFIG = {"learning_rate": 0.1}


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]


DAMAGES = {
    "deleted": lambda file: file.unlink(),
    "emptied": lambda file: file.write_bytes(b""),
    "cut in half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "overwritten": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "one byte off": lambda file: file.write_bytes(flipped(file.read_bytes())),
}
damaged = pytest.mark.parametrize("damage", list(DAMAGES))


def state_of(step):
    params = {"kernel": random_array((3, 4), step), "bias": random_array((4,), 10 + step)}
    return init_train_state(params, optax.sgd(0.1), jax.random.key(step))._replace(step=jnp.int32(step))


def same_bits(found, expected):
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    return all(a.dtype == b.dtype and bool(jnp.all(a == b)) for a, b in pairs)


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intact")
    for step in (1, 2, 3):
        save_checkpoint(Checkpoints(folder, CONFIG), state_of(step), validation_loss=float(step))
    return folder


@pytest.fixture(autouse=True)
def collected():
    """An event loop of orbax may complain that it is closed; here, not in another test."""
    yield
    gc.collect(1)  # all generations take a second each time


@pytest.fixture
def folder(intact, tmp_path):
    return shutil.copytree(intact, tmp_path / "run")


def files_of(folder, step):
    return sorted(path.relative_to(folder) for path in (folder / str(step)).rglob("*") if path.is_file())


def message_of(folder, *parts):
    return "(?s)" + "".join(f"(?=.*{re.escape(part)})" for part in (str(folder), *(parts or ("step 3", "which=2"))))


@damaged
def test_every_file_is_missed_or_not_needed(damage, intact, tmp_path):
    """Whichever file is hit: the state comes back bit for bit, or the message names folder, step and what to restore."""
    wrong = {}
    for number, file in enumerate(files_of(intact, 3)):
        folder = shutil.copytree(intact, tmp_path / str(number))
        DAMAGES[damage](folder / file)
        try:
            if not same_bits(restore_checkpoint(Checkpoints(folder, CONFIG), state_of(0)), state_of(3)):
                wrong[str(file)] = "other bits, without a word"
        except Exception as error:
            if not (isinstance(error, (ValueError, OSError)) and re.search(message_of(folder), str(error))):
                wrong[str(file)] = f"{type(error).__name__}: {str(error)[:80]}"
    assert not wrong


@damaged
@pytest.mark.parametrize("which", ["latest", "best"])
def test_the_notes_are_needed(which, damage, folder):
    step = {"latest": 3, "best": 1}[which]
    DAMAGES[damage](folder / str(step) / "notes" / "metadata")
    with pytest.raises((ValueError, OSError), match=message_of(folder, f"step {step}")):
        restore_checkpoint(Checkpoints(folder, CONFIG), state_of(0), which=which)


def test_a_folder_without_its_arrays(folder):
    shutil.rmtree(folder / "3" / "state")
    with pytest.raises((ValueError, OSError), match=message_of(folder)):
        restore_checkpoint(Checkpoints(folder, CONFIG), state_of(0))


def test_an_empty_folder_of_a_step(folder):
    shutil.rmtree(folder / "3")
    (folder / "3").mkdir()
    with pytest.raises((ValueError, OSError), match=message_of(folder)):
        restore_checkpoint(Checkpoints(folder, CONFIG), state_of(0))


def test_nothing_intact_is_left(folder):
    for step in (1, 2, 3):
        (folder / str(step) / "notes" / "metadata").write_bytes(b"")
    with pytest.raises((ValueError, OSError), match="step 3") as caught:
        restore_checkpoint(Checkpoints(folder, CONFIG), state_of(0))
    assert "which=" not in str(caught.value)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_any_step_is_restored_by_its_number(step, folder):
    assert same_bits(restore_checkpoint(Checkpoints(folder, CONFIG), state_of(0), which=step), state_of(step))


@damaged
def test_the_one_before_is_restored_on_request(damage, folder):
    for file in files_of(folder, 3):
        DAMAGES[damage](folder / file)
    assert same_bits(restore_checkpoint(Checkpoints(folder, CONFIG), state_of(0), which=2), state_of(2))


@pytest.mark.parametrize("which", [0, 4, -1])
def test_a_step_that_is_not_there_is_refused_with_those_that_are(which, folder):
    with pytest.raises(ValueError, match=message_of(folder, f"step {which}", "1, 2, 3")):
        restore_checkpoint(Checkpoints(folder, CONFIG), state_of(0), which=which)


@pytest.mark.parametrize("which", [True, 2.0, "first", None])
def test_something_else_than_a_step_is_refused(which, folder):
    with pytest.raises(ValueError, match=rf'which must be "latest" or "best".*step.*got {which!r}'):
        restore_checkpoint(Checkpoints(folder, CONFIG), state_of(0), which=which)


def test_an_empty_folder_has_no_step_to_restore(tmp_path):
    assert restore_checkpoint(Checkpoints(tmp_path, CONFIG), state_of(0)) is None
    with pytest.raises(ValueError, match="no checkpoint"):
        restore_checkpoint(Checkpoints(tmp_path, CONFIG), state_of(0), which=2)


@damaged
def test_a_run_does_not_go_on_from_a_damaged_checkpoint_without_a_word(damage, folder):
    DAMAGES[damage](folder / "3" / "notes" / "metadata")
    checkpoints = Checkpoints(folder, CONFIG)
    step = jax.jit(
        make_train_step(lambda params, carry, batch, key: (jnp.sum(params["bias"] ** 2), (carry, {})), optax.sgd(0.1))
    )
    with pytest.raises((ValueError, OSError), match=message_of(folder)):
        fit(step, state_of(0), lambda position: (), 5, checkpoints=checkpoints, progress=False)
    with pytest.raises((ValueError, OSError), match=message_of(folder, "step 3")):
        save_checkpoint(checkpoints, state_of(4))


def test_no_bit_off_in_the_arrays_goes_unseen(intact, tmp_path):
    """Most of the bytes of a large checkpoint are numbers, and every bit of them reads as some number."""
    folder, rng = tmp_path / "large", np.random.default_rng(0)
    large = init_train_state({"w": jnp.asarray(rng.normal(size=(64, 64)))}, optax.sgd(0.1), jax.random.key(0))
    save_checkpoint(Checkpoints(folder, CONFIG), large._replace(step=jnp.int32(1)))
    file = max((path for path in (folder / "1" / "state").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    data = file.read_bytes()
    for place in rng.integers(len(data) // 4, len(data), 12):
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with contextlib.suppress(ValueError):  # a damage that is named
            assert same_bits(restore_checkpoint(Checkpoints(folder, CONFIG), large).params, large.params)


def test_the_one_named_as_intact_is(folder):
    for step in (2, 3):
        for file in files_of(folder, step):
            if "/d/" in str(file) or "manifest" in str(file):
                DAMAGES["cut in half"](folder / file)
    with pytest.raises(ValueError, match="which=1"):
        restore_checkpoint(Checkpoints(folder, CONFIG), state_of(0))
    assert same_bits(restore_checkpoint(Checkpoints(folder, CONFIG), state_of(0), which=1), state_of(1))
