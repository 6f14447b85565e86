"""Smoke runs of `digits`, `agreement` and `truncation`, and what their data and baselines are."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import agreement, digits, truncation
from experiments._agreement_sentences import PRONOUNS, REFLEXIVES, VOCABULARY, Ngram, random_sentences, sentences, spelled
from experiments._classify import mean_loss
from experiments._gradient_networks import draw_all, hidden
from experiments._run import main
from recurrent import lstm, unroll_truncated

pytestmark = [
    pytest.mark.xdist_group("digits_agreement"),
    pytest.mark.usefixtures("users_numerics"),
]  # compiled networks are shared

SMALL = ["--hidden-size", "3", "--batch-size", "4", "--updates", "2"]


def finished(experiment, options, tmp_path):
    """Runs an experiment; returns its summary and the rows of its table."""
    main(experiment, [*options, "--output", str(tmp_path)])
    folder = next((tmp_path / experiment.name).iterdir())
    assert (folder / "figure.png").stat().st_size > 5000
    return json.loads((folder / "summary.json").read_text()), (folder / "metrics.csv").read_text().splitlines()


@pytest.mark.slow
def test_digits_runs(tmp_path, monkeypatch):
    few = tuple(part[:150] for part in digits.split())
    monkeypatch.setattr(digits, "split", lambda: few)
    summary, rows = finished(digits.EXPERIMENT, [*SMALL, "--seeds", "2"], tmp_path)
    assert len(rows) == 1 + 2 * 2 * 5 + 2
    assert 0.6 < summary["logistic regression"] < 1
    assert 0 <= summary["most frequent digit"] < 0.3
    assert len(list((tmp_path / "digits").glob("*/parts/*.npz"))) == 1 + 2 * 2 * 5


def test_agreement_runs(tmp_path):
    options = ["--longest", "6", "--test-longest", "8", "--test-sentences", "4", "--seeds", "2"]
    summary, rows = finished(agreement.EXPERIMENT, [*SMALL, *options], tmp_path)
    assert len(rows) == 1 + 4 + 1
    assert 0 <= summary["accuracy at 6, LSTM, worst seed"] <= 1


def test_truncation_runs(tmp_path):
    options = ["--windows", "1", "16", "64", "--networks", "2", "--batches", "1", "--repeats", "1"]
    _, rows = finished(truncation.EXPERIMENT, [*SMALL, *options], tmp_path)
    table = [dict(zip(rows[0].split(","), row.split(","), strict=False)) for row in rows[1:]]
    assert len(table) == 3
    last = rows[-1].split(",")
    assert last[0] == "64"
    assert float(last[-2]) == pytest.approx(64 * 7 * 3 * 4 * 4 / 1e3)


@pytest.mark.parametrize(
    ("experiment", "options", "message"),
    [
        (digits.EXPERIMENT, ["--updates", "0"], "updates must be at least 1; got 0"),
        (digits.EXPERIMENT, ["--learning-rate", "-1"], "learning_rate must be positive"),
        (agreement.EXPERIMENT, ["--test-longest", "10"], "test_longest must be at least longest = 40; got 10"),
        (agreement.EXPERIMENT, ["--test-sentences", "3"], "must be even"),
        (truncation.EXPERIMENT, ["--windows", "1", "5", "64"], "must increase and divide 64"),
        (truncation.EXPERIMENT, ["--windows", "1", "8"], "end with 64"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(experiment, options, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(experiment, [*options, "--output", str(tmp_path / "results")])
    assert stopped.value.code
    assert message in " ".join(f"{stopped.value.code} {capsys.readouterr().err}".replace("│", " ").split())
    assert not (tmp_path / "results").exists()


def test_the_split_of_the_digits_is_fixed_and_stratified():
    images, labels, test_images, test_labels = digits.split()
    assert len(test_labels) == 540  # 30 %, rounded up
    assert len(labels) + len(test_labels) == 1797
    share = np.bincount(labels) / len(labels)
    np.testing.assert_allclose(share, np.bincount(test_labels) / len(test_labels), atol=0.003)
    np.testing.assert_array_equal(test_images, digits.split()[2])
    pixels, rows = digits.read(images, 64), digits.read(images, 8)
    assert (pixels.shape, rows.shape) == ((64, len(images), 1), (8, len(images), 8))
    np.testing.assert_array_equal(pixels[:, 5, 0], images[5])
    np.testing.assert_array_equal(rows[2, 5], images[5, 16:24])


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


def test_the_timed_gradient_is_the_truncated_one():
    cell = lstm(1, 4)
    network = jax.tree.map(lambda leaf: leaf[0], draw_all(cell, jax.random.split(jax.random.key(0), 1), 10, 4))
    xs, labels = jax.random.normal(jax.random.key(1), (64, 3, 1)), jnp.array([0, 1, 2])

    def truncated(params):
        state, _ = unroll_truncated(cell, params, xs, window=16)
        return mean_loss(network, hidden(state), labels)

    timed = jax.jit(jax.grad(lambda n: truncation.last_window_loss(cell, 16, n, xs, labels)))(network)
    for ours, theirs in zip(timed.cell, jax.jit(jax.grad(truncated))(network.cell), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
