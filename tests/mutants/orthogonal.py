"""Matrices that are almost orthogonal, maps of the wrong angle, and weights made at every step."""

from tests.mutants.mutant import Mutant

_MAPS = "test_parametrizations.py::"
_ONCE = "test_weights_made_once.py::"

MUTANTS = (
    Mutant(
        "a symmetric matrix for the skew one",
        "parametrizations.py",
        "return upper - upper.T",
        "return upper + upper.T",
        (f"{_MAPS}test_the_exponential_map_is_that_of_scipy",),
    ),
    Mutant(
        "the Cayley map of the transposed matrix",
        "parametrizations.py",
        "jnp.linalg.solve(eye + a, eye - a)",
        "jnp.linalg.solve(eye - a, eye + a)",
        (f"{_MAPS}test_the_cayley_map_solves_its_equation",),
    ),
    Mutant(
        "signs of rows instead of columns",
        "parametrizations.py",
        "* signs[None]",
        "* signs[:, None]",
        (f"{_MAPS}test_the_cayley_map_solves_its_equation",),
    ),
    Mutant(
        "reflections in the opposite order",
        "parametrizations.py",
        "inverse = jnp.triu(gram, 1)",
        "inverse = jnp.tril(gram, -1)",
        (f"{_MAPS}test_reflections_are_multiplied_in_order",),
    ),
    Mutant(
        "what rounding left over is not squared",
        "parametrizations.py",
        'return 1.5 * w - 0.5 * jnp.matmul(w, gram, precision="highest")',
        "return w * (1 + 2e-6) + 0 * gram",
        (f"{_MAPS}test_w_is_still_orthogonal_after_1000_updates_in_float32",),
    ),
    Mutant(
        "singular values up to twice the margin",
        "parametrizations.py",
        "(1 + margin * (2 * jax.nn.sigmoid(free.spread) - 1))",
        "(1 + margin * 2 * (2 * jax.nn.sigmoid(free.spread) - 1))",
        (f"{_MAPS}test_singular_values_stay_within_the_margin",),
    ),
    Mutant(
        "all blocks are the first one",
        "wrappers/_reparametrized.py",
        "lambda leaf, i=i: leaf[i]",
        "lambda leaf: leaf[0]",
        (f"{_MAPS}test_blocks_of_a_gated_cell_are_orthogonal_one_by_one",),
    ),
    Mutant(
        "angles up to half a turn",
        "initializers.py",
        "jax.random.uniform(key, (pairs,), dtype, 0, math.pi / 2) / 2",
        "jax.random.uniform(key, (pairs,), dtype, 0, math.pi) / 2",
        (f"{_MAPS}test_angles_have_their_published_distributions",),
    ),
    Mutant(
        "a modReLU without its dead zone",
        "cells/_modrelu.py",
        "jax.nn.relu(add_bias(jnp.abs(z_t), params.bias))",
        "add_bias(jnp.abs(z_t), params.bias)",
        ("test_modrelu.py::test_equals_the_complex_definition",),
    ),
    Mutant(
        "weights are made at every step",
        "sequences.py",
        "with_weights = made_once(step, params, sequence.state, shapes)",
        "with_weights = lambda *others: step(params, *others)",
        (f"{_ONCE}test_an_exponential_map_is_computed_before_the_loop",),
    ),
    Mutant(
        "everything that is made of parameters is made before the loop",
        "programs.py",
        "if _is_heavy(equation) or any(a in heavy for a in read):",
        "if True:",
        (f"{_ONCE}test_a_function_that_makes_no_matrix_is_left_as_it_is",),
    ),
)
