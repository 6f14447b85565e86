"""Cells as layers: their steps one after another, or in parallel over time."""

import functools
from typing import Any

from recurrent.layers._direction import resets_against_time
from recurrent.made import remembered
from recurrent.parallel import Method, takes_one_scan, unroll_parallel
from recurrent.sequences import check_is_cell
from recurrent.types import Cell, Layer
from recurrent.unrolling import Backprop, unroll, unroll_truncated


@remembered
def scanned(
    cell: Cell, *, backprop: Backprop = "explicit", checkpoint_every: int | None = None, window: int | None = None
) -> Layer:
    """Runs a cell over the sequence: state, ys = unroll(cell, params, xs, state).

    Args:
      cell: any cell.
      backprop: as for `unroll`; forward-mode derivatives need "autodiff".
      checkpoint_every: as for `unroll`.
      window: lets no gradient cross from one window of so many steps into the one before, as `unroll_truncated` does.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> layer = recurrent.scanned(recurrent.lstm(3, 8))
    >>> final_state, ys = layer.apply(layer.init(jax.random.key(0)), jnp.ones((5, 2, 3)))
    >>> final_state.h.shape, ys.shape
    ((2, 8), (5, 2, 8))
    """
    check_is_cell(cell)
    run = unroll if window is None else functools.partial(unroll_truncated, window=window)
    return _driven(functools.partial(run, backprop=backprop, checkpoint_every=checkpoint_every), cell)


@remembered
def scanned_parallel(
    cell: Cell, *, method: Method = "auto", tolerance: float | None = None, max_iterations: int = 100, damping: float = 0.1
) -> Layer:
    """Runs a cell over the sequence as `scanned` does, in parallel; options as for `unroll_parallel`.

    Where an iterated method does not converge the layer runs the loop: a layer has no way to say so. (A linear cell that
    overflows shows it in its outputs.)
    """
    check_is_cell(cell)
    options: dict[str, Any] = {"method": method, "tolerance": tolerance, "max_iterations": max_iterations, "damping": damping}
    fallback = None if takes_one_scan(cell, method) else "sequential"
    return _driven(functools.partial(unroll_parallel, fallback=fallback, **options), cell)


def _driven(run: Any, cell: Cell) -> Layer:
    """The layer of a driver, in both directions of time."""

    def apply(params, xs, state=None, *, lengths=None, mask=None, resets=None, reverse=False):
        resets = resets_against_time(resets) if reverse else resets
        return run(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets, reverse=reverse)[:2]

    return Layer(cell.init, apply, cell.initial_state, functools.partial(apply, reverse=True))
