"""Bugs in `skips`."""

from tests.mutants.mutant import Mutant

_GRAPH, _NETWORKS, _TRIALS, _COMPARISONS, _OPTIONS = (
    f"experiments/skips/{name}.py" for name in ("graph", "networks", "trials", "comparisons", "options")
)
_TESTS = "test_skips.py::"
_LIMIT = (f"{_TESTS}test_the_coefficient_is_the_limit_of_steps_over_cost",)
_EDGES = (f"{_TESTS}test_edges_are_entries_that_a_step_reads_and_moves_are_free",)
_CELLS = (f"{_TESTS}test_the_coefficient_of_cells_is_what_their_equations_say",)
_EQUAL = (f"{_TESTS}test_what_is_varied_is_the_lag_and_parameters_are_equally_many",)
_GRADIENTS = (f"{_TESTS}test_gradients_by_lag_are_those_of_autodiff",)
_CRITERIA = (f"{_TESTS}test_each_criterion_can_be_missed", f"{_TESTS}test_all_criteria_can_be_met")

MUTANTS = (
    Mutant(
        "skips: moving a state costs as much as computing one",
        _GRAPH,
        "np.where(copies, 0.0, 1.0)",
        "np.where(copies, 1.0, 1.0)",
        _CELLS + _EDGES,
    ),
    Mutant(
        "skips: what depends on one entry alone is a copy",
        _GRAPH,
        " & (found.sum(axis=-1) == 1)",
        "",
        _CELLS,
    ),
    Mutant(
        "skips: what is kept and added to is a copy",
        _GRAPH,
        "((found != 0).sum(axis=-1) == 1) & (found.sum(axis=-1) == 1)",
        "(found == 1).sum(axis=-1) == 1",
        _CELLS,
    ),
    Mutant(
        "skips: the slowest cycle",
        _GRAPH,
        "ratios.min(axis=0).max()",
        "ratios.min(axis=0).min()",
        _LIMIT,
    ),
    Mutant(
        "skips: steps over cost of as many steps as there are nodes, not in the limit",
        _GRAPH,
        "ratios.min(axis=0).max()",
        "ratios[0].max()",
        _LIMIT,
    ),
    Mutant(
        "skips: blocks of recurrent matrices add up to more than the norm",
        _NETWORKS,
        "orthogonal(len(kind.lags) ** -0.5)",
        "orthogonal()",
        _EQUAL,
    ),
    Mutant(
        "skips: the plain network has as many units, not parameters",
        _NETWORKS,
        "if kind != PLAIN:",
        "if kind.lags:",
        _EQUAL,
    ),
    Mutant(
        "skips: the oldest state is read out",
        _NETWORKS,
        "past[..., 0, :]",
        "past[..., -1, :]",
        (f"{_TESTS}test_networks_answer_by_their_last_state", *_GRADIENTS),
    ),
    Mutant(
        "skips: accuracies of other digits",
        _TRIALS,
        "each[getattr(run.split, part)]",
        "each[run.split.training]",
        (f"{_TESTS}test_each_accuracy_is_of_its_own_digits",),
    ),
    Mutant(
        "skips: gradients by time, not by lag",
        _TRIALS,
        "axis=1)[::-1]",
        "axis=1)",
        _GRADIENTS,
    ),
    Mutant(
        "skips: gradients on test digits",
        _TRIALS,
        "run.split.validation[:SAMPLE]",
        "run.split.test[:SAMPLE]",
        _GRADIENTS,
    ),
    Mutant(
        "skips: a skip may be as long as the longest sequence",
        _OPTIONS,
        "STEPS + self.blanks[0]",
        "STEPS + self.blanks[-1]",
        (f"{_TESTS}test_a_skip_may_be_one_step_shorter_than_the_shortest_sequence",),
    ),
    Mutant(
        "skips: accuracies are in the order of the option",
        _COMPARISONS,
        "[measured(results, kind) for kind in compared]",
        "[kind.skip for kind in compared]",
        (f"{_TESTS}test_the_order_is_that_of_the_measured_coefficient",),
    ),
    Mutant(
        "skips: how a lead shrinks with the delay",
        _COMPARISONS,
        "of_mean(many - few)",
        "of_mean(few - many)",
        _CRITERIA,
    ),
    Mutant(
        "skips: the order of all networks for that of equal ones",
        "experiments/skips/__init__.py",
        "order(results, LONGEST, compared[1:])",
        "order(results, LONGEST, compared)",
        _CRITERIA,
    ),
)
