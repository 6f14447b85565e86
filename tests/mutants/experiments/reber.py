"""Bugs in `reber`, and in the training on streams that it shares."""

from tests.mutants.mutant import Mutant

_STREAMING, _TRIALS, _FINDINGS = (
    "experiments/common/streaming.py",
    "experiments/reber/trials.py",
    "experiments/reber/findings.py",
)
_ADAM = ("test_streaming.py::test_training_is_adam_on_the_clipped_gradient_of_sums_over_windows",)
_READING = ("test_streaming.py::test_without_a_rate_learning_is_reading",)
_HELD = ("test_reber_streams.py::test_c_is_held_or_set_to_0",)
_CHOICE = ("test_reber_streams.py::test_the_rate_is_the_best_one_on_streams_that_are_not_reported",)
_SHARED = ("test_reber_streams.py::test_kinds_share_the_streams_that_are_reported",)
_CRITERIA = (
    "test_reber_streams.py::test_results_as_claimed_meet_every_criterion",
    "test_reber_streams.py::test_a_result_that_breaks_one_criterion_misses_it_alone",
)
_READ_OFF = ("test_reber_streams.py::test_what_is_read_off",)

MUTANTS = (
    Mutant(
        "streams: strings begin at every B",
        _STREAMING,
        "begins & jnp.concatenate([jnp.ones_like(ends[:1]), ends[:-1]])",
        "begins",
        ("test_streaming.py::test_resets_are_where_strings_begin",),
    ),
    Mutant(
        "streams: the mean over a window",
        _STREAMING,
        "TASK.loss(outputs, window.batch) * len(hs)",
        "TASK.loss(outputs, window.batch)",
        _ADAM,
    ),
    Mutant(
        "streams: a trained network reads from the start",
        _STREAMING,
        "stream.batch.xs, state, resets=stream.resets",
        "stream.batch.xs, resets=stream.resets",
        (*_READING, *_HELD),
    ),
    Mutant(
        "streams: nobody is told where strings begin",
        _STREAMING,
        "window.batch.xs, state, resets=window.resets",
        "window.batch.xs, state",
        _READING,
    ),
    Mutant("reber: c is held by gates that are open", _TRIALS, "set(-SHUT)", "set(SHUT)", _HELD),
    Mutant("reber: the rate that is worst", _TRIALS, "axis=1).argmax()", "axis=1).argmin()", _CHOICE),
    Mutant("reber: rates are tried on the streams that are reported", _TRIALS, "stream(0, steps", "stream(1, steps", _CHOICE),
    Mutant("reber: all are told where strings begin", _TRIALS, "if kind.told else", "if not kind.forgets else", _SHARED),
    Mutant(
        "reber: forget gates that start half open",
        _TRIALS,
        "bias_init=BIASES)",
        "bias_init=BIASES, **({'forget_bias': 0.0} if kind.forgets else {}))",
        ("test_reber_streams.py::test_networks_are_what_their_names_say",),
    ),
    Mutant(
        "reber: the size of c is compared the other way round",
        _FINDINGS,
        "for network in (NONE, FORGET))",
        "for network in (FORGET, NONE))",
        _CRITERIA,
    ),
    Mutant("reber: who guesses is below the margin of who knows", _FINDINGS, "[test] <= GUESSES", "[test] < KNOWS", _CRITERIA),
    Mutant("reber: tests of the last round", _FINDINGS, 'f"size/{network}"][0]', 'f"size/{network}"][-1]', _READ_OFF),
)
