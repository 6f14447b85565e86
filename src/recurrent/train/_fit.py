"""A driver loop for training: evaluation, checkpoints, a log and a progress bar around a pure train step."""

import contextlib
import csv
import io
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from recurrent import checks, pytrees
from recurrent.train._checkpoints import Checkpoints, latest_notes, restore_checkpoint, save_checkpoint
from recurrent.train._evaluate import EarlyStopping
from recurrent.train._step import Metrics, TrainState, TrainStep
from recurrent.types import Params, PyTree


def fit(
    train_step: TrainStep,
    train_state: TrainState,
    batches_at: Callable[[int], PyTree],
    num_steps: int,
    *,
    evaluate: Callable[[Params], dict[str, float]] | None = None,
    every: int = 100,
    checkpoints: Checkpoints | None = None,
    log: str | Path | None = None,
    tensorboard: str | Path | None = None,
    stopping: EarlyStopping | None = None,
    diagnose: Callable[[TrainState, PyTree], str] | None = None,
    progress: bool = True,
) -> TrainState:
    """Applies a train step until `num_steps` updates are done, in all and over all resumed runs.

    A run that was killed goes on from its latest checkpoint and ends in the same bits as one that was not, given the same
    arguments. Every `every` steps, and after the last one, it evaluates, appends a row to the log, and saves, in this order.

        step = jax.jit(make_train_step(loss_fn, optimizer))
        train_state = fit(step, train_state, lambda position: batches[position % len(batches)], 1000)

    Several processes (`jax.distributed`) call it alike, with a state that each of them holds whole; process 0 alone writes and
    shows a bar, and all read the checkpoints, from a folder that all see.

    Args:
      train_step: from `make_train_step`, under `jax.jit`.
      train_state: the state to start from; a later one in `checkpoints` takes its place.
      batches_at: the batch at a position, a pure function of it; `epoch_order` shuffles.
      num_steps: updates in all, counted by `train_state.step`.
      evaluate: `params -> {"loss": ..., ...}` on validation data, as `evaluate` of this package returns.
      every: steps between evaluations, rows of the log, and checkpoints.
      checkpoints: where to save and to resume from.
      log: a csv file: step, means since the row before of loss, gradient norm (of finite gradients), share of clipped and
        number of non-finite gradients, steps per second (compilation included, evaluation not), aux, and validation metrics.
        When a run resumes, rows after the restored step are dropped.
      tensorboard: a folder for event files of TensorBoard with the same rows; a resumed run replaces what it repeats.
      stopping: ends the training early, by the validation loss; resumed with the checkpoints.
      diagnose: says where a loss that is not finite comes from, given a train state (that after the update, or one later) and
        the batch; `explain_nonfinite` does.
      progress: shows a bar with loss, gradient norm, share of clipped gradients and steps per second.

    Returns:
      The train state after the last step. The best one is in `checkpoints`, see `restore_checkpoint`.

    Raises:
      ValueError: counts below 1, a stack of train states, early stopping without evaluation, a log of another run, a train step
        that does not advance `step` and `position` by 1, and as `restore_checkpoint` and `save_checkpoint`.
      FloatingPointError: the loss, or a parameter that would be saved, is not finite. The latest checkpoint is from before.
      OSError: a checkpoint or a row could not be written.
      ImportError: `tensorboard` without tensorboardX.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> def loss_fn(w, carry, batch, key):
    ...     return jnp.sum((w - batch) ** 2), (carry, {})
    >>> optimizer = recurrent.make_optimizer(0.1)
    >>> train_state = recurrent.init_train_state(jnp.zeros(2), optimizer, jax.random.key(0))
    >>> step = jax.jit(recurrent.make_train_step(loss_fn, optimizer))
    >>> train_state = recurrent.fit(step, train_state, lambda position: jnp.ones(2), 100, progress=False)
    >>> int(train_state.step), train_state.params.round(1).tolist()
    (100, [1.0, 1.0])
    """
    checks.counts(num_steps=num_steps, every=every)
    if jnp.shape(train_state.step) != ():
        raise ValueError(
            f"fit trains one train state, and this is a stack of {jnp.shape(train_state.step)}: "
            "map the train step over the stack (jax.vmap, jax.lax.map) in a loop of your own"
        )
    if stopping is not None:
        checks.counts(patience=stopping.patience)
        if evaluate is None:
            raise ValueError("early stopping needs a validation loss: give evaluate")
    writes = jax.process_index() == 0
    if not writes:
        log, tensorboard, progress = None, None, False
    lost_rows = 0
    if checkpoints is not None:
        given_state = train_state
        train_state, stopping = _resume(checkpoints, train_state, stopping)
        # a process that died before its first checkpoint may have left one row
        lost_rows = 1 if train_state is given_state else math.inf
    if log is not None:
        _prepare_log(Path(log), int(train_state.step), lost_rows)
    step = int(train_state.step)
    with _progress_bar(progress, step, num_steps) as report, _event_files(tensorboard, step) as write_events:
        while (step := int(train_state.step)) < num_steps and not (stopping and stopping.stopped):
            until = min(num_steps, (step // every + 1) * every)
            train_state, row = _advance(train_step, train_state, batches_at, until - step, report, diagnose)
            measured = evaluate(train_state.params) if evaluate else {}
            loss = _validation_loss(measured) if evaluate else None
            if stopping and loss is not None:
                stopping = stopping.update(loss)
            row |= {f"validation_{name}": value for name, value in measured.items()}
            write_events(row)
            if log is not None:
                _append_row(Path(log), row)
            if checkpoints is not None:
                _check_finite(train_state)
                notes = {"stopping": stopping._asdict()} if stopping else {}
                if writes:
                    save_checkpoint(checkpoints, train_state, validation_loss=loss, notes=notes)
    return train_state


def _resume(
    checkpoints: Checkpoints, train_state: TrainState, stopping: EarlyStopping | None
) -> tuple[TrainState, EarlyStopping | None]:
    restored = restore_checkpoint(checkpoints, train_state)
    if restored is None or int(restored.step) < int(train_state.step):
        return train_state, stopping
    saved = latest_notes(checkpoints).get("stopping")
    if stopping and saved:
        stopping = stopping._replace(best=saved["best"], waited=saved["waited"])
    return restored, stopping


def _advance(
    train_step: TrainStep,
    train_state: TrainState,
    batches_at: Callable[[int], PyTree],
    count: int,
    report: Callable[[Metrics], None],
    diagnose: Callable[[TrainState, PyTree], str] | None,
) -> tuple[TrainState, dict[str, float]]:
    """Does `count` steps; returns their means, too."""
    step, position, start = int(train_state.step), int(train_state.position), time.perf_counter()
    read: list[Metrics] = []
    pending: Metrics | None = None

    def take(metrics: Any, i: int) -> None:
        metrics = jax.device_get(metrics)
        if not np.isfinite(metrics.loss):
            at = position + i
            explanation = diagnose(train_state, batches_at(at)) if diagnose else "explain_nonfinite says where it starts"
            raise FloatingPointError(
                f"the loss is {metrics.loss} at step {step + i + 1}, on batches_at({at}): {explanation}. Lower the learning "
                "rate, clip the gradient to a smaller max_norm, or train on shorter windows"
            )
        report(metrics)
        read.append(metrics)

    for i in range(count):
        train_state, metrics = train_step(train_state, batches_at(position + i))
        if pending is not None:  # one step behind, so that an accelerator is never left waiting
            take(pending, i - 1)
        pending = metrics
    take(pending, count - 1)
    if (int(train_state.step), int(train_state.position)) != (step + count, position + count):
        raise ValueError(
            f"train_step must advance step and position by 1 each; {count} calls took step {step} to {train_state.step} and "
            f"position {position} to {train_state.position} (make_train_step does so)"
        )
    return train_state, _means(step + count, read, count / (time.perf_counter() - start))


def _check_finite(train_state: TrainState) -> None:
    """Keeps parameters that the last update spoilt out of the checkpoints: a run that resumed from them could not go on."""
    if not pytrees.all_finite(train_state.params):
        raise FloatingPointError(
            f"after step {int(train_state.step)} the parameters are not finite, though the loss before was: lower the learning "
            'rate, or let the optimiser skip such gradients (make_optimizer(..., nonfinite="skip"), the default)'
        )


def _validation_loss(measured: dict[str, float]) -> float:
    if "loss" not in measured:
        raise ValueError(f'evaluate must return a dict with the validation loss as "loss"; got {sorted(measured)}')
    return float(measured["loss"])


def _means(step: int, metrics: list[Metrics], steps_per_second: float) -> dict[str, float]:
    finite = [m.gradient_norm for m in metrics if m.finite]
    return {
        "step": step,
        "loss": _mean([m.loss for m in metrics]),
        "gradient_norm": _mean(finite) if finite else float("nan"),
        "clip_rate": _mean([m.clipped for m in metrics]),
        "nonfinite": sum(not m.finite for m in metrics),
        "steps_per_second": steps_per_second,
        **{name: _mean([m.aux[name] for m in metrics]) for name in metrics[0].aux},
    }


def _mean(values: list[Any]) -> float:
    return float(np.mean(np.asarray(values, np.float64)))


@contextlib.contextmanager
def _progress_bar(shown: bool, step: int, num_steps: int) -> Iterator[Callable[[Metrics], None]]:
    """Yields a function that takes the metrics of each step."""
    if not shown:
        yield lambda metrics: None
        return
    seen = clipped = 0
    label = "training: compiling" if step < num_steps else "training"
    with tqdm(desc=label, unit="step", initial=min(step, num_steps), total=num_steps, dynamic_ncols=True) as bar:

        def report(metrics: Metrics) -> None:
            nonlocal seen, clipped
            seen, clipped = seen + 1, clipped + bool(metrics.clipped)
            bar.set_description("training", refresh=False)
            norm, share = f"{metrics.gradient_norm:.3g}", f"{clipped / seen:.0%}"
            bar.set_postfix(loss=f"{metrics.loss:.4g}", gradient=norm, clipped=share, refresh=False)
            bar.update()

        yield report


@contextlib.contextmanager
def _event_files(folder: str | Path | None, step: int) -> Iterator[Callable[[dict[str, float]], None]]:
    """Yields a function that writes a row for TensorBoard."""
    if folder is None:
        yield lambda row: None
        return
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ImportError("tensorboard=... needs tensorboardX: install recurrent-jax[tensorboard], or use log=...") from error
    with SummaryWriter(str(folder), purge_step=step + 1) as writer:

        def write(row: dict[str, float]) -> None:
            for name, value in row.items():
                if name != "step":
                    writer.add_scalar(name, value, int(row["step"]))
            writer.flush()

        yield write


def _prepare_log(path: Path, step: int, lost_rows: float) -> None:
    """Drops rows after `step`, at most `lost_rows`, and among them one that was cut off."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        return
    with path.open(newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    if header and header[:1] != ["step"]:
        raise ValueError(f"{path} is not a log of fit: its first column is {header[0]!r}, not 'step'; give another file")
    kept = [row for row in rows if len(row) == len(header) and row[0].isdecimal() and int(row[0]) <= step]
    if len(rows) - len(kept) > lost_rows:
        raise ValueError(
            f"{path} holds rows of another run, after step {step}: give another file, or the checkpoints of that run to go on"
        )
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(_lines([header, *kept] if header else []))
    os.replace(temporary, path)


def _append_row(path: Path, row: dict[str, float]) -> None:
    """Appends in one write, so that other processes see whole rows."""
    with path.open("a+") as file:
        file.seek(0)
        header = file.readline().rstrip("\n")
        if header and header + "\n" != _lines([list(row)]):
            raise ValueError(f"{path} has the columns {header}, and this run {','.join(row)}: give another file")
        file.write(_lines([list(row.values())] if header else [list(row), list(row.values())]))


def _lines(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
