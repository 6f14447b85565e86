"""The character language model: its baselines by hand, what chooses them, its data, criteria, and whole runs."""

import collections
import csv
import functools
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import jax
import numpy as np
import pytest
from runs import refused, run_legibly

from experiments import char_lm
from experiments.char_lm import comparison
from experiments.char_lm.baselines import CACHE, choose, ngram_losses, with_cache
from experiments.char_lm.brackets import distances
from experiments.char_lm.cache import cache
from experiments.char_lm.comparison import FIRST, FORCED, FREE
from experiments.char_lm.data import encode
from experiments.char_lm.figure import title
from experiments.char_lm.generation import ERRORS, FOLLOWED, spread_of_an_error
from experiments.char_lm.jeep import jeep_rows
from experiments.char_lm.kneser_ney import FALLBACK, discounts, kneser_ney
from experiments.char_lm.networks import Model
from experiments.char_lm.witten_bell import witten_bell
from experiments.common.command import main
from experiments.common.experiment import Results
from experiments.common.intervals import Interval

pytestmark = [pytest.mark.xdist_group("char_lm"), pytest.mark.usefixtures("users_numerics")]
ROOT = Path(__file__).parents[2]


def followers(train, context):
    """Counts of what follows a context, the text being continued to the left by "^"."""
    padded = "^" * len(context) + train
    places = [i for i in range(len(train)) if padded[i : i + len(context)] == context]
    return collections.Counter(train[i] for i in places)


def published_witten_bell(train, context, symbol, num_symbols):
    """The recursion as published, on dictionaries."""
    if context is None:
        return 1 / num_symbols
    lower = published_witten_bell(train, context[1:] if context else None, symbol, num_symbols)
    following = followers(train, context)
    total, different = sum(following.values()), len(following)
    return (following[symbol] + different * lower) / (total + different) if total else lower


def published_kneser_ney(train, context, symbol, num_symbols, highest=True):
    """The same for modified Kneser-Ney smoothing: counts at the highest order, else different symbols before."""
    if context is None:
        return 1 / num_symbols
    order = len(context) + 1
    padded = "^" * order + train
    counts = collections.Counter(padded[i + 1 : i + 1 + order] for i in range(len(train)))
    if not highest:
        longer = {padded[i : i + 1 + order] for i in range(len(train))}
        counts = collections.Counter(gram[1:] for gram in longer)
    taken = discounts(np.array(list(counts.values())))
    lower = published_kneser_ney(train, context[1:] if context else None, symbol, num_symbols, highest=False)
    following = {gram[-1]: count for gram, count in counts.items() if gram[:-1] == context}
    if not following:
        return lower
    count = following.get(symbol, 0)
    mass = sum(taken[min(other, 3)] for other in following.values())
    return (count - taken[min(count, 3)] + mass * lower) / sum(following.values())


def random_text(letters, length, seed=0):
    rng = np.random.default_rng(seed)
    return "".join(rng.choice(list(letters), length, p=np.arange(len(letters), 0, -1) / sum(range(len(letters) + 1))))


def coded(text):
    return np.array([ord(symbol) - ord("a") for symbol in text])


@pytest.mark.parametrize(("model", "published"), [(witten_bell, published_witten_bell), (kneser_ney, published_kneser_ney)])
@pytest.mark.parametrize(("letters", "split"), [("abcd", 100), ("abcdefghijkl", 150)])
def test_ngrams_equal_the_published_recursion(model, published, letters, split):
    text = random_text(letters, split + 15)
    found = model(coded(text), split, len(letters) + 1, 4)
    for order in range(1, 5):
        for i, position in enumerate(range(split, len(text))):
            expected = published(text[:split], text[position - order + 1 : position], text[position], len(letters) + 1)
            np.testing.assert_allclose(found[order, i], expected, rtol=1e-9)
    np.testing.assert_allclose(found[0], 1 / (len(letters) + 1))


@pytest.mark.parametrize("model", [witten_bell, kneser_ney])
@pytest.mark.parametrize("context", [[0, 1], [5, 5, 5], [1, 5], []])
def test_ngram_probabilities_sum_to_one_for_seen_and_unseen_contexts(model, context):
    codes = np.random.default_rng(1).choice(4, 200, p=[0.5, 0.3, 0.15, 0.05])
    tails = [model(np.concatenate([codes, context, [symbol]]).astype(int), 200, 6, 4)[:, -1] for symbol in range(6)]
    assert np.all(np.array(tails) > 0)
    np.testing.assert_allclose(np.sum(tails, axis=0), 1, rtol=1e-9)


