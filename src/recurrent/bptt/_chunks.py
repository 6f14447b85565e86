"""How many steps are taken at a time: few enough to stay in cache and below autodiff's memory, enough for large products."""

import math
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import InconclusiveDimensionOperation

from recurrent.bptt._phases import Phases
from recurrent.bptt._program import Depends
from recurrent.programs import is_literal

CHUNK_BYTES = 4 * 2**20
"""Inputs of the loop held at a time at most: a few MB, so that the loop reads from cache what the product wrote."""
CHUNKS = 8
"""Chunks at most, where it is for memory alone."""
CHUNK_ROWS = 256
"""Steps times batch that a chunk has at least, where it is for memory alone: products over fewer rows are slow."""
SHARE_OF_AUTODIFF = 0.8
"""Of the memory that autodiff is estimated to take; the rest is for what the estimate does not see."""


def chunk_size(phases: Phases, num_steps: Any) -> int:
    """Steps per chunk, evened out; all of a length or batch that is not known yet."""
    try:
        to_cache = -(-num_steps * _bytes(phases.split.early) // CHUNK_BYTES)
        fewest = -(-CHUNK_ROWS // max(1, math.prod(phases.batch_shape)))
        count = max(1, to_cache, min(_chunks_for_memory(phases), num_steps // fewest))
        return max(1, -(-num_steps // count))
    except InconclusiveDimensionOperation:
        return num_steps


def _chunks_for_memory(phases: Phases) -> int:
    """The smallest number, a power of two, by which a run stays below autodiff's memory.

    Kept of every step: states, kept values, outputs and their gradients; held for one chunk: what enters the loop, or the
    deltas. Autodiff keeps all that the derivative reads, the outputs and their gradients.
    """
    p, s = phases.program, phases.split
    outputs = [v for v in p.y_t if not is_literal(v)]
    states = [v for v in p.state_t if v in phases.reads or v in outputs]
    whole = _bytes([*states, *s.kept, *outputs]) + _bytes(outputs)
    part = max(_bytes([*s.early, *s.extra]), _bytes([*s.leaving, *phases.deltas(), *s.entering_late]))
    allowed = SHARE_OF_AUTODIFF * (_bytes(_read_by_the_derivative(phases)) + 2 * _bytes(outputs))
    count = 1
    while count < CHUNKS and whole + part / count > allowed:
        count *= 2
    return count


def _read_by_the_derivative(phases: Phases) -> list[Any]:
    """What the tangents read that is made in every step."""
    p, moving = phases.program, Depends.FREE | Depends.LOOP
    tangents = [equation for equation in p.equations if any(p.depends[v] & moving for v in equation.outvars)]
    read = [atom for equation in tangents for atom in equation.invars if not is_literal(atom)]
    return [v for v in read if p.depends[v] and not p.depends[v] & moving and v not in p.x]


def _bytes(variables: Iterable[Any]) -> int:
    """Of one step of all different variables that arrays can hold."""
    avals = [v.aval for v in dict.fromkeys(variables) if not is_literal(v)]
    return sum(math.prod(a.shape) * a.dtype.itemsize for a in avals if not jnp.issubdtype(a.dtype, jax.dtypes.extended))
