"""The experiment of the cliff: its descents, their choice of a learning rate, and its criteria."""

from tests.mutants.mutant import Mutant

_FILE = "test_cliff.py"
_CHOICE = (f"{_FILE}::test_a_rate_is_chosen_on_validation_starts_and_met_once_on_test_starts",)
_DESCENTS, _PACKAGE = "experiments/cliff/descents.py", "experiments/cliff/__init__.py"

MUTANTS = (
    Mutant(
        "cliff: a learning rate chosen on the test starts",
        _DESCENTS,
        "RATES, VALIDATION, config.validation_starts)",
        "RATES, TEST, config.test_starts)",
        _CHOICE,
    ),
    Mutant("cliff: the worst learning rate", _DESCENTS, ".sum(axis=1).argmax()", ".sum(axis=1).argmin()", _CHOICE),
    Mutant(
        "cliff: clipping in both descents",
        _DESCENTS,
        "if clip else optax.identity()",
        "if clip else clip_by_global_norm(config.threshold)",
        (f"{_FILE}::test_a_step_is_the_gradient_and_at_most_as_long_as_the_rate_where_it_is_clipped",),
    ),
    Mutant(
        "cliff: test starts that are those of the validation",
        _DESCENTS,
        "else [seed, which])",
        "else [seed, VALIDATION])",
        (f"{_FILE}::test_the_three_sets_of_starts_lie_beside_the_wall_and_share_none",),
    ),
    Mutant(
        "cliff: unsolved starts counted as solved",
        _DESCENTS,
        "return last < SOLVED, thrown_off(path)",
        "return last > SOLVED, thrown_off(path)",
        (f"{_FILE}::test_outcomes_are_small_errors_at_the_end_and_long_steps_on_the_way",),
    ),
    Mutant(
        "cliff: the difference the other way round",
        _PACKAGE,
        'curves["clipped/test"].astype(float) - curves["no clipping/test"].astype(float)',
        'curves["no clipping/test"].astype(float) - curves["clipped/test"].astype(float)',
        (f"{_FILE}::test_results_that_show_the_claim_pass",),
    ),
    Mutant(
        "cliff: a distance with its sign",
        _PACKAGE,
        'max(abs(row["wall - b*"]) for row in steep)',
        'max(row["wall - b*"] for row in steep)',
        (f"{_FILE}::test_each_criterion_fails_alone",),
    ),
    Mutant(
        "cliff: the unclipped descent in the criteria of the clipped one",
        _PACKAGE,
        "plain, clipped = (found[name] for name in METHODS)",
        "clipped, plain = (found[name] for name in METHODS)",
        (f"{_FILE}::test_results_that_show_the_claim_pass",),
    ),
)