def test_kneser_ney_by_hand():
    # "abac" behind "^": kinds of bigrams ^a, ab, ba, ac, so that before a stand 2 symbols, before b and c one; no counts of
    # counts here give discounts: 0.5, 1 and 1.5 are taken
    a, b = (2 - 1) / 4 + 2 / 4 / 3, (1 - 0.5) / 4 + 2 / 4 / 3
    expected = [0.5 * a, 0.5 / 2 + 0.5 * b, 0.5 / 2 + 0.5 * b]  # after a, which b and c followed once each
    found = [kneser_ney(coded("abaca" + symbol), 4, 3, 2)[2, -1] for symbol in "abc"]
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(sum(found), 1)


def test_discounts_by_hand():
    # n = 8, 2, 1, 1: Y = 8 / 12
    found = discounts(np.array([1] * 8 + [2] * 2 + [3] + [4] + [9] * 5))
    np.testing.assert_allclose(found, [0, 1 - 2 * 2 / 3 * 2 / 8, 2 - 3 * 2 / 3 * 1 / 2, 3 - 4 * 2 / 3 * 1 / 1])
    np.testing.assert_array_equal(discounts(np.array([7, 8])), FALLBACK)
    np.testing.assert_array_equal(discounts(np.array([1] * 9 + [2] + [3] * 9)), FALLBACK)  # D_2 would be negative


def published_cache(text, position, order, window, num_symbols):
    probability, padded = 1 / num_symbols, "^" * 9 + text
    for length in range(order):
        context = padded[position + 9 - length : position + 9]
        recent = [i for i in range(max(0, position - window), position) if padded[i + 9 - length : i + 9] == context]
        probability = (sum(text[i] == text[position] for i in recent) + probability) / (len(recent) + 1)
    return probability


@pytest.mark.parametrize("window", [1, 7, 1000])
def test_a_cache_counts_the_recent_text_and_nothing_that_is_to_come(window):
    text = random_text("abc", 60)
    found = cache(coded(text), 4, 3, window)
    for order in (1, 2, 3):
        expected = [published_cache(text, position, order, window, 4) for position in range(60)]
        np.testing.assert_allclose(found[order - 1], expected)
    changed = cache(coded(text[:40] + "c" * 20), 4, 3, window)
    np.testing.assert_array_equal(changed[:, :40], found[:, :40])
    tails = [cache(coded(text + symbol), 4, 3, window)[:, -1] for symbol in "abcd"]
    np.testing.assert_allclose(np.sum(tails, axis=0), 1)


def test_the_validation_part_chooses_and_never_the_test_part():
    names = [
        "uniform",
        "Witten-Bell, order 1",
        "Witten-Bell, order 2",
        "Kneser-Ney, order 2",
        "Kneser-Ney, order 2, cache of 9",
    ]
    validation = np.array([3.0, 2.5, 2.2, 2.1, 2.0])
    chosen = [("Witten-Bell", False), ("Kneser-Ney", False), ("", True), ("", False), ("", None)]
    assert [choose(names, validation, kind, cached) for kind, cached in chosen] == [2, 3, 4, 3, 4]
    validation[1] = 1.0
    test = np.tile([[1.0], [5.0], [0.5], [0.6], [0.7]], (1, 40))
    ngrams = {"names": np.array(names), "validation": validation, "test": test}
    lstms = {"names": ["lstm 3", "lstm 3, cache of 9"], "validation": [0.9, 0.8], "test": np.tile([[0.8], [0.6]], (1, 40))}
    rows, found = comparison.compare(ngrams, lstms)
    assert found["best n-gram"] == "Witten-Bell, order 1"
    assert found[comparison.CHOSEN].middle == pytest.approx(5.0 - 0.8)
    assert found[comparison.NEAREST].middle == pytest.approx(0.5 - 0.8)
    assert found[comparison.FIXED].middle == pytest.approx(5.0 - 0.8)
    assert found[comparison.CACHED].middle == pytest.approx(0.7 - 0.6)
    assert [row["validation nats"] for row in rows] == [*validation, 0.9, 0.8]
    assert [row["test nats"] for row in rows[-2:]] == pytest.approx([0.8, 0.6])
    assert rows[-1]["minus lstm"] == pytest.approx(0.6 - 0.8)


def shifted_cycles(length=3000):
    """A text whose parts repeat the same letters, each part in another order."""
    tenth = length // 10
    parts = [("abcdefgh", 8 * tenth), ("hcafbdge", tenth), ("gecahfdb", tenth)]
    return "".join((cycle * length)[:size] for cycle, size in parts)


