"""The devices that an experiment is spread over, of one process or of several that run the same program.

Either each of them computes other parts of the run, such as the networks of other seeds, or the sequences of every update are
divided among them; all else is computed as on one device, by every process for itself. Process 0 alone prints, and writes all
but the parts that others compute.
"""

import dataclasses
import os
import queue
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, NoReturn, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from experiments.common.options import check_counts, option
from experiments.common.processes import HANDED_ON, handed_on

AXIS = "devices"
PARTS = "parts"
"""What is spread if each device computes other parts of a run."""
SILENCE = 20
"""Seconds without a sign of life after which the other processes count one as dead, and end."""
PATIENCE = 60
"""Seconds that a process that is done waits for the others."""

SETTINGS: dict[str, Callable[[Any], AbstractContextManager[Any]]] = {
    "jax_enable_x64": jax.enable_x64,
    "jax_default_matmul_precision": jax.default_matmul_precision,
    "jax_numpy_dtype_promotion": jax.numpy_dtype_promotion,
    "jax_numpy_rank_promotion": jax.numpy_rank_promotion,
}
"""What JAX keeps for each thread; those that compute parts take over the settings of the one that started them."""

T = TypeVar("T")
Item = TypeVar("Item")
Run = Callable[[Any, Any, Any], tuple[Any, Any]]
_mesh: Mesh | None = None
_abandoned = False


@dataclasses.dataclass(frozen=True)
class Devices:
    """Options that say where an experiment is computed, and are no part of it: a run may be resumed on other devices."""

    devices: int = 1
    """Devices of this process that compute at once; virtual ones on a CPU. Not all experiments can be spread."""
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


def check_division(name: str, spreads: str | None, config: Any, asked: Devices) -> None:
    """Raises ValueError unless an experiment can be spread, and devices divide the option that is spread over them."""
    if asked.total > 1 and spreads is None:
        raise ValueError(
            f"{name} runs on one device, for it trains nothing or measures times; leave --devices and --num-processes out "
            "(docs/running.md lists the experiments that are spread)"
        )
    if spreads not in (None, PARTS) and (number := getattr(config, spreads)) % asked.total:
        raise ValueError(
            f"{asked.total} devices do not divide {option(spreads)} {number}: give a multiple of {asked.total}, or other "
            "--devices"
        )


def each(compute: Callable[[Item], T], items: Sequence[Item]) -> list[T]:
    """Computes every item on one device, as many at once as there are devices; processes take turns, and all get all results.

    Args:
      compute: `item -> result`, which other processes can be given; called in threads.
      items: alike in all processes.
    """
    if _mesh is None:
        return [compute(item) for item in items]
    own, count = jax.process_index(), jax.process_count()
    found, error = {}, None
    try:
        found = _on_own_devices(lambda i: compute(items[i]), range(own, len(items), count))
    except HANDED_ON as met:
        if count == 1:
            raise
        error = met
    everything: dict[int, T] = {}
    for process in range(count):
        theirs, met = handed_on((found, error), process)
        error = error or met
        everything |= theirs
    if error is not None:
        raise error
    return [everything[i] for i in range(len(items))]


def _on_own_devices(compute: Callable[[int], T], items: Sequence[int]) -> dict[int, T]:
    """Deals items to the devices of this process that are free; after an error, or an interrupt, no further ones."""
    global _abandoned
    free: queue.SimpleQueue[Any] = queue.SimpleQueue()
    assert _mesh is not None
    for device in _mesh.local_devices:
        free.put(device)

    settings = [(context, getattr(jax.config, name)) for name, context in SETTINGS.items()]

    def on_free_device(item: int) -> T:
        device = free.get()
        try:
            with ExitStack() as stack:
                stack.enter_context(jax.default_device(device))
                for context, value in settings:
                    stack.enter_context(context(value))
                return compute(item)
        finally:
            free.put(device)

    pool = ThreadPoolExecutor(free.qsize())
    running = {item: pool.submit(on_free_device, item) for item in items}
    try:
        done, _ = wait(running.values(), return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()  # raises its error
        return {item: future.result() for item, future in running.items()}
    except KeyboardInterrupt:
        _abandoned = True  # threads cannot be interrupted
        raise
    finally:
        pool.shutdown(wait=not _abandoned, cancel_futures=True)


def leave(status: int) -> NoReturn:
    """Ends this process, even if threads of it are still at work."""
    if _abandoned:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def spread() -> AbstractContextManager[Any]:
    """Where what is compiled runs on all devices."""
    return nullcontext() if _mesh is None else jax.set_mesh(_mesh)


def over_rows(run: Run, params: Any, xs: Any, state: Any) -> tuple[Any, Any]:
    """Runs what treats rows apart, each device on its share of them.

    Left to XLA, the explicit backward pass would gather the batch on all devices, for it takes steps and rows together.

    Args:
      run: `(params, xs, state) -> (final_state, ys)`.
      params: its parameters.
      xs: inputs `[T, rows, ...]`.
      state: before the first step, leaves `[rows, ...]`.
    """
    if not _size():
        return run(params, xs, state)
    alike, states, steps = PartitionSpec(), PartitionSpec(AXIS), PartitionSpec(None, AXIS)
    divided = jax.shard_map(run, in_specs=(alike, steps, states), out_specs=(states, steps), check_vma=False)
    return divided(params, xs, state)


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
