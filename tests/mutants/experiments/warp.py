"""Bugs in `warp`."""

from tests.mutants.mutant import Mutant

_INIT, _NETWORKS, _FINDINGS = (f"experiments/warp/{name}.py" for name in ("__init__", "networks", "findings"))
_TESTS = "test_warp.py::"
_STARTS = (f"{_TESTS}test_leaks_and_gates_start_with_the_same_time_constants",)
_SIZES = (f"{_TESTS}test_networks_have_the_sizes_that_the_docstring_says",)
_CHOICE = (f"{_TESTS}test_the_rate_of_a_form_is_chosen_on_a_seed_that_is_not_reported",)
_CRITERIA = (f"{_TESTS}test_a_result_that_breaks_one_criterion_misses_it_alone",)
_FARTHEST = (f"{_TESTS}test_a_network_answers_up_to_the_first_warp_where_a_seed_does_not",)

MUTANTS = (
    Mutant(
        "warp: gates with time constants of their own",
        _NETWORKS,
        'chrono("lstm", warp + 2)',
        'chrono("lstm", 2 * warp)',
        _STARTS,
    ),
    Mutant("warp: leaks from another range", _NETWORKS, "np.linspace(2, warp + 2", "np.linspace(2, warp + 7", _STARTS),
    Mutant("warp: leaks that are not learned", _NETWORKS, "learned=True", "learned=False", _SIZES),
    Mutant("warp: a gated network with an output gate", _NETWORKS, '"output_gate": False', '"output_gate": True', _SIZES),
    Mutant("warp: updates decide before losses", _INIT, "(updates, lost)", "(lost, updates)", _CHOICE),
    Mutant(
        "warp: losses that are low enough are told apart",
        _INIT,
        "np.maximum(np.nan_to_num(losses, nan=np.inf), DONE)",
        "np.nan_to_num(losses, nan=np.inf)",
        _CHOICE,
    ),
    Mutant(
        "warp: the test that ended a training is reported",
        _INIT,
        '"losses": float(fresh[0])',
        '"losses": float(course.losses[-1])',
        (f"{_TESTS}test_what_is_reported_is_not_the_test_that_ended_the_training",),
    ),
    Mutant("warp: the rate is chosen on a seed that is reported", _INIT, "config.seed + CHOICE", "config.seed", _CHOICE),
    Mutant(
        "warp: NaN is the least loss",
        _INIT,
        "nan=np.inf",
        "nan=0.0",
        _CHOICE,
    ),
    Mutant(
        "warp: a training ends where its loss is high",
        _INIT,
        "losses[-1] < DONE",
        "losses[-1] > DONE",
        (f"{_TESTS}test_a_training_ends_where_its_loss_is_low",),
    ),
    Mutant("warp: the best seed of the gates", _INIT, "np.max(gated)", "np.min(gated)", _CRITERIA),
    Mutant("warp: leaks judged at small warps", _INIT, "np.max(uniform)", "np.min(uniform)", _CRITERIA),
    Mutant("warp: the worst seed without gates", _INIT, "np.min(plain)", "np.max(plain)", _CRITERIA),
    Mutant("warp: NaN answers", _FINDINGS, "not found.max() < ANSWERED", "found.max() >= ANSWERED", _FARTHEST),
    Mutant("warp: a later warp makes up for an earlier one", _FINDINGS, "break", "continue", _FARTHEST),
)