def test_only_the_cache_learns_what_the_test_part_alone_has():
    corpus = encode(shifted_cycles())
    found = ngram_losses(corpus, 3)
    losses = dict(zip(found["names"], found["test"].mean(axis=1), strict=True))
    fixed = {name: loss for name, loss in losses.items() if CACHE not in name and not name.endswith("order 1")}
    assert min(fixed.values()) >= np.log(9) - 1e-6
    (cached,) = set(losses) - set(fixed) - {"Witten-Bell, order 1", "Kneser-Ney, order 1"}
    assert losses[cached] < np.log(9) / 2


def test_order_length_and_weight_of_a_cache_are_the_best_on_the_validation_part(monkeypatch):
    corpus = encode(shifted_cycles())
    monkeypatch.setattr("experiments.char_lm.baselines.WINDOWS", (2, 100))
    monkeypatch.setattr("experiments.char_lm.baselines.WEIGHTS", (0.1, 0.6))
    part = np.full(300, 1 / 9)
    name, validation, test = with_cache(corpus, part, part[:290], 3)
    assert name == "cache of 100 (order 3, weight 0.6)"
    assert (validation.shape, test.shape) == ((300,), (290,))
    expected = 0.4 / 9 + 0.6 * cache(corpus.test, 9, 3, 100)[-1, 1:291]
    np.testing.assert_allclose(test, expected)
    random = np.where(np.arange(3000) < 2700, corpus.codes, np.random.default_rng(0).integers(1, 9, 3000))
    assert with_cache(corpus._replace(codes=random), part, part, 3)[0].startswith("cache of 100 (order 1,")


def test_an_ngram_may_not_read_behind_the_training_part():
    corpus = encode(random_text("abcdef", 2000))
    changed = corpus.codes.copy()
    changed[corpus.end :] = changed[corpus.end :][::-1]
    one, two = (ngram_losses(corpus._replace(codes=codes), 3) for codes in (corpus.codes, changed))
    static = [i for i, name in enumerate(one["names"]) if CACHE not in name]
    np.testing.assert_array_equal(one["test"][static], two["test"][static])


def test_distances_of_brackets_and_quotes():
    text = "f(a[1], 'x)')\n\"open\nb)"
    found = distances(text)
    closed = {(text[i], int(d)) for i, d in enumerate(found) if d}
    # the bracket inside the quotes closes f(, as the text is not parsed; a quote left open ends with its line
    assert closed == {("]", 2), (")", 9), ("'", 3)}


def test_an_apostrophe_within_a_word_is_no_quote():
    assert not distances("I don't think it's 5'6").any()
    assert distances("'a'").tolist() == [0, 0, 2]


def test_the_parts_follow_each_other_and_the_alphabet_is_that_of_the_training_part():
    corpus = encode("ab" * 40 + "c" + "a" * 9 + "b" * 9 + "\ufffd")
    assert (len(corpus.training), len(corpus.test) - 1, len(corpus.validation) - 1) == (80, 10, 10)
    assert corpus.alphabet == ["\ufffd", "a", "b"]
    assert corpus.text(corpus.test) == "b\ufffd" + "a" * 9
    assert corpus.text(corpus.validation) == "a" + "b" * 9 + "\ufffd"


def fed_twice(corpus, forget):
    """The spread of errors in a model that predicts the symbol it reads, and what it was fed; it may forget it at once."""
    fed = []

    def outputs(params, state, tokens):
        fed.append(np.asarray(tokens[:1]) if not isinstance(tokens, jax.core.Tracer) else None)
        return state, jax.nn.one_hot(tokens * (0 if forget else 1), len(corpus.alphabet)) * 50.0

    model = Model(None, outputs, lambda params, rows: (), None)
    return spread_of_an_error(corpus, model, None, 0), [first for first in fed if first is not None][-2:]


def test_the_wrong_character_is_always_another_one_and_shows_in_the_first_prediction_alone(text_file):
    corpus = char_lm.load_corpus(char_lm.Config(text=text_file, hidden_size=4, embed_size=2, batch_size=2, window=5))
    spread, (right, wrong) = fed_twice(corpus, forget=False)
    assert right.shape == (1, ERRORS)
    assert (right != wrong).all()
    assert (wrong > 0).all()
    assert ((corpus.split <= spread["start"]) & (spread["start"] < corpus.end)).all()
    np.testing.assert_allclose(spread["forced"][0], 1, atol=1e-6)
    np.testing.assert_array_equal(spread["forced"][1:], 0)
    assert spread["free"].all()


