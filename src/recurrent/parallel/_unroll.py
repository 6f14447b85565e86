"""The driver in parallel over time: the same values and gradients as `unroll`, in logarithmically few dependent operations."""

import functools
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int

from recurrent import checks, pytrees
from recurrent.parallel._associative import run_linear, shift
from recurrent.parallel._newton import (
    Convergence,
    Inputs,
    all_steps,
    attach_gradient,
    correct_damped,
    correct_dense,
    correct_diagonal,
    solve,
    vectors,
)
from recurrent.sequences import Sequence, check_is_cell, num_batch_axes, prepare
from recurrent.types import Cell, Params, PyTree, State
from recurrent.unrolling import unroll

Method = Literal["auto", "associative", "deer", "quasi_deer", "elk"]


def unroll_parallel(
    cell: Cell,
    params: Params,
    xs: PyTree,
    state: State | None = None,
    *,
    method: Method = "auto",
    lengths: Int[Array, "*batch"] | None = None,
    mask: Bool[Array, "T *batch"] | None = None,
    resets: Bool[Array, "T *batch"] | None = None,
    reverse: bool = False,
    tolerance: float | None = None,
    max_iterations: int = 100,
    damping: float = 0.1,
    fallback: Literal["sequential"] | None = None,
) -> tuple[State, PyTree, Convergence]:
    """Runs a cell over a sequence as `unroll` does, all steps at once.

        final_state, ys, convergence = jax.jit(functools.partial(unroll_parallel, min_gru(3, 64)))(params, xs)

    Cells that are linear in their state (`cell.linear`) take one associative scan, exactly unless it overflows. All others are
    iterated: every iteration solves the recurrence linearised at the present guess. How many it takes depends on whether the
    network forgets: with a negative largest Lyapunov exponent (`lyapunov_spectrum`) a few, whatever T; with a positive one
    about T. Where it does not converge, `convergence.converged` is False and the result is not that of the recurrence, unless
    `fallback="sequential"` puts it right.

    The gradient is that of the recurrence (reverse mode only, for iterated methods), from one more linear recurrence with
    dense Jacobians: memory O(T n²), work O(T n³) for n numbers of state in a row.

    Parallel means many cores: it does 2 (associative) to n (deer) times the work of the loop in each iteration, and loses
    against `unroll` on a CPU.

    Args:
      cell: any cell whose state is all floating point; a linear one for "associative".
      params: its parameters.
      xs: inputs `[T, *batch, features]`, or a tree of them.
      state: the state before the first step; the cell's initial state by default.
      method: "associative"; "deer": Newton, in at most T iterations; "quasi_deer": with the diagonal of the Jacobians, less
        work and memory per iteration, but more iterations; "elk": that, and damped by Levenberg-Marquardt against
        overshooting. "auto" takes "associative" for linear cells and "deer" for others.
      lengths, mask, resets, reverse: as for `unroll`.
      tolerance: largest |s_t - f(s_{t-1})| / max(1, |f(s_{t-1})|) that counts as converged; 16 units of rounding by default.
      max_iterations: when to give up.
      damping: λ of "elk", relative to the squared step of the state; 0.1 trusts ten times the size of the residual.
      fallback: "sequential" runs `unroll` where the iteration has not converged. (Under `vmap` both are computed.)

    Returns:
      `(final_state, ys, convergence)`: what `unroll` returns, and whether it may be believed, which only the caller can judge.

    Raises:
      ValueError: as `unroll`; an unknown method or fallback, "associative" for a cell without linear form, a state with
        counters or random keys, a step with a custom reverse-mode gradient, `tolerance` or `damping` that is not positive,
        `max_iterations` below 1.

    Reference: Blelloch (1990), Prefix sums and their applications; Martin & Cundy (2018) (associative); Lim et al. (2024),
    Parallelizing non-linear sequential models over the sequence length (deer); Gonzalez et al. (2024), Towards scalable and
    stable parallelization of nonlinear RNNs (quasi_deer, elk).
    """
    check_is_cell(cell)
    _check_options(cell, method, tolerance, max_iterations, damping, fallback)
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    dtype = next((leaf.dtype for leaf in jax.tree.leaves(sequence.state)), jnp.dtype(jnp.float32))
    if jax.tree.leaves(xs)[0].shape[0] == 0:
        final_state, ys = unroll(cell, params, xs, state, reverse=reverse)
        return final_state, ys, Convergence(jnp.asarray(True), jnp.zeros((), jnp.int32), jnp.zeros((), dtype))
    if takes_one_scan(cell, method):
        return _solve_linear(cell, params, sequence, reverse=reverse, fallback=fallback)
    options = {"tolerance": tolerance, "max_iterations": max_iterations, "reverse": reverse, "fallback": fallback}
    return _iterate(cell, params, sequence, _correction(method, damping), **options)


