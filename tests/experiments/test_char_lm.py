"""The character language model: its n-gram baseline by hand, its data, and a smoke run."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import char_lm
from experiments.char_lm.jeep import jeep_rows
from experiments.char_lm.ngram import ngram_losses
from experiments.common.command import main

pytestmark = [pytest.mark.xdist_group("char_lm"), pytest.mark.usefixtures("users_numerics")]


def witten_bell(train, context, symbol, num_symbols):
    """The recursion as published, on dictionaries."""
    if context is None:
        return 1 / num_symbols
    shorter = context[1:] if context else None
    lower = witten_bell(train, shorter, symbol, num_symbols)
    following = collections.Counter(
        train[i + len(context)] for i in range(len(train) - len(context)) if train[i : i + len(context)] == context
    )
    total, different = sum(following.values()), len(following)
    return (following[symbol] + different * lower) / (total + different) if total else lower


def test_ngrams_equal_the_published_recursion():
    rng = np.random.default_rng(0)
    text = "".join(rng.choice(list("abcd"), 120, p=[0.5, 0.3, 0.15, 0.05]))
    codes, split = np.array([ord(c) - ord("a") for c in text]), 100
    losses = ngram_losses(codes, split, 5, 4)
    for order in range(1, 5):
        for i, position in enumerate(range(split, 120)):
            context = text[position - order + 1 : position]
            expected = -np.log(witten_bell(text[:split], context, text[position], 5))
            np.testing.assert_allclose(losses[order, i], expected, rtol=1e-9)
    np.testing.assert_allclose(losses[0], np.log(5))


def test_ngram_probabilities_sum_to_one():
    codes = np.random.default_rng(1).integers(0, 4, 200)
    for order in (1, 3):
        tails = [np.concatenate([codes, [symbol]]) for symbol in range(6)]
        total = sum(np.exp(-ngram_losses(tail, 200, 6, order)[order, -1]) for tail in tails)
        np.testing.assert_allclose(total, 1, rtol=1e-9)


def test_distances_of_brackets_and_quotes():
    text = "f(a[1], 'x)')\n\"open\nb)"
    found = char_lm.distances(text)
    closed = {(text[i], int(d)) for i, d in enumerate(found) if d}
    # the bracket inside the quotes closes f(, as the text is not parsed; a quote left open ends with its line
    assert closed == {("]", 2), (")", 9), ("'", 3)}


def test_an_apostrophe_within_a_word_is_no_quote():
    assert not char_lm.distances("I don't think it's 5'6").any()
    assert char_lm.distances("'a'").tolist() == [0, 0, 2]


def test_the_wrong_character_is_always_another_one(text_file):
    config = char_lm.Config(text=text_file, hidden_size=4, embed_size=2, batch_size=2, window=5)
    corpus = char_lm.load_corpus(config)
    fed = []

    def outputs(params, state, tokens):
        fed.append(np.asarray(tokens[:1]) if not isinstance(tokens, jax.core.Tracer) else None)
        return state, jnp.zeros((*tokens.shape, len(corpus.alphabet)))

    model = char_lm.Model(None, outputs, lambda params, rows: (), None)
    spread = char_lm.spread_of_an_error(corpus, model, None, config.seed)
    right, wrong = [first for first in fed if first is not None][-2:]
    assert right.shape == (1, 64)
    assert (right != wrong).all()
    assert (wrong > 0).all()
    np.testing.assert_array_equal(spread["forced"], 0)


def test_jeep_is_spelled():
    rows = jeep_rows()
    assert "".join(row["input"] for row in rows) == "jee"
    assert "".join(row["choice"] for row in rows) == "eep"
    assert rows[1]["state"] != rows[2]["state"]
    for row in rows:
        np.testing.assert_allclose(sum(row[f"p({letter})"] for letter in "jep"), 1, rtol=1e-5)


@pytest.fixture(scope="module")
def text_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("text") / "text.txt"
    file.write_text("def f(a, b):\n    return [a, 'b', (b)]\n" * 200 + "\u2603 unseen (snow) " * 20, encoding="utf-8")
    return file


TINY = ["--hidden-size", "8", "--embed-size", "4", "--batch-size", "4", "--window", "10", "--updates", "6", "--max-order", "3"]


def test_characters_never_seen_in_training_share_a_symbol(text_file):
    corpus = char_lm.load_corpus(char_lm.Config(text=text_file, batch_size=2, window=5))
    assert "\u2603" not in corpus.alphabet
    assert (corpus.codes[corpus.split :] == 0).any()
    assert not (corpus.codes[: corpus.split] == 0).any()


def test_a_run_is_reproducible_and_leaves_its_files(text_file, tmp_path, capsys):
    for name in ("a", "b"):
        main(char_lm.EXPERIMENT, [*TINY, "--tensorboard", "--text", str(text_file), "--output", str(tmp_path / name)])
    folders = [next((tmp_path / name / "char_lm").iterdir()) for name in ("a", "b")]
    assert {"figure.png", "training.csv", "checkpoints", "metrics.csv", "tensorboard"} <= {
        path.name for path in folders[0].iterdir()
    }
    assert (folders[0] / "metrics.csv").read_text() == (folders[1] / "metrics.csv").read_text()
    assert "sample at temperature" in capsys.readouterr().out


@pytest.mark.parametrize("options", [["--text", "missing.txt"], ["--dropout", "1.0"], ["--updates", "0"], ["--seed", "-1"]])
def test_bad_options_stop_before_anything_is_written(options, tmp_path):
    with pytest.raises(SystemExit):
        main(char_lm.EXPERIMENT, [*options, "--output", str(tmp_path / "results")])
    assert not (tmp_path / "results").exists()


def test_a_short_text_is_refused(tmp_path):
    file = tmp_path / "short.txt"
    for text, message in (("", "longer text"), ("too short" * 111, "longer text"), ("a" * 9000, "one character, 'a'")):
        file.write_text(text)
        with pytest.raises(SystemExit, match=message):
            main(char_lm.EXPERIMENT, [*TINY, "--text", str(file), "--output", str(tmp_path / "results")])
    assert not (tmp_path / "results" / "char_lm").exists()