def test_a_model_that_ignores_its_input_misses_the_first_step(text_file):
    corpus = char_lm.load_corpus(char_lm.Config(text=text_file, batch_size=2, window=5))
    spread, _ = fed_twice(corpus, forget=True)
    found = comparison.measures_of(spread, 50)
    assert found[comparison.FIRST] == found[comparison.FORCED] == (0, 0, 0)


def test_the_end_of_a_spread_is_its_last_ten_steps():
    steps = np.arange(60.0)[:, None] * np.ones(8)
    found = comparison.measures_of({"free": steps, "forced": steps, "start": np.arange(8)}, 1)
    assert [found[name].middle for name in (comparison.FIRST, comparison.FORCED, comparison.FREE)] == [0, 54.5, 54.5]


def around(middle, half=0.01):
    return Interval(middle - half, middle, middle + half)


GOOD = {
    comparison.CHOSEN: around(0.1), comparison.NEAREST: around(0.05), comparison.FIXED: around(0.05),
    comparison.CACHED: around(0.05), comparison.FIRST: around(0.5),
    comparison.FORCED: around(0.02), comparison.FREE: around(0.8), comparison.LSTM: around(1.5),
}  # fmt: skip


def judged(changes, text="shakespeare.txt"):
    config = object.__new__(char_lm.Config)
    object.__setattr__(config, "text", Path(text))
    return char_lm.check(config, Results([], {**GOOD, **changes}, {}))


def test_criteria_can_be_met():
    assert all(check.passed for check in judged({}))
    assert len(judged({})) == 8
    assert len(judged({}, "other.txt")) == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (comparison.CHOSEN, around(0.009)), (comparison.NEAREST, around(-0.01)),
        (comparison.FIXED, around(0.0)), (comparison.CACHED, around(0.0)),
        (comparison.FIRST, around(0.305)),
        (comparison.FORCED, around(0.095)), (comparison.FREE, around(0.505)), (comparison.LSTM, around(1.595)),
    ],
)  # fmt: skip
def test_each_criterion_alone_can_be_missed(name, value):
    failed = [check.name for check in judged({name: value}) if not check.passed]
    assert len(failed) == 1
    assert failed[0].startswith(name)


@pytest.mark.parametrize(
    ("difference", "words"),
    [(around(0.1), "less than"), (around(-0.1), "more than"), (around(0.001), "is not told apart from")],
)
def test_the_title_says_what_was_found(difference, words):
    summary = {**GOOD, comparison.CHOSEN: difference, "text": "a text"}
    assert f"{words} the n-gram that the validation part chooses" in title(Results([], summary, {}))


jeep = functools.cache(jeep_rows)


def test_jeep_is_spelled():
    rows = jeep()
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


def rows_of(file):
    with file.open() as text:
        return list(csv.DictReader(text))


TINY = ["--hidden-size", "8", "--embed-size", "4", "--batch-size", "4", "--window", "10", "--updates", "3", "--max-order", "3"]


def test_characters_never_seen_in_training_share_a_symbol(text_file):
    corpus = char_lm.load_corpus(char_lm.Config(text=text_file, batch_size=2, window=5))
    assert "\u2603" not in corpus.alphabet
    assert (corpus.validation == 0).any()
    assert not (corpus.training == 0).any()


class Events:
    """Stands for tensorboardX, which takes a second to import and has a test of its own in tests/train."""

    def __init__(self, folder, purge_step):
        self.file = Path(folder) / f"from {purge_step}"

    def __enter__(self):
        self.file.parent.mkdir()
        return self

    def __exit__(self, *error):
        pass

    def add_scalar(self, *row):
        with self.file.open("a") as file:
            print(*row, file=file)

    def flush(self):
        pass


