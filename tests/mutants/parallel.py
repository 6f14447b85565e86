"""Evaluation in parallel over time: the associative scan, Newton's method, and their driver."""

from tests.mutants.mutant import Mutant

_SCAN = ("test_parallel.py::test_linear_cells_in_one_scan",)
_NEWTON = ("test_parallel.py::test_other_cells_by_iteration",)

MUTANTS = (
    Mutant(
        "a reset at the first step keeps the given state",
        "parallel/_associative.py",
        "state = pytrees.where(starts[first], pytrees.zeros_like(state), state)",
        "state = state",
        ("test_parallel_resets.py",),
    ),
    Mutant(
        "a masked step forgets the state",
        "parallel/_associative.py",
        "(form.algebra.one(a), pytrees.zeros_like(b))",
        "(pytrees.zeros_like(a), pytrees.zeros_like(b))",
        _SCAN,
    ),
    Mutant(
        "a reset starts from zero instead of the fresh state",
        "parallel/_associative.py",
        "b = pytrees.where(resets, restarted, b)",
        "b = b",
        ("test_parallel_resets.py",),
    ),
    Mutant(
        "the past leaks through starts that were combined",
        "parallel/_associative.py",
        "start_1 | start_2",
        "start_2",
        _SCAN,
    ),
    Mutant(
        "the residual is absolute",
        "parallel/_newton.py",
        "error = jnp.abs(value - s) / jnp.maximum(1, jnp.abs(value))",
        "error = jnp.abs(value - s)",
        ("test_newton_residual.py",),
    ),
    Mutant(
        "Newton corrects by the Jacobian of the wrong step",
        "parallel/_newton.py",
        "return value + matmul(jacobian, shift(delta, jnp.zeros_like(delta[0]), reverse=reverse))[..., 0]",
        "return value + matmul(jacobian, delta)[..., 0]",
        ("test_parallel.py::test_every_iteration_makes_one_more_step_exact",),
    ),
    Mutant(
        "the damped filter takes in the whole gap",
        "parallel/_newton.py",
        "linear_scan(jnp.multiply, keep * slope, keep * gap, reverse=reverse)",
        "linear_scan(jnp.multiply, keep * slope, gap, reverse=reverse)",
        ("test_parallel.py::test_the_damped_correction_minimises_its_sum_of_squares",),
    ),
    Mutant(
        "the gradient uses each Jacobian one step too early",
        "parallel/_newton.py",
        "following = shift(transposed, jnp.zeros_like(transposed[0]), reverse=not reverse)",
        "following = transposed",
        _NEWTON,
    ),
    Mutant(
        "the final state against time is that of the last input",
        "parallel/_unroll.py",
        "unravel(states[0 if reverse else -1])",
        "unravel(states[-1])",
        _NEWTON,
    ),
    Mutant(
        "the loop to fall back on knows no resets",
        "parallel/_unroll.py",
        "resets=flags.resets, reverse=reverse)",
        "reverse=reverse)",
        ("test_parallel_resets.py",),
    ),
)
