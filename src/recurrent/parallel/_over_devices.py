"""A linear recurrence whose time axis is divided among devices: each scans its stretch, and they exchange totals alone.

The map of a stretch is of the kind of that of a step, s ↦ A·s + B. From the maps of all stretches each device knows the state
that enters its own, and corrects its states by it: s_t = A_t · s_in + B_t.
"""

import math
import re
from typing import Any

import jax
from jax import Array
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Bool, Int

from recurrent import pytrees
from recurrent.parallel._associative import maps_of_steps, outputs, running_maps, shift, states_from
from recurrent.sequences import Flags, Sequence, check_is_cell, prepare, without_padding
from recurrent.types import Cell, LinearForm, P, Params, PyTree, S, State


def unroll_over_devices(
    cell: Cell[P, S],
    params: P,
    xs: PyTree,
    state: S | None = None,
    *,
    mesh: Mesh,
    axis: str,
    lengths: Int[Array, "*batch"] | None = None,
    mask: Bool[Array, "T *batch"] | None = None,
    resets: Bool[Array, "T *batch"] | None = None,
    reverse: bool = False,
) -> tuple[S, PyTree]:
    """Runs a linear cell over a sequence as `unroll` does, each device over a stretch of the time axis.

        mesh = jax.make_mesh((8,), ("time",), axis_types=(jax.sharding.AxisType.Auto,))
        final_state, ys = jax.jit(functools.partial(unroll_over_devices, lru(3, 64), mesh=mesh, axis="time"))(params, xs)

    The devices exchange one (a, b) of the linear form per stretch, whatever T. The gradient does the same, and sums that of the
    parameters over the devices.

    Args:
      cell: one that is linear in its state (`cell.linear`).
      params: its parameters, the same on all devices.
      xs: inputs `[T, *batch, features]`, or a tree of them; best sharded by `PartitionSpec(axis)` already.
      state: the state before the first step; the cell's initial state by default.
      mesh: the devices.
      axis: the axis of the mesh that divides the time axis; what lies along others is computed alike.
      lengths, mask, resets, reverse: as for `unroll`.

    Returns:
      `(final_state, ys)`: the state on all devices, ys `[T, *batch, ...]` divided as xs are.

    Raises:
      ValueError: as `unroll`; a cell without linear form, an axis that the mesh does not have, T that it does not divide.

    Reference: Blelloch (1990), Prefix sums and their applications; Martin & Cundy (2018), Parallelizing linear recurrent neural
    nets over sequence length.
    """
    form = _checked_form(cell)
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    _check_division(mesh, axis, sequence.num_steps)

    def stretch(params: Params, xs: PyTree, state: State, fresh: State, flags: Flags) -> tuple[State, PyTree]:
        # here and not for the whole sequence: the input that stands in for padding would have to travel
        xs = xs if flags.mask is None else without_padding(xs, flags.mask)
        return _run_stretch(form, params, Sequence(xs, state, fresh, flags), axis, reverse=reverse)

    along, alike = PartitionSpec(axis), PartitionSpec()
    # what all devices computed from the same totals is the same, which the check cannot know
    run = jax.shard_map(
        stretch, mesh=mesh, in_specs=(alike, along, alike, alike, along), out_specs=(alike, along), check_vma=False
    )
    return run(params, xs, sequence.state, sequence.fresh, sequence.flags)


def _run_stretch(form: LinearForm, params: Params, sequence: Sequence, axis: str, *, reverse: bool) -> tuple[State, PyTree]:
    """The state after the whole sequence, and the outputs of this device's stretch."""
    product, last = form.algebra.product, 0 if reverse else -1
    a, b, started = running_maps(product, *maps_of_steps(form, params, sequence), sequence.flags.resets, reverse=reverse)
    totals = jax.tree.map(lambda leaf: leaf[last], (a, b, started))
    a_all, b_all, started_all = jax.lax.all_gather(totals, axis)
    after = states_from(product, a_all, b_all, started_all, sequence.state, reverse=reverse)
    before = jax.tree.map(lambda leaf, first: shift(leaf, first, reverse=reverse), after, sequence.state)
    entering = jax.tree.map(lambda leaf: leaf[jax.lax.axis_index(axis)][None], before)
    states = pytrees.add(product(a, entering), b)
    if started is not None:
        states = pytrees.where(started, b, states)
    return jax.tree.map(lambda leaf: leaf[last], after), outputs(form, params, sequence, states)


def communicated_bytes(compiled: jax.stages.Compiled) -> int:
    """Bytes that each device receives in the collective operations of a compiled program.

        communicated_bytes(jax.jit(run).lower(params, xs).compile())

    The sizes of the results of all-gather, all-reduce, reduce-scatter, all-to-all and collective-permute operations, once each:
    what is inside a loop counts once, too. On a ring of n devices each sends 2 (n - 1) / n times the size of an all-reduce.
    """
    text = compiled.as_text() or ""
    return sum(_bytes_of(found["shapes"]) for found in _COLLECTIVE.finditer(text))


_COLLECTIVE = re.compile(
    r"= (?P<shapes>.*?) (?:all-gather|all-reduce|reduce-scatter|all-to-all|collective-permute)(?:-done)?\(", re.MULTILINE
)
_SHAPE = re.compile(r"(?P<kind>[a-z]+\d*)\[(?P<sizes>[\d,]*)\]")
_BITS = re.compile(r"\d+$")


def _bytes_of(shapes: str) -> int:
    return sum(
        _item_size(shape["kind"]) * math.prod(int(size) for size in shape["sizes"].split(",") if size)
        for shape in _SHAPE.finditer(shapes)
    )


def _item_size(kind: str) -> int:
    """Bytes of one number of a type of XLA, such as f32 or pred."""
    bits = _BITS.search(kind)
    return -(-int(bits[0]) // 8) if bits else 1


def _checked_form(cell: Any) -> LinearForm:
    check_is_cell(cell)
    if cell.linear is None:
        raise ValueError(
            f"unroll_over_devices needs a cell that is linear in its state, such as lru, min_gru or diagonal, and {cell} has "
            "no linear form: divide its batch among the devices instead"
        )
    return cell.linear


def _check_division(mesh: Mesh, axis: str, num_steps: int) -> None:
    if axis not in mesh.shape:
        raise ValueError(f"the mesh has the axes {', '.join(mesh.shape)}; got axis={axis!r}")
    if num_steps == 0 or num_steps % mesh.shape[axis]:
        raise ValueError(
            f"{mesh.shape[axis]} devices do not divide {num_steps} steps: pad the sequence, and give lengths, or take another "
            "number of devices"
        )
