"""Shared small pieces of the tests."""

import contextlib
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxprs_in_params

from recurrent import unroll


def perturbed(tree, seed: int, scale: float = 0.3):
    """Adds noise to every float leaf, so that biases and initial states are not zero."""
    rng = np.random.default_rng(seed)

    def noisy(leaf):
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        return leaf + jnp.asarray(scale * rng.normal(size=leaf.shape), leaf.dtype)

    return jax.tree.map(noisy, tree)


def random_array(shape, seed: int, dtype=jnp.float64):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def floats(tree) -> list:
    """The leaves that carry gradients: counters and random keys in a state do not."""
    return [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]


def equations(jaxpr, ignored: str = ""):
    """Every operation of a program, those inside its operations included, but not those called `ignored`."""
    for equation in jaxpr.eqns:
        if equation.primitive.name != ignored:
            yield equation
            for inner in jaxprs_in_params(equation.params):
                yield from equations(inner, ignored)


def to_float64(tree):
    return jax.tree.map(lambda a: a.astype(jnp.float64) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree)


def relative_error(found, expected) -> float:
    """The largest difference over a tree, each leaf relative to its largest expected entry."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    worst = 0.0
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert a.shape == b.shape
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        if b.size:
            error = float(np.max(np.abs(a - b)) / (np.max(np.abs(b)) or 1.0))
            assert np.isfinite(error), "a NaN or inf is not a small error"
            worst = max(worst, error)
    return worst


def restarted(cell, params, xs, state, loss, mask, resets):
    """dL/ds_t as a function of t, for a loss of the final state and ys: a second run from s_t takes only the steps after it."""

    def run(state, taken):
        return unroll(cell, params, xs, state, mask=mask & taken, resets=resets & taken)

    @jax.jit
    def gradient_after(t):
        past = jnp.arange(len(xs))[:, None] < t
        middle, _ = run(state, past)
        return jax.grad(lambda s: loss(*run(s, ~past)), allow_int=True)(middle)

    return gradient_after


def drawn(cell, seed: int = 0, batch: int = 3):
    """Parameters and a state of random entries, without compiling the initialisers."""
    params = jax.eval_shape(cell.init, jax.random.key(0))
    return filled(params, seed), filled(jax.eval_shape(lambda p: cell.initial_state(p, (batch,)), params), seed + 1)


def filled(shapes, seed: int):
    """A tree of random arrays of the given shapes."""
    rng = np.random.default_rng(seed)

    def fill(leaf):
        counts = not jnp.issubdtype(leaf.dtype, jnp.floating)
        return jnp.asarray(rng.integers(0, 2**32, leaf.shape) if counts else 0.5 * rng.normal(size=leaf.shape), leaf.dtype)

    return jax.tree.map(fill, shapes)


@contextlib.contextmanager
def usual_promotion() -> Iterator[None]:
    """JAX as it comes, which the code of peers may rely on."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield
