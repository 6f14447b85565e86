"""Several processes that run the same program: process 0 alone prints, and what one finds all are given."""

import contextlib
import os
import pickle
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

HANDED_ON = (ValueError, OSError, FloatingPointError, ImportError)
"""Errors that one process meets and all raise."""

T = TypeVar("T")


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    return not jax.distributed.is_initialized() or jax.process_index() == 0


def agreed(make: Callable[[], T]) -> T:
    """What process 0 makes, or the error of `HANDED_ON` that it meets, in all processes."""
    if not jax.distributed.is_initialized():
        return make()
    made, error = None, None
    if is_first():
        try:
            made = make()
        except HANDED_ON as met:
            error = met
    made, error = handed_on((made, error), 0)
    if error is not None:
        raise error
    return made


def handed_on(made: Any, process: int) -> Any:
    """What one process has made, in all of them."""
    if jax.process_count() == 1:
        return made
    gives = jax.process_index() == process
    data = np.frombuffer(pickle.dumps(made), np.uint8)
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(data)), gives))
    given = data if gives else np.zeros(size, np.uint8)
    return pickle.loads(np.asarray(multihost_utils.broadcast_one_to_all(given, gives)).tobytes())


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Lets process 0 alone print and show bars."""
    if is_first():
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield
