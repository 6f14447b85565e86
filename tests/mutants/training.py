"""Clipping, the train step, the loop around it, checkpoints, and batches."""

from tests.mutants.mutant import Mutant

_CLIPPING = ("test_clip_statistics.py",)
_BATCHES = ("test_padding.py::test_padding_and_truncation_at_either_end",)
_POSITIONS = ("test_batch_positions.py",)

MUTANTS = (
    Mutant(
        "short gradients are stretched",
        "train/_clipping.py",
        "return jnp.where(norm > max_norm, (m.astype(wide)",
        "return jnp.where(norm > 0, (m.astype(wide)",
        _CLIPPING,
    ),
    Mutant(
        "a gradient that is skipped counts as clipped",
        "train/_clipping.py",
        "(norm > max_norm) & finite",
        "norm > max_norm",
        _CLIPPING,
    ),
    Mutant(
        "clipping by tensor spoils a leaf that is not finite",
        "train/_clipping.py",
        "jnp.where(jnp.all(jnp.isfinite(g)), _clip(g, max_norm)[0], g)",
        "_clip(g, max_norm)[0]",
        _CLIPPING,
    ),
    Mutant(
        "a skipped gradient moves the optimiser",
        "train/_optimizer.py",
        "pytrees.where(finite, after, before)",
        "after",
        ("test_training.py::TestOptimizer::test_skipped_gradient_leaves_parameters_and_moments_alone",),
    ),
    Mutant(
        "every step has the same key",
        "train/_step.py",
        "key, k_loss = jax.random.split(key)",
        "_, k_loss = jax.random.split(key)",
        ("test_training.py::TestTrainStep::test_one_step_by_hand",),
    ),
    Mutant(
        "batches are averaged without their weights",
        "train/_evaluate.py",
        "weights=weights[weights > 0]",
        "weights=None",
        ("test_training.py::TestEvaluate::test_weighted_mean",),
    ),
    Mutant(
        "an equal loss counts as an improvement",
        "train/_evaluate.py",
        "if float(loss) < self.best",
        "if float(loss) <= self.best",
        ("test_training.py::test_early_stopping_counts_from_the_best",),
    ),
    Mutant(
        "a resumed run stops by a fresh count",
        "train/_fit.py",
        "    if stopping and saved:\n",
        "    if False:\n",
        ("test_training.py::TestFit::test_early_stopping_survives_a_restart",),
    ),
    Mutant(
        "the row of the restored step is dropped",
        "train/_fit.py",
        "int(row[0]) <= step]",
        "int(row[0]) < step]",
        ("test_training.py::TestFit::test_rows_after_the_restored_step_are_dropped",),
    ),
    Mutant(
        "every stretch between evaluations sees the first batches",
        "train/_fit.py",
        "train_step(train_state, batches_at(position + i))",
        "train_step(train_state, batches_at(i))",
        _POSITIONS,
    ),
    Mutant(
        "the best checkpoint is thrown away",
        "train/_checkpoints.py",
        "set(steps[:-keep]) - {_best({other: _intact_notes(folder, other) for other in steps})}",
        "set(steps[:-keep])",
        ("test_training.py::TestCheckpoints::test_last_ones_and_the_best_are_kept",),
    ),
    Mutant(
        "a checkpoint of another configuration is taken",
        "train/_checkpoints.py",
        '    _check_config(folder, saved["config"], checkpoints.config)\n',
        "",
        ("test_training.py::TestCheckpoints::test_another_configuration_is_refused_by_name",),
    ),
    Mutant(
        "padding in front leaves the sequence behind",
        "data/_padding.py",
        "slice(num_steps - len(kept), num_steps)",
        "slice(0, len(kept))",
        _BATCHES,
    ),
    Mutant(
        "truncation keeps the front always",
        "data/_padding.py",
        'return sequence[:num_steps] if keep == "front" else sequence[len(sequence) - num_steps :]',
        "return sequence[:num_steps]",
        _BATCHES,
    ),
    Mutant(
        "buckets ignore how many sequences they hold",
        "data/_buckets.py",
        "below = np.concatenate([[0], np.cumsum(counts)])",
        "below = np.arange(len(counts) + 1)",
        ("test_batches.py::TestBuckets::test_boundaries_waste_least",),
    ),
    Mutant(
        "the targets of windows are their inputs",
        "data/_windows.py",
        "cut(stream[1 : used + 1])",
        "cut(stream[:used])",
        ("test_batches.py::TestWindows::test_rows_are_contiguous_and_targets_one_step_later",),
    ),
    Mutant(
        "every epoch has the same order",
        "data/_windows.py",
        "np.random.default_rng([seed, epoch])",
        "np.random.default_rng([seed])",
        ("test_batches.py::TestEpochOrder::test_is_a_permutation_that_depends_on_seed_and_epoch_alone",),
    ),
)
