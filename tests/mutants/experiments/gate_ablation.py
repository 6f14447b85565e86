"""Bugs in `gate_ablation`."""

from tests.mutants.mutant import Mutant

_TRIALS, _FINDINGS = "experiments/gate_ablation/trials.py", "experiments/gate_ablation/findings.py"
_FILE = "test_gate_ablation.py::"
_PARTS = (f"{_FILE}test_variants_have_the_parts_that_their_names_say",)
_CHOICE = (f"{_FILE}test_the_rate_is_chosen_by_networks_that_are_not_reported",)
_SCORE = (f"{_FILE}test_the_score_of_sums_is_the_order_of_magnitude_of_the_error",)
_CRITERIA = (
    f"{_FILE}test_results_as_claimed_meet_every_criterion",
    f"{_FILE}test_a_result_that_breaks_one_criterion_misses_it_alone",
)

MUTANTS = (
    Mutant("gate_ablation: NFG with a forget gate", _TRIALS, '"forget_gate": None', '"forget_gate": "own"', _PARTS),
    Mutant("gate_ablation: CIFG with a gate of its own", _TRIALS, '"forget_gate": "coupled"', '"forget_gate": "own"', _PARTS),
    Mutant("gate_ablation: NP with peepholes", _TRIALS, '"NP": {}', '"NP": {"peepholes": True}', _PARTS),
    Mutant("gate_ablation: a forget bias of 1 under both names", _TRIALS, '"forget_bias": 0.0', '"forget_bias": 1.0', _PARTS),
    Mutant("gate_ablation: the worst rate", _TRIALS, "axis=1).argmax()", "axis=1).argmin()", _CHOICE),
    Mutant(
        "gate_ablation: the networks that choose are reported",
        _TRIALS,
        "trained(k_networks, config.networks, best)",
        "trained(k_trials, config.networks, best)",
        _CHOICE,
    ),
    Mutant("gate_ablation: a larger error is better", _TRIALS, "-np.log10(np.concatenate", "np.log10(np.concatenate", _SCORE),
    Mutant("gate_ablation: the farthest variant from the last", _FINDINGS, "min(leads", "max(leads", _CRITERIA),
    Mutant(
        "gate_ablation: noise that has an upper bound only",
        _FINDINGS,
        "found.low <= 0 <= found.high",
        "found.low <= 0",
        _CRITERIA,
    ),
    Mutant(
        "gate_ablation: noise that has a lower bound only",
        _FINDINGS,
        "found.low <= 0 <= found.high",
        "found.high >= 0",
        _CRITERIA,
    ),
)
