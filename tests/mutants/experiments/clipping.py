"""The experiment of the methods to clip."""

from tests.mutants.mutant import Mutant

_FILE = "test_clipping_methods.py"
_PACKAGE = "experiments/clipping/__init__.py"
_METHODS = "experiments/clipping/methods.py"

MUTANTS = (
    Mutant(
        "clipping: a cosine of the raw gradient with itself",
        _METHODS,
        "np.sum(raw * new, axis=-1) / (lengths * new_lengths)",
        "np.sum(raw * raw, axis=-1) / (lengths * lengths)",
        (f"{_FILE}::test_directions_and_lengths_are_those_of_the_clipped_gradients",),
    ),
    Mutant(
        "clipping: each tensor by the norm of all",
        _METHODS,
        "g * shorten(jnp.linalg.norm(g))",
        "g * shorten(optax.tree.norm(gradient))",
        (f"{_FILE}::test_a_limit_that_is_traced_clips_as_the_librarys_transformation",),
    ),
    Mutant(
        "clipping: halving towards the wrong side",
        _METHODS,
        "jnp.where(short, middle, low), jnp.where(short, high, middle)",
        "jnp.where(short, low, middle), jnp.where(short, middle, high)",
        (f"{_FILE}::test_every_way_can_leave_a_gradient_at_a_given_length",),
    ),
    Mutant(
        "clipping: gradients after clipping instead of before",
        "experiments/clipping/gradients.py",
        "jnp.add, network, updates), gradient",
        "jnp.add, network, updates), updates",
        (f"{_FILE}::test_gradients_are_raw_and_met_along_a_clipped_training",),
    ),
    Mutant(
        "clipping: the same batches for every network",
        "experiments/clipping/gradients.py",
        "jnp.asarray(drawn)))",
        "jnp.asarray(drawn[:1].repeat(config.seeds, 0))))",
        (f"{_FILE}::test_every_network_has_batches_of_its_own",),
    ),
    Mutant(
        "clipping: a median over gradients that are not clipped",
        _PACKAGE,
        "np.median(cosine[raw > threshold])",
        "np.median(cosine[raw <= threshold])",
        (f"{_FILE}::test_each_criterion_fails_alone",),
    ),
    Mutant(
        "clipping: an explosion measured by the shortest gradient",
        _PACKAGE,
        "raw.max(axis=1) / np.median(raw, axis=1)",
        "np.median(raw, axis=1) / raw.min(axis=1)",
        (f"{_FILE}::test_results_that_show_the_claim_pass",),
    ),
    Mutant(
        "clipping: a turned gradient that a criterion wants straight",
        _PACKAGE,
        'f"below {TURNED}", least[name] < TURNED',
        'f"below {TURNED}", least[name] > TURNED',
        (f"{_FILE}::test_results_that_show_the_claim_pass",),
    ),
)
