"""Gradient flow: decay, paths, Jacobians, exponents, contributions, and reports."""

from tests.mutants.mutant import Mutant

_DECAY = ("test_decay_curves.py",)
_PATHS = ("test_held_paths.py",)
_BIAS = ("test_truncation_error.py",)
_REGULARIZER = ("test_regularizer_flags.py",)
_NONFINITE = ("test_nonfinite_steps.py",)
_CONTRIBUTIONS = (
    "test_flow.py::test_contributions_by_lag_separate_near_from_far",
    "test_flow_matrix.py::test_contributions_add_up_in_both_directions_under_all_flags",
)

MUTANTS = (
    Mutant(
        "a memory grows with the number of its units",
        "flow/_growth.py",
        " / c.shape[-1] ** 0.5",
        "",
        ("test_growth.py::test_without_a_forget_gate_the_memory_grows_in_proportion_to_time",),
    ),
    Mutant(
        "a unit is saturated where tanh itself is near 1",
        "flow/_growth.py",
        "1 - jnp.tanh(c) ** 2 < slope",
        "1 - jnp.abs(jnp.tanh(c)) < slope",
        ("test_growth.py::test_a_unit_saturates_when_its_sum_has_passed_the_bend_of_tanh",),
    ),
    Mutant(
        "the rate ignores the smallest lag",
        "flow/_decay.py",
        "by_lag[min_lag : max_lag + 1]",
        "by_lag[: max_lag + 1 - min_lag]",
        _DECAY,
    ),
    Mutant(
        "every leaf decays as the whole state",
        "flow/_decay.py",
        "pytrees.log10_norm(next(gradients), lead, swept.exponents)",
        "pytrees.log10_norm(swept.dstates, lead, swept.exponents)",
        _DECAY,
    ),
    Mutant(
        "the vanishing bound takes the Frobenius norm",
        "flow/_decay.py",
        "ord=2,",
        'ord="fro",',
        ("test_flow.py::test_vanishing_bound",),
    ),
    Mutant(
        "the gradient leaves its path at a held step",
        "flow/_paths.py",
        "        if mask is not None:  # at a held step",
        "        if False:  # at a held step",
        _PATHS,
    ),
    Mutant(
        "what came by another way is not carried on",
        "flow/_paths.py",
        "pytrees.add(other, leaving)",
        "leaving",
        _PATHS,
    ),
    Mutant(
        "the regulariser counts masked steps",
        "flow/_regularizer.py",
        "        counts &= sequence.flags.mask\n",
        "        pass\n",
        _REGULARIZER,
    ),
    Mutant(
        "the regulariser counts resets",
        "flow/_regularizer.py",
        "        counts &= ~sequence.flags.resets\n",
        "        pass\n",
        _REGULARIZER,
    ),
    Mutant(
        "the regulariser differentiates through the states",
        "flow/_regularizer.py",
        "    if not exact:\n",
        "    if False:\n",
        ("test_flow.py::test_regularizer_equals_its_definition_and_the_immediate_gradient",),
    ),
    Mutant(
        "the first bad gradient is one step too early",
        "flow/_nonfinite.py",
        "num_steps - jnp.argmax(bad_gradient[::-1], axis=0)",
        "num_steps - 1 - jnp.argmax(bad_gradient[::-1], axis=0)",
        _NONFINITE,
    ),
    Mutant(
        "the first bad step is one too late",
        "flow/_nonfinite.py",
        "return NonFinite(first, last)",
        "return NonFinite(jnp.minimum(first + 1, num_steps), last)",
        _NONFINITE,
    ),
    Mutant(
        "an output that is not finite goes unseen",
        "flow/_nonfinite.py",
        "return jax.tree.map(bad, (emitted, gradients_in_run_order",
        "return jax.tree.map(bad, (emitted[1:], gradients_in_run_order",
        _NONFINITE,
    ),
    Mutant(
        "the horizon is that of the squared radius",
        "flow/_report.py",
        "horizon = 1 / log_radius",
        "horizon = 0.5 / log_radius",
        ("test_reports.py",),
    ),
    Mutant(
        "blocks are cut across their rows",
        "flow/_report.py",
        "jnp.moveaxis(leaf.reshape(size, -1, size), 1, 0)",
        "leaf.reshape(-1, size, size)",
        ("test_reports.py",),
    ),
    Mutant(
        "the bias is relative to the truncated gradient",
        "flow/_truncation.py",
        "difference / size)",
        "difference / cut_size)",
        _BIAS,
    ),
    Mutant(
        "the truncated gradient keeps its own scale",
        "flow/_truncation.py",
        "pytrees.scale_rows(cut, cut_exponent - exponent)",
        "cut",
        _BIAS,
    ),
    Mutant(
        "states that the loss reads do not count",
        "flow/_states.py",
        "return add_scaled(swept.dstates, swept.exponents, read)",
        "return swept.dstates, swept.exponents",
        ("test_flow.py::test_state_gradients_count_a_state_that_the_loss_reads",),
    ),
    Mutant(
        "lags are counted from the end of the run",
        "flow/_contributions.py",
        "source = t - steps  # the step",
        "source = num_steps - 1 - steps  # the step",
        _CONTRIBUTIONS,
    ),
    Mutant(
        "the final state has no lag",
        "flow/_contributions.py",
        "jnp.where(t == num_steps - 1, d, jnp.zeros_like(d))",
        "jnp.zeros_like(d)",
        ("test_flow.py::test_contributions_sum_to_the_gradient",),
    ),
    Mutant(
        "Jacobians are multiplied in the order of time",
        "flow/_jacobians.py",
        "pytrees.normalize_rows(product @ jacobian(inputs_t))",
        "pytrees.normalize_rows(jacobian(inputs_t) @ product)",
        ("test_flow.py::test_transport_equals_the_singular_values_of_the_product",),
    ),
    Mutant(
        "discarded steps still divide the exponents",
        "flow/_lyapunov.py",
        "return sums / (num_steps - discard)",
        "return sums / num_steps",
        ("test_flow.py::test_lyapunov_exponents_of_a_normal_network_are_the_log_moduli",),
    ),
)