@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_leaves_its_files_and_another_one_the_same(times, text_file, tmp_path, capsys, monkeypatch):
    """Two runs are whole; one alone spells "jeep" no second time, and has a made-up spread of errors."""
    if times == 1:
        spread = {"free": np.ones((FOLLOWED, ERRORS)), "forced": np.full((FOLLOWED, ERRORS), 0.25), "start": np.arange(ERRORS)}
        monkeypatch.setattr(char_lm, "jeep_rows", jeep)
        monkeypatch.setattr(char_lm, "spread_of_an_error", lambda *given: spread)
        monkeypatch.setitem(sys.modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=Events))
    outputs = [tmp_path / str(i) for i in range(times)]
    for output in outputs:
        run_legibly(char_lm.EXPERIMENT, [*TINY, "--tensorboard", "--text", str(text_file)], output)
    folders = [next((output / "char_lm").iterdir()) for output in outputs]
    assert {"figure.png", "training.csv", "checkpoints", "metrics.csv", "tensorboard"} <= {
        path.name for path in folders[0].iterdir()
    }
    assert len({(folder / "metrics.csv").read_text() for folder in folders}) == 1
    said = capsys.readouterr()
    assert "sample at temperature" in said.out
    assert "training: compiling" in said.err
    rows = rows_of(folders[0] / "metrics.csv")
    assert len(rows) == 1 + 2 * 3 + 1 + 2
    assert all(float(row["low"]) < float(row["test nats"]) < float(row["high"]) for row in rows[1:])
    assert [row["step"] for row in rows_of(folders[0] / "training.csv")] == list("123")  # each is a checkpoint
    assert any(file.stat().st_size for file in (folders[0] / "tensorboard").iterdir())
    if times == 1:
        found = json.loads((folders[0] / "summary.json").read_text())
        assert [found[name][1] for name in (FIRST, FORCED, FREE)] == [0.25, 0.25, 1.0]


@pytest.mark.leaks
def test_a_network_that_learns_its_training_part_is_at_chance_where_only_a_leak_would_help(tmp_path):
    file = tmp_path / "cycles.txt"
    file.write_text(shifted_cycles())
    options = ["--hidden-size", "16", "--updates", "150", "--learning-rate", "0.02", "--dropout", "0"]
    main(char_lm.EXPERIMENT, [*TINY, *options, "--text", str(file), "--output", str(tmp_path)])
    (folder,) = (tmp_path / "char_lm").iterdir()
    last = rows_of(folder / "training.csv")[-1]
    rows = {row["model"]: row for row in rows_of(folder / "metrics.csv")}
    assert float(last["loss"]) < 0.3
    assert float(last["validation_loss"]) > np.log(8)
    assert float(rows["lstm 16"]["test nats"]) > np.log(8)
    assert float(rows["lstm 16"]["validation nats"]) > np.log(8)


def run_as_a_process(*options, kilobytes=None):
    command = [sys.executable, "-m", "experiments.char_lm", *map(str, options)]
    if kilobytes is not None:  # by a shell: a fork of this process, with its threads, would warn
        command = ["bash", "-c", f'ulimit -f {kilobytes}; exec "$@"', "limited", *command]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)


@pytest.mark.slow
def test_a_disk_that_is_full_at_a_checkpoint_says_how_the_run_goes_on(text_file, tmp_path):
    options = [*TINY, "--hidden-size", "100"]
    stopped = run_as_a_process(*options, "--text", text_file, "--output", tmp_path, kilobytes=60)
    (folder,) = (tmp_path / "char_lm").iterdir()
    assert stopped.returncode == 1
    assert "the checkpoint of step 1 could not be written" in stopped.stderr
    # the threads that write may have the last word
    assert any(line.endswith(f"--resume {folder} goes on from there") for line in stopped.stderr.splitlines())
    resumed = run_as_a_process("--resume", folder)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads((folder / "summary.json").read_text())["resumed"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--text", "missing.txt"], "--text missing.txt: No such file"),
        (["--dropout", "1.0"], "--dropout must lie in [0, 1)"),
        (["--updates", "0"], "--updates must be at least 1"),
        (["--max-order", "1"], "--max-order must be at least 2; got 1"),
        (["--seed", "-1"], "--seed must be at least 0"),
    ],
)
def test_bad_options_stop_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(char_lm.EXPERIMENT, options, tmp_path / "results", capsys)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"too short" * 111, "give a longer text"),
        (b"a" * 9000, "one character, 'a'"),
        (b"some text\n" * 900 + b"\xff\xfe", "is not in UTF-8: invalid start byte at byte 9000"),
        (b"some \x00 text\n" * 900, r"it has the control character '\x00'"),
        (b"\x7fELF\x02\x01" * 1500, "it has the control character"),
    ],
)
def test_what_is_no_text_or_too_short_is_refused(content, message, tmp_path, capsys):
    file = tmp_path / "bad.txt"
    file.write_bytes(content)
    assert message in refused(char_lm.EXPERIMENT, [*TINY, "--text", str(file)], tmp_path / "results", capsys)


def test_a_text_may_have_tabs_form_feeds_and_a_byte_order_mark(tmp_path):
    file = tmp_path / "good.txt"
    file.write_bytes(b"\xef\xbb\xbf" + b"a\tb\r\n\x0c" * 2000)
    corpus = char_lm.load_corpus(char_lm.Config(text=file, batch_size=2, window=5))
    assert corpus.alphabet == ["\ufffd", "\t", "\n", "\x0c", "a", "b"]