def takes_one_scan(cell: Cell, method: Method) -> bool:
    """Whether a cell is evaluated by one associative scan, without iterations."""
    return method in ("auto", "associative") and cell.linear is not None


def _solve_linear(cell: Cell, params: Params, sequence: Sequence, *, reverse: bool, fallback):
    """One scan, exact unless products of its coefficients overflow."""
    assert cell.linear is not None
    parallel = run_linear(cell.linear, params, sequence, reverse=reverse)
    finite = pytrees.all_finite(parallel)
    residual = jnp.where(finite, 0.0, jnp.inf).astype(jax.tree.leaves(sequence.state)[0].dtype)
    convergence = Convergence(finite, jnp.ones((), jnp.int32), residual)
    return _or_loop(lambda: parallel, convergence, cell, params, sequence, reverse=reverse, fallback=fallback)


def _or_loop(parallel, convergence: Convergence, cell: Cell, params: Params, sequence: Sequence, *, reverse: bool, fallback):
    """The result of `parallel()`, or with a fallback that of the loop where it has not converged."""
    xs, state, _, flags = sequence

    def loop():
        return unroll(cell, params, xs, state, mask=flags.mask, resets=flags.resets, reverse=reverse)

    final_state, ys = parallel() if fallback is None else jax.lax.cond(convergence.converged, parallel, loop)
    return final_state, ys, convergence


def _iterate(cell, params, sequence: Sequence, correct, *, tolerance, max_iterations, reverse, fallback):
    xs, state, fresh, flags = sequence
    num_steps = jax.tree.leaves(xs)[0].shape[0]
    ravel, unravel = vectors(state, num_batch_axes(xs))
    steps, inputs, s_0 = all_steps(cell, ravel, unravel), Inputs(params, fresh, xs), ravel(state)
    tolerance = 16 * float(jnp.finfo(s_0.dtype).eps) if tolerance is None else tolerance
    options = {"tolerance": tolerance, "max_iterations": max_iterations, "reverse": reverse}
    still, still_0 = jax.lax.stop_gradient((inputs, s_0))
    s, convergence = solve(lambda s_tm1: steps(still, flags, s_tm1)[0], still_0, num_steps, correct, **options)

    def parallel():
        solution = attach_gradient(steps, inputs, flags, s_0, s, reverse=reverse)
        states, ys = steps(inputs, flags, shift(solution, s_0, reverse=reverse))
        return unravel(states[0 if reverse else -1]), ys

    return _or_loop(parallel, convergence, cell, params, sequence, reverse=reverse, fallback=fallback)


def _correction(method: Method, damping: float):
    methods = {
        "auto": correct_dense,
        "deer": correct_dense,
        "quasi_deer": correct_diagonal,
        "elk": functools.partial(correct_damped, damping),
    }
    return methods[method]


def _check_options(cell: Cell, method: str, tolerance, max_iterations, damping, fallback) -> None:
    checks.choice("method", method, get_args(Method))
    if method == "associative" and cell.linear is None:
        raise ValueError(
            'method="associative" needs a cell that is linear in its state, such as lru, min_gru or diagonal, and this one has '
            'no linear form: use method="deer", or give the cell a LinearForm'
        )
    checks.positive(damping=damping, **({} if tolerance is None else {"tolerance": tolerance}))
    checks.counts(max_iterations=max_iterations)
    checks.choice("fallback", fallback, ("sequential", None))
