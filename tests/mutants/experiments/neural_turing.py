"""Bugs in `neural_turing`."""

from tests.mutants.mutant import Mutant

_INIT, _COSTS, _FIGURE, _NETWORKS = (
    f"experiments/neural_turing/{name}.py" for name in ("__init__", "costs", "figure", "networks")
)
_TESTS = "test_neural_turing_copies.py::"
_CHOICE = (f"{_TESTS}test_the_rate_is_chosen_by_two_networks_on_seeds_that_are_not_reported",)
_CRITERIA = (f"{_TESTS}test_a_result_that_breaks_one_criterion_misses_it_alone",)
_BITS = (f"{_TESTS}test_bits_of_a_sequence_are_those_of_its_steps",)

MUTANTS = (
    Mutant(
        "neural_turing: one network chooses the rate",
        _INIT,
        "mean(axis=1).argmin()",
        "min(axis=1).argmin()",
        _CHOICE,
    ),
    Mutant(
        "neural_turing: the rate of the LSTM falls too soon",
        _NETWORKS,
        "falls_over=updates(config, name)",
        "falls_over=config.updates",
        (f"{_TESTS}test_rates_fall_over_the_updates_of_each_network",),
    ),
    Mutant(
        "neural_turing: the rate is chosen on a reported seed",
        _INIT,
        "config.seed + CHOICE + trial",
        "config.seed + trial",
        _CHOICE,
    ),
    Mutant("neural_turing: NaN is the least loss", _INIT, "nan=np.inf", "nan=0.0", _CHOICE),
    Mutant(
        "neural_turing: the sequences of the training are reported",
        _INIT,
        "lengths(config.longest), own_key(seed))",
        "lengths(config.longest), seed)",
        (f"{_TESTS}test_fresh_sequences_are_reported",),
    ),
    Mutant(
        "neural_turing: the mean decides, not its bound",
        _INIT,
        "of_mean(machine[1]), NEAR_0",
        "machine[1].mean(), NEAR_0",
        _CRITERIA,
    ),
    Mutant(
        "neural_turing: equal costs meet the criterion",
        _INIT,
        'above(f"({i}) LSTM minus machine at {m} times it", of_mean(lstm[m] - machine[m]))',
        'at_most(f"({i}) LSTM minus machine at {m} times it", of_mean(machine[m] - lstm[m]), 0)',
        _CRITERIA,
    ),
    Mutant("neural_turing: nats for bits", _COSTS, " / math.log(2)", "", _BITS),
    Mutant("neural_turing: a step for a sequence", _COSTS, "length * float(loss)", "float(loss)", _BITS),
    Mutant(
        "neural_turing: the machine after the one that learned is shown",
        _FIGURE,
        "next((i for i, losses in enumerate(",
        "next((i + 1 for i, losses in enumerate(",
        (f"{_TESTS}test_the_first_machine_that_learned_is_shown",),
    ),
    Mutant(
        "neural_turing: the LSTM is as large as the machine",
        _NETWORKS,
        "[config.lstm_size] * config.lstm_layers",
        "[config.hidden_size] * config.lstm_layers",
        (f"{_TESTS}test_networks_are_of_the_sizes_that_the_docstring_says",),
    ),
)
