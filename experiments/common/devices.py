"""The devices that a training is spread over, of one process or of several that run the same program.

A mesh of one axis holds them. It divides the networks that are trained side by side, or the sequences of every update; all else
is computed as on one device, by every process for itself. Process 0 alone writes and prints.
"""

import contextlib
import dataclasses
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from experiments.common.options import check_counts, option

AXIS = "devices"
SILENCE = 20
"""Seconds without a sign of life after which the other processes count one as dead, and end."""
PATIENCE = 60
"""Seconds that a process that is done waits for the others."""

T = TypeVar("T")
Run = Callable[[Any, Any, Any], tuple[Any, Any]]
_mesh: Mesh | None = None


@dataclasses.dataclass(frozen=True)
class Devices:
    """Options that say where an experiment is computed, and are no part of it: a run may be resumed on other devices."""

    devices: int = 1
    """Devices of this process that the training is spread over; virtual ones on a CPU. Not all experiments can be."""
    coordinator: str | None = None
    """HOST:PORT of process 0, where several processes that run this same command meet."""
    num_processes: int = 1
    """How many they are."""
    process_id: int = 0
    """Which one this is, from 0; process 0 writes and prints."""

    def __post_init__(self):
        """Refuses processes that could not meet."""
        check_counts(self, "devices", "num_processes")
        if not 0 <= self.process_id < self.num_processes:
            raise ValueError(
                f"--process-id must lie in 0 ... --num-processes - 1; got {self.process_id} of {self.num_processes} processes"
            )
        if (self.coordinator is None) != (self.num_processes == 1):
            raise ValueError(
                f"--coordinator and --num-processes belong together; got {self.coordinator} and {self.num_processes}: give "
                "both to all processes, such as localhost:12345 and 2, or neither"
            )
        host, _, port = (self.coordinator or "localhost:1").rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(f"--coordinator must be HOST:PORT, such as localhost:12345; got {self.coordinator}")

    @property
    def total(self) -> int:
        """Devices of all processes."""
        return self.devices * self.num_processes


def start(asked: Devices) -> None:
    """Meets the other processes and takes the devices; before JAX computes anything.

    Raises:
      ValueError: this process has fewer devices.
    """
    global _mesh
    _mesh = None
    if asked.total == 1:
        return
    jax.config.update("jax_num_cpu_devices", asked.devices)
    if asked.coordinator is not None:
        jax.distributed.initialize(
            asked.coordinator,
            asked.num_processes,
            asked.process_id,
            heartbeat_timeout_seconds=SILENCE,
            shutdown_timeout_seconds=PATIENCE,
        )
    if jax.local_device_count() < asked.devices:
        raise ValueError(
            f"--devices {asked.devices}: this process has {jax.local_device_count()} {jax.default_backend()} devices"
        )
    taken = [jax.local_devices(process)[: asked.devices] for process in range(asked.num_processes)]
    _mesh = Mesh(np.array(taken).reshape(-1), (AXIS,), axis_types=(AxisType.Auto,))


def check_division(name: str, spreads: tuple[str, ...], config: Any, asked: Devices) -> None:
    """Raises ValueError unless the devices divide the options of an experiment that are spread over them."""
    if asked.total > 1 and not spreads:
        raise ValueError(
            f"{name} runs on one device: it does not train, or not in a way that is spread over several; leave --devices and "
            "--num-processes out (docs/running.md lists the experiments that are)"
        )
    for field in spreads:
        _check_divides(asked.total, option(field), getattr(config, field))


def _check_divides(devices: int, what: str, number: int) -> None:
    if number % devices:
        raise ValueError(f"{devices} devices do not divide {what} {number}: give a multiple of {devices}, or other --devices")


def spread() -> AbstractContextManager[Any]:
    """Where what is compiled runs on all devices."""
    return nullcontext() if _mesh is None else jax.set_mesh(_mesh)


def over_stack(mapped: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Gives each device its share of a stack, `[network, ...]`, to a function that treats its members one by one."""
    if not _size():
        return mapped
    shared = PartitionSpec(AXIS)
    # nothing is exchanged, so there is nothing to be checked, and loops that start from constants would fail the check
    divided = jax.shard_map(mapped, in_specs=shared, out_specs=shared, check_vma=False)

    def run(stacked: Any) -> Any:
        _check_divides(_size(), "a stack of", len(jax.tree.leaves(stacked)[0]))
        return divided(stacked)

    return run


def over_rows(run: Run, params: Any, xs: Any, initial_state: Callable[[int], Any]) -> tuple[Any, Any]:
    """Runs what treats rows apart, each device on its share of them.

    Left to XLA, the explicit backward pass would gather the batch on all devices, for it takes steps and rows together.

    Args:
      run: `(params, xs, state) -> (final_state, ys)`.
      params: its parameters.
      xs: inputs `[T, rows, ...]`.
      initial_state: the state before the first step, leaves `[rows, ...]`, of this many rows: noise differs from row to row.
    """
    rows = jax.tree.leaves(xs)[0].shape[1]
    if not _size():
        return run(params, xs, initial_state(rows))
    _check_divides(_size(), "a batch of", rows)
    alike, states, steps = PartitionSpec(), PartitionSpec(AXIS), PartitionSpec(None, AXIS)
    divided = jax.shard_map(run, in_specs=(alike, steps, states), out_specs=(states, steps), check_vma=False)
    return divided(params, xs, initial_state(rows))


def gathered(tree: Any) -> Any:
    """Gives every device the whole tree; under `jax.jit`."""
    return jax.lax.with_sharding_constraint(tree, PartitionSpec()) if _size() else tree


def at_home(tree: Any) -> Any:
    """The whole tree on one device of this process."""
    if _mesh is None:
        return tree
    whole = jax.jit(lambda same: same, out_shardings=NamedSharding(_mesh, PartitionSpec()))(tree)
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), whole)


def _size() -> int:
    """Devices of the mesh that is in use where this is called, 0 without one."""
    return jax.sharding.get_abstract_mesh().shape.get(AXIS, 0)


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    return not jax.distributed.is_initialized() or jax.process_index() == 0


def agreed(make: Callable[[], T]) -> T:
    """What process 0 makes, or the ValueError or OSError that it meets, in all processes."""
    if not jax.distributed.is_initialized():
        return make()
    made, error = None, None
    if is_first():
        try:
            made = make()
        except (ValueError, OSError) as met:
            error = met
    made, error = pickle.loads(_from_first(pickle.dumps((made, error))))
    if error is not None:
        raise error
    return made


def _from_first(data: bytes) -> bytes:
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(data))))
    given = np.frombuffer(data, np.uint8) if is_first() else np.zeros(size, np.uint8)
    return np.asarray(multihost_utils.broadcast_one_to_all(given)).tobytes()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Lets process 0 alone print and show bars."""
    if is_first():
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield
