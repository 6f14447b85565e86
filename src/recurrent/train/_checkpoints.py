"""Checkpoints of a train state: atomic, complete, and tied to the configuration that they were made with."""

import contextlib
import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recurrent import pytrees
from recurrent.types import PyTree

_TRASH = "deleting"


class Checkpoints(NamedTuple):
    """Where the checkpoints of a run go, and what they belong to.

    Attributes:
      folder: holds the checkpoints of one run and nothing else; made where it is missing.
      config: everything that the run depends on, as plain values: numbers, strings, booleans, None, lists and dicts of them.
      keep: how many of the latest checkpoints stay, at least 1; the one of the lowest validation loss stays besides.
    """

    folder: str | Path
    config: dict[str, Any]
    keep: int = 3


def save_checkpoint(
    checkpoints: Checkpoints,
    train_state: PyTree,
    *,
    validation_loss: float | None = None,
    notes: dict[str, Any] | None = None,
) -> None:
    """Saves a train state under its `step`; it appears in the folder whole or not at all, whenever the process dies.

    Args:
      checkpoints: where, with which configuration, and how many to keep.
      train_state: a `TrainState`, or any tree of arrays with a `step`; PRNG keys of both kinds are fine.
      validation_loss: decides which checkpoint is the best one; NaN and None never do.
      notes: plain values to store beside it.

    Raises:
      ValueError: a configuration or notes that are not plain values, a folder that holds checkpoints of another configuration
        or of this step or a later one.
      OSError: it could not be written. The checkpoints from before are untouched.
    """
    _check_settings(checkpoints)
    step, folder = int(train_state.step), Path(checkpoints.folder)
    loss = None if validation_loss is None or math.isnan(validation_loss) else float(validation_loss)
    saved = {"config": checkpoints.config, "leaves": _describe(train_state), "notes": notes or {}, "validation_loss": loss}
    saved["digests"] = _digests(_storable(train_state))
    _check_plain(saved)
    saved = json.loads(json.dumps(saved))  # as it will be read back: tuples are lists
    saved["checksum"] = _checksum(saved)
    latest = _latest_for(checkpoints, step)
    try:
        _write(folder, step, _storable(train_state), saved, checkpoints.keep)
    except Exception as error:  # tensorstore reports a full disk as a ValueError, other layers as an OSError
        _remove_unfinished(folder)
        left = "there is none before it" if latest is None else f"the one of step {latest} is untouched"
        raise OSError(
            f"the checkpoint of step {step} could not be written to {folder}, {left}: make room or give another folder, and "
            f"run again to resume. The cause: {error}"
        ) from error


def restore_checkpoint(
    checkpoints: Checkpoints, like: PyTree, *, which: Literal["latest", "best"] | int = "latest"
) -> PyTree | None:
    """Returns a saved train state bit for bit, or None where there is none.

    Args:
      checkpoints: where, and the configuration that it must have been made with.
      like: a train state of the same structure, such as the initial one; gives types and devices, its values are not used.
      which: "latest", "best" for the lowest validation loss, or the step it was saved at.

    Raises:
      ValueError: an unknown `which`; a checkpoint that is damaged (the error names an intact one), of another configuration, or
        with other leaves than `like`; no checkpoint with a validation loss where the best one is asked for.
    """
    if isinstance(which, bool) or not (isinstance(which, int) or which in ("latest", "best")):
        raise ValueError(f'which must be "latest" or "best", or the number of a step; got {which!r}')
    _check_settings(checkpoints)
    folder = Path(checkpoints.folder)
    step = _chosen(folder, which)
    if step is None:
        return None
    saved = _read_notes(folder, step)
    _check_config(folder, saved["config"], checkpoints.config)
    _check_leaves(folder, saved["leaves"], _describe(like))
    with _explaining_damage(folder, step, like):
        return _as_before(_read_tree(folder, step, _storable(like)), like)


def latest_notes(checkpoints: Checkpoints) -> dict[str, Any]:
    """Returns the notes of the latest checkpoint; {} where there is none."""
    folder = Path(checkpoints.folder)
    steps = _steps_in(folder)
    return _read_notes(folder, steps[-1])["notes"] if steps else {}


def _chosen(folder: Path, which: Literal["latest", "best"] | int) -> int | None:
    """The step of a checkpoint; None where none is there at all."""
    steps = _steps_in(folder)
    if isinstance(which, int):
        if which not in steps:
            raise ValueError(f"there is no checkpoint of step {which} in {folder}; it holds those of steps {steps}")
        return which
    if which == "latest" or not steps:
        return steps[-1] if steps else None
    best = _best({other: _read_notes(folder, other) for other in steps})
    if best is None:
        raise ValueError(f'no checkpoint in {folder} has a validation loss; restore which="latest"')
    return best


def _steps_in(folder: Path) -> list[int]:
    """The steps that have a checkpoint, in order; the folder of a step appears with all of its files."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal() and path.is_dir())


def _best(notes: dict[int, dict[str, Any]]) -> int | None:
    """The latest step of lowest validation loss, if any has one."""
    losses = {step: saved.get("validation_loss") for step, saved in notes.items()}
    ranked = sorted((loss, -step) for step, loss in losses.items() if loss is not None)
    return -ranked[0][1] if ranked else None


def _notes_file(folder: Path, step: int) -> Path:
    return folder / str(step) / "notes" / "metadata"


def _load_notes(folder: Path, step: int) -> dict[str, Any]:
    saved = json.loads(_notes_file(folder, step).read_text())
    if saved["checksum"] != _checksum(saved):
        raise ValueError("its notes do not have the checksum that they were saved with")
    return saved


def _checksum(saved: dict[str, Any]) -> str:
    """Of all notes but the checksum: a single byte off leaves text that can still be read."""
    return hashlib.sha256(json.dumps({**saved, "checksum": None}, sort_keys=True).encode()).hexdigest()


def _digests(tree: PyTree) -> list[str]:
    """Of the bytes of every array: a bit off in them can still be read."""
    return [hashlib.sha256(np.ascontiguousarray(jax.device_get(leaf)).tobytes()).hexdigest() for leaf in jax.tree.leaves(tree)]


def _intact_notes(folder: Path, step: int) -> dict[str, Any]:
    """What was saved beside the arrays, or {} if it cannot be read."""
    try:
        return _load_notes(folder, step)
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _read_notes(folder: Path, step: int) -> dict[str, Any]:
    with _explaining_damage(folder, step):
        return _load_notes(folder, step)


def _read_tree(folder: Path, step: int, like: PyTree) -> PyTree:
    import orbax.checkpoint as ocp  # here, because it takes longer to import than this package

    with ocp.StandardCheckpointer(multiprocessing_options=_alone()) as reader:
        tree = reader.restore((folder / str(step) / "state").absolute(), like)
    if _digests(tree) != _load_notes(folder, step)["digests"]:
        raise ValueError("its arrays do not have the digests that they were saved with")
    return tree


def _is_intact(folder: Path, step: int, like: PyTree | None) -> bool:
    """Whether the notes of a checkpoint can be read, and its arrays, if it is known what they are like."""
    try:
        _load_notes(folder, step)
        return like is None or _read_tree(folder, step, _storable(like)) is not None
    except Exception:  # json, orbax and tensorstore each report damage in their own way
        return False


@contextlib.contextmanager
def _explaining_damage(folder: Path, step: int, like: PyTree | None = None) -> Iterator[None]:
    """Names the checkpoint that cannot be read, and the latest other one that can."""
    try:
        yield
    except Exception as error:
        intact = [other for other in _steps_in(folder) if other != step and _is_intact(folder, other, like)]
        remedy = (
            f"the one of step {intact[-1]} is intact: restore_checkpoint(..., which={intact[-1]}) reads it, and training "
            f"goes on from it once {folder / str(step)} is deleted"
            if intact
            else "no other one is intact: start in another folder"
        )
        raise ValueError(f"the checkpoint of step {step} in {folder} is damaged; {remedy}. The cause: {error}") from error


def _write(folder: Path, step: int, tree: PyTree, saved: dict[str, Any], keep: int) -> None:
    import orbax.checkpoint as ocp

    items = ocp.args.Composite(state=ocp.args.StandardSave(tree), notes=ocp.args.JsonSave(saved))
    # deleted by a rename first: a process killed while deleting leaves no half of a checkpoint
    options = ocp.CheckpointManagerOptions(
        enable_async_checkpointing=False, todelete_subdir=_TRASH, create=False, multiprocessing_options=_alone()
    )
    folder.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(folder)
    with ocp.CheckpointManager(folder.absolute(), options=options) as manager:
        manager.save(step, args=items)
        steps = _steps_in(folder)
        for old in set(steps[:-keep]) - {_best({other: _intact_notes(folder, other) for other in steps})}:
            manager.delete(old)
    shutil.rmtree(folder / _TRASH, ignore_errors=True)


def _alone() -> Any:
    """Lets one of several processes read or write without waiting for the others."""
    import orbax.checkpoint as ocp

    own = jax.process_index()
    return ocp.options.MultiprocessingOptions(primary_host=own, active_processes={own}, barrier_sync_key_prefix=f"process{own}")


def _remove_unfinished(folder: Path) -> None:
    """Makes room. For writers only: a reader would take its checkpoint from a writer at work."""
    for unfinished in folder.glob("*.orbax-checkpoint-tmp*"):
        shutil.rmtree(unfinished, ignore_errors=True)  # threads of a failed save may still be at work there


def _latest_for(checkpoints: Checkpoints, step: int) -> int | None:
    """The latest saved step, if `step` may follow it."""
    folder = Path(checkpoints.folder)
    steps = _steps_in(folder)
    if not steps:
        return None
    _check_config(folder, _read_notes(folder, steps[-1])["config"], checkpoints.config)
    if steps[-1] >= step:
        raise ValueError(
            f"{folder} has a checkpoint of step {steps[-1]}, which step {step} does not follow: continue from the latest one, "
            "or give another folder"
        )
    return steps[-1]


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _storable(tree: PyTree) -> PyTree:
    """Puts key data in the place of keys, and a number in the place of an empty array: orbax stores neither."""

    def convert(leaf):
        leaf = jax.random.key_data(leaf) if _is_key(leaf) else leaf
        if jnp.size(leaf) == 0:
            return jnp.zeros(())
        return np.asarray(leaf) if _is_shared(leaf) else leaf

    return jax.tree.map(convert, tree)


def _is_shared(leaf: Any) -> bool:
    """Whether other processes hold parts of an array; each of them can read the whole if it is replicated."""
    return isinstance(leaf, jax.Array) and not leaf.is_fully_addressable


def _as_before(stored: PyTree, like: PyTree) -> PyTree:
    """Undoes `_storable`."""

    def convert(leaf, like_leaf):
        if jnp.size(like_leaf) == 0:
            return like_leaf
        if _is_shared(like_leaf):
            sharding = (jax.random.key_data(like_leaf) if _is_key(like_leaf) else like_leaf).sharding
            leaf = jax.make_array_from_callback(leaf.shape, sharding, leaf.__getitem__)
        return jax.random.wrap_key_data(leaf, impl=jax.random.key_impl(like_leaf)) if _is_key(like_leaf) else leaf

    return jax.tree.map(convert, stored, like)


def _describe(tree: PyTree) -> dict[str, str]:
    """Path and type of every leaf, such as `.params.bias: float32[4]`."""

    def kind(leaf):
        dtype = leaf.dtype if hasattr(leaf, "dtype") else jnp.result_type(leaf)
        return f"{dtype}{list(jnp.shape(leaf))}"

    return dict(zip(pytrees.leaf_names(tree), map(kind, jax.tree.leaves(tree)), strict=True))


def _check_settings(checkpoints: Checkpoints) -> None:
    if checkpoints.keep < 1:
        raise ValueError(f"keep must be at least 1; got {checkpoints.keep}")
    if Path(checkpoints.folder).exists() and not Path(checkpoints.folder).is_dir():
        raise ValueError(f"the folder of checkpoints {checkpoints.folder} is a file; give another name")
    _check_plain(checkpoints.config)


def _check_plain(values: dict[str, Any]) -> None:
    try:
        json.dumps(values)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"a configuration holds plain values only, numbers, strings, booleans, None, lists and dicts: {error} "
            "(dataclasses.asdict, float and str convert)"
        ) from error


def _check_config(folder: Path, saved: dict[str, Any], given: dict[str, Any]) -> None:
    given = json.loads(json.dumps(given))  # as it would be read back: tuples are lists
    _check_equal(f"the checkpoint in {folder} has another configuration", saved, given, "give the same one, or another folder")


def _check_leaves(folder: Path, saved: dict[str, str], given: dict[str, str]) -> None:
    _check_equal(f"the checkpoint in {folder} has other arrays", saved, given, "build the train state as the saved run did")


def _check_equal(what: str, saved: dict[str, Any], given: dict[str, Any], remedy: str) -> None:
    shown = [{name: json.dumps(value, sort_keys=True) for name, value in values.items()} for values in (saved, given)]
    differing = [
        f"{name}: saved {shown[0].get(name, 'nothing')}, given {shown[1].get(name, 'nothing')}"
        for name in dict.fromkeys([*saved, *given])
        if shown[0].get(name) != shown[1].get(name)
    ]
    if differing:
        raise ValueError(f"{what}: {'; '.join(differing)}. {remedy[0].upper()}{remedy[1:]}")
