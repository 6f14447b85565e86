"""Initialisers, spectra, and small operations on trees."""

from tests.mutants.mutant import Mutant

_DRAWN = ("test_drawn_distributions.py",)
_NORMS = ("test_tree_norms.py",)

MUTANTS = (
    Mutant(
        "torch's bound comes from the first axis",
        "initializers.py",
        "bound = shape[-1] ** -0.5",
        "bound = shape[0] ** -0.5",
        _DRAWN,
    ),
    Mutant(
        "torch's bound is 2 % too wide",
        "initializers.py",
        "bound = shape[-1] ** -0.5",
        "bound = 1.02 * shape[-1] ** -0.5",
        _DRAWN,
    ),
    Mutant(
        "Gaussian entries are scaled by what goes out",
        "initializers.py",
        "gain / shape[0] ** 0.5",
        "gain / shape[-1] ** 0.5",
        _DRAWN,
    ),
    Mutant(
        "flax's input kernels are Glorot's",
        "initializers.py",
        '"kernel_init": lecun_normal',
        '"kernel_init": glorot_uniform',
        _DRAWN,
    ),
    Mutant(
        "Keras' input kernels are drawn gate by gate",
        "initializers.py",
        "Fused(glorot_uniform)",
        "glorot_uniform",
        _DRAWN,
    ),
    Mutant(
        "Keras' recurrent kernels are drawn gate by gate",
        "initializers.py",
        "Fused(orthogonal())",
        "orthogonal()",
        _DRAWN,
    ),
    Mutant(
        "all gates are drawn with one key",
        "initializers.py",
        "draw(initializer, k, (rows, width), dtype) for k in jax.random.split(key, gates)",
        "draw(initializer, key, (rows, width), dtype) for k in jax.random.split(key, gates)",
        ("test_initializers.py::test_gates_are_drawn_independently",),
    ),
    Mutant(
        "biases of gates come from the front of the list",
        "initializers.py",
        "zip(own[-gates:], keys,",
        "zip(own[:gates], keys,",
        ("test_initializers.py::test_torch_like_biases_of_the_gru_have_torchs_variances",),
    ),
    Mutant(
        "powers of defective matrices are not balanced",
        "spectra.py",
        "_BALANCINGS = 3",
        "_BALANCINGS = 0",
        ("test_spectra.py::test_closed_forms",),
    ),
    Mutant(
        "largest and smallest singular value change places",
        "spectra.py",
        "return values[..., 0], values[..., -1]",
        "return values[..., -1], values[..., 0]",
        ("test_reports.py",),
    ),
    Mutant(
        "rows are scaled in one factor",
        "pytrees.py",
        "half, one = clipped // 2, jnp.ones((), real.dtype)",
        "half, one = clipped, jnp.ones((), real.dtype)",
        _NORMS,
    ),
    Mutant(
        "the norm of a tree is that of its largest leaf",
        "pytrees.py",
        "lambda x, axes: jnp.sum(x**2, axis=axes), jnp.add)",
        "lambda x, axes: jnp.sum(x**2, axis=axes), jnp.maximum)",
        _NORMS,
    ),
    Mutant(
        "one finite leaf makes a tree finite",
        "pytrees.py",
        "lambda x, axes: jnp.all(jnp.isfinite(x), axis=axes), jnp.logical_and)",
        "lambda x, axes: jnp.all(jnp.isfinite(x), axis=axes), jnp.logical_or)",
        _NORMS,
    ),
)
