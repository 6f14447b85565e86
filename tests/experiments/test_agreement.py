"""Smoke run of `agreement`, and what its sentences and its baseline are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import SMALL, finished, refused

from experiments import agreement
from experiments.agreement.ngram import Ngram
from experiments.agreement.sentences import PRONOUNS, REFLEXIVES, VOCABULARY, random_sentences, sentences, spelled

pytestmark = [
    pytest.mark.xdist_group("digits_agreement"),
    pytest.mark.usefixtures("users_numerics"),
]  # compiled networks are shared


def test_agreement_runs(tmp_path):
    options = ["--longest", "6", "--test-longest", "8", "--test-sentences", "4", "--seeds", "2"]
    _, rows, summary = finished(agreement.EXPERIMENT, [*SMALL, *options], tmp_path)
    assert len(rows) == 4 + 1
    assert 0 <= summary["accuracy at 6, LSTM, worst seed"] <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--test-longest", "10"], "test_longest must be at least longest = 40; got 10"),
        (["--test-sentences", "3"], "must be even"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(agreement.EXPERIMENT, options, tmp_path / "results", capsys)


def test_a_sentence_has_the_distance_asked_for():
    distances, genders = jnp.array([1, 4, 7]), jnp.array([0, 1, 1])
    codes = np.asarray(sentences(jax.random.key(0), distances, genders, 7))
    assert codes.shape == (8, 3)
    for row, distance, gender in zip(codes.T, distances, genders, strict=True):
        words = spelled(row, int(gender)).split()
        assert len(words) == 1 + distance + 1
        assert (words[0], words[-1]) == (PRONOUNS[gender], REFLEXIVES[gender])
        assert not set(words[1:-1]) & {*PRONOUNS, *REFLEXIVES}
        assert (row[1 + distance :] == -1).all()


def test_training_sentences_cover_distances_and_words_and_are_balanced():
    codes, distances, genders = map(np.asarray, random_sentences(jax.random.key(1), 4000, 10))
    assert set(distances) == set(range(1, 11))
    assert genders.mean() == pytest.approx(0.5, abs=0.04)
    np.testing.assert_array_equal(codes[0], genders)
    assert set(codes[1:].reshape(-1)) == {-1, *range(2, len(VOCABULARY))}


def test_the_test_sentences_are_exactly_balanced():
    config = agreement.Config(longest=3, test_longest=5, test_sentences=6)
    codes, distances, genders = map(np.asarray, agreement.test_set(config))
    assert codes.shape == (6, 30)
    for distance in range(1, 6):
        assert genders[distances == distance].sum() == 3


def test_the_ngram_knows_what_it_sees_and_guesses_otherwise():
    training = [np.asarray(a) for a in random_sentences(jax.random.key(2), 3000, 6)]
    model = Ngram(3).fit(*training)
    for distance, expected in ((1, 1.0), (5, 0.5)):
        genders = jnp.arange(400) % 2
        codes = np.asarray(sentences(jax.random.key(3), jnp.full(400, distance), genders, 6))
        right = (model.predict(codes, np.full(400, distance)) == np.asarray(genders)).mean()
        assert right == pytest.approx(expected, abs=0.1)
