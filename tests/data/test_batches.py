"""Buckets by length, windows of streams, and the order of an epoch."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurrent.data import bucket, epoch_order, pad, pad_bucket, windows

LENGTHS = st.lists(st.integers(0, 12), min_size=1, max_size=12)


class TestBuckets:
    @given(lengths=LENGTHS, num_buckets=st.integers(1, 4), batch_size=st.integers(1, 5), seed=st.integers(0, 9))
    def test_every_sequence_once_in_a_bucket_that_fits(self, lengths, num_buckets, batch_size, seed):
        found = bucket(lengths, num_buckets, batch_size, order=epoch_order(len(lengths), 0, seed))
        assert sorted(i for batch in found.batches for i in batch.indices) == list(range(len(lengths)))
        assert len(found.boundaries) <= num_buckets
        for num_steps, indices, size in ((b.num_steps, b.indices, b.batch_size) for b in found.batches):
            assert 1 <= len(indices) <= size == batch_size
            shorter = max((b for b in found.boundaries if b < num_steps), default=-1)
            assert all(shorter < lengths[i] <= num_steps for i in indices)
        padded = sum(b.num_steps * batch_size for b in found.batches) - sum(lengths)
        whole = -(-len(lengths) // batch_size) * batch_size * max(1, *lengths, 1) - sum(lengths)
        assert found.padding_saved == pytest.approx(1 - padded / whole if whole else 0.0)

    @given(lengths=LENGTHS, num_buckets=st.integers(1, 3))
    def test_boundaries_waste_least(self, lengths, num_buckets):
        def steps(boundaries):
            return sum(min(b for b in boundaries if b >= length) for length in lengths)

        top = max(1, *lengths, 1)
        choices = ((*rest, top) for k in range(num_buckets) for rest in itertools.combinations(range(1, top), k))
        assert steps(bucket(lengths, num_buckets, 1).boundaries) == min(map(steps, choices))

    def test_given_boundaries(self):
        found = bucket([3, 9, 0, 5, 4, 10], [4, 10], 2)
        assert found.boundaries == (4, 10)
        assert [(b.indices.tolist(), b.num_steps) for b in found.batches] == [([0, 2], 4), ([1, 3], 10), ([4], 4), ([5], 10)]
        assert found.padding_saved == pytest.approx(1 - (8 + 20 + 8 + 20 - 31) / (60 - 31))

    def test_long_tail_saves_most_of_the_padding(self):
        lengths = np.random.default_rng(0).geometric(0.05, size=1000)
        assert bucket(lengths, 5, 32).padding_saved > 0.7
        assert bucket(np.full(64, 7), 5, 32).padding_saved == 0

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (([], 2, 2), "lengths must be one integer or more"),
            (([1.5], 2, 2), "lengths must be one integer or more"),
            (([3, -1], 2, 2), "cannot be negative; got a minimum of -1"),
            (([3], 0, 2), "buckets must be an integer of at least 1"),
            (([3], 1, 0), "batch_size must be an integer of at least 1"),
            (([3], [4, 4], 1), "must be positive and increase"),
            (([3], [], 1), "must be positive and increase"),
            (([3, 9], [4, 8], 1), "at least the longest sequence, 9 steps; got 8"),
        ],
    )
    def test_bad_argument_is_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            bucket(*arguments)

    def test_bad_order_is_refused(self):
        with pytest.raises(ValueError, match="permutation of the 3 sequences"):
            bucket([1, 2, 3], 1, 1, order=[0, 1, 1])

    def test_padding_fills_missing_rows(self):
        sequences = [np.arange(n, dtype=np.float32)[:, None] + 1 for n in (2, 0, 5)]
        for batch in bucket([2, 0, 5], [3, 6], 4).batches:
            xs, mask = pad_bucket(sequences, batch, value=-1)
            assert xs.shape == (batch.num_steps, 4, 1)
            assert mask.sum(axis=0).tolist() == [len(sequences[i]) for i in batch.indices] + [0] * (4 - len(batch.indices))
            assert set(xs[~mask].tolist() if xs.ndim == 2 else xs[~mask][:, 0].tolist()) == {-1}
        with pytest.raises(ValueError, match="a sequence of 5 steps is in a bucket of 3"):
            pad_bucket(sequences[::-1], bucket([2, 0, 5], [3, 6], 4).batches[0])

    def test_only_empty_sequences(self):
        found = bucket([0, 0, 0], 2, 2)
        assert found.boundaries == (1,)
        _, mask = pad_bucket([np.zeros((0, 2))] * 3, found.batches[0])
        assert not mask.any()
        assert pad([np.zeros((0, 2))], 3)[0].shape == (3, 1, 2)


class TestWindows:
    @given(batch_size=st.integers(1, 4), window=st.integers(1, 5), extra=st.integers(0, 40))
    def test_rows_are_contiguous_and_targets_one_step_later(self, batch_size, window, extra):
        num_steps = batch_size * window + 1 + extra
        found = windows(np.arange(num_steps), batch_size, window)
        num_windows = (num_steps - 1) // (batch_size * window)
        assert found.inputs.shape == found.targets.shape == (num_windows, window, batch_size)
        rows = found.inputs.reshape(-1, batch_size)  # [window * steps, batch]
        np.testing.assert_array_equal(rows, np.arange(rows.size).reshape(batch_size, -1).T)
        np.testing.assert_array_equal(found.targets, found.inputs + 1)
        assert num_steps - 1 - rows.size < batch_size * window

    def test_features_stay_last(self):
        stream = np.random.default_rng(0).normal(size=(25, 3))
        found = windows(stream, 2, 4)
        assert found.inputs.shape == (3, 4, 2, 3)
        np.testing.assert_array_equal(found.inputs[1, 2, 1], stream[12 + 4 + 2])

    @pytest.mark.parametrize(
        ("stream", "batch_size", "window", "message"),
        [
            (np.arange(12), 3, 4, r"shape \(12,\) is shorter than one window: .*= 13 steps"),
            (np.arange(0), 1, 1, "= 2 steps are needed"),
            (np.array(3), 1, 1, "shorter than one window"),
            (np.arange(9), 0, 4, "batch_size must be an integer of at least 1; got 0"),
            (np.arange(9), 1, 0, "window must be an integer of at least 1; got 0"),
        ],
    )
    def test_bad_argument_is_refused(self, stream, batch_size, window, message):
        with pytest.raises(ValueError, match=message):
            windows(stream, batch_size, window)


class TestEpochOrder:
    def test_is_a_permutation_that_depends_on_seed_and_epoch_alone(self):
        orders = {(seed, epoch): epoch_order(50, epoch, seed) for seed in range(3) for epoch in range(3)}
        assert len({tuple(order) for order in orders.values()}) == 9
        for (seed, epoch), order in orders.items():
            assert sorted(order) == list(range(50))
            np.testing.assert_array_equal(epoch_order(50, epoch, seed), order)
        assert epoch_order(0, 0, 0).size == 0

    @pytest.mark.parametrize("bad", ["num_items", "epoch", "seed"])
    def test_negative_numbers_are_refused(self, bad):
        with pytest.raises(ValueError, match=f"{bad} must be at least 0; got -1"):
            epoch_order(**{"num_items": 3, "epoch": 0, "seed": 0, bad: -1})
