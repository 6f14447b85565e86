"""A wrong law, gradients of the wrong parameters, and bounds that cannot fail in `truncation`."""

from tests.mutants.mutant import Mutant

_TESTS = "test_truncation.py::"
_CRITERIA = (f"{_TESTS}test_a_result_that_breaks_one_criterion_misses_it_alone",)

MUTANTS = (
    Mutant(
        "a law of amplitudes instead of squares",
        "experiments/truncation/linear.py",
        "math.sqrt((radius ** (2 * window) - radius ** (2 * steps)) / (1 - radius ** (2 * steps)))",
        "(radius**window - radius**steps) / (1 - radius**steps)",
        (f"{_TESTS}test_linear_networks_follow_the_law",),
    ),
    Mutant(
        "linear networks whose radius is 1 whatever was asked",
        "experiments/truncation/linear.py",
        "recurrent_kernel=radius * params.recurrent_kernel",
        "recurrent_kernel=params.recurrent_kernel",
        (f"{_TESTS}test_linear_networks_follow_the_law",),
    ),
    Mutant(
        "tanh for the linear network",
        "experiments/truncation/linear.py",
        ', activation="identity")',
        ")",
        (f"{_TESTS}test_linear_networks_follow_the_law",),
    ),
    Mutant(
        "the bias of the bias",
        "experiments/truncation/linear.py",
        "params._replace(input_kernel=kernel)",
        "params._replace(input_kernel=jax.lax.stop_gradient(kernel), bias=params.bias + kernel.sum(axis=0))",
        (f"{_TESTS}test_the_error_of_the_input_kernel_is_that_of_its_own_gradient",),
    ),
    Mutant(
        "the nearer bound of the distance from the law",
        "experiments/truncation/linear.py",
        "return max(abs(found.low - expected)",
        "return min(abs(found.low - expected)",
        _CRITERIA,
    ),
    Mutant(
        "the smallest rise of the error",
        "experiments/truncation/findings.py",
        "return max((of_mean(rise)",
        "return min((of_mean(rise)",
        _CRITERIA,
    ),
    Mutant(
        "errors of the gradient from the longest window to the shortest",
        "experiments/truncation/findings.py",
        "np.diff(errors, axis=1)",
        "np.diff(errors[:, ::-1], axis=1)",
        (f"{_TESTS}test_results_as_claimed_meet_every_criterion",),
    ),
    Mutant(
        "the timed gradient goes back through the whole sequence",
        "experiments/truncation/costs.py",
        "jax.lax.stop_gradient(network.cell), xs[:-window]",
        "network.cell, xs[:-window]",
        (f"{_TESTS}test_the_timed_gradient_is_the_truncated_one",),
    ),
)
