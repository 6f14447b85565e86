"""What a parallel evaluation costs: the longest chain of dependent operations, and the arithmetic."""

import jax
from jax.extend.core import jaxprs_in_params


def longest_chain(function, *arguments) -> int:
    """Counts the operations on the longest path through the trace of a function; a loop counts as one pass of its body."""
    return depth(jax.make_jaxpr(function)(*arguments).jaxpr)


def depth(jaxpr) -> int:
    """The longest path through a jaxpr, those inside its operations included."""
    at = {}
    for equation in jaxpr.eqns:
        before = max((at.get(v, 0) for v in equation.invars if not hasattr(v, "val")), default=0)
        inside = max(map(depth, jaxprs_in_params(equation.params)), default=1)
        at |= dict.fromkeys(equation.outvars, before + inside)
    return max((at.get(v, 0) for v in jaxpr.outvars if not hasattr(v, "val")), default=0)


def operations_per_step(method: str, size: int) -> float:
    """Additions and multiplications per step of one row of a tanh network with `size` units, times the iterations taken.

    The loop does one matrix-vector product. Newton takes `size` directional derivatives of all steps and composes about
    two dense affine maps per step; its diagonal forms take the same derivatives and compose elementwise.
    """
    product = 2 * size**2
    derivatives = size * product
    composed = {"loop": 0, "deer": 2 * (size * product + product), "quasi_deer": 6 * size, "elk": 6 * size * 3}[method]
    return product if method == "loop" else 2 * product + derivatives + composed
