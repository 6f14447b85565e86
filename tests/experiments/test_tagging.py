"""The experiment that tags source code: labels against hand-labelled lines, what a run leaves, and what it refuses."""

import csv
import json
import tokenize

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import tagging
from experiments.common.command import main
from experiments.common.parts import Part
from experiments.tagging.data import (
    CLASSES,
    Source,
    cut,
    join,
    label,
    make_alphabet,
    one_hot_contexts,
    split_file,
    split_library,
)
from experiments.tagging.networks import make_layer, matched_layers, parameters_of
from experiments.tagging.scores import accuracy, f1, recall, scores

pytestmark = [pytest.mark.xdist_group("tagging"), pytest.mark.usefixtures("users_numerics")]

TINY = [
    "--hidden-size", "3", "--embed-size", "2", "--batch-size", "2", "--updates", "2", "--seeds", "2", "--window", "12",
    "--baseline-characters", "50", "--baseline-epochs", "1",
]  # fmt: skip
LETTERS = dict(zip(" o1s#kdcaPn", CLASSES, strict=True))
"""One letter per class, for labels by hand; P is an attribute."""
BY_HAND = [
    ("if x == 0x1f:\n", "kk n oo 1111o "),
    ("format = form(forth)\n", "aaaaaa o cccconnnnno "),
    ("def f(self, *, key=None):\n", "kkk donnnno oo aaaokkkkoo "),
    ("class Café(Base): pass  # naïve ünïcode\n", "kkkkk ddddonnnnoo kkkk  ############### "),
    ("self.größe.x = a.b(c.d)\n", "nnnnoPPPPPoa o noconoPo "),
    ("x = rb'a#b' + f\"{y!r:>{w}} {f(z)}\" 'c'\n", "a o sssssss o ssssssssssssssssssss sss "),
    ("if 1:\n\tx = [1.5e3, 2j,\n\t\t3] \\\n\t\t+ y\n\n", "kk 1o  a o o11111o 11o   1o     o n  "),
    ('s = """a\n\tdef é("\n# no"""  # yes\nprint (s)\n', "a o sssssssssssssssssssss  ##### ccccc ono "),
    ("async def run(): await g() or lambda: d['k'](0)\n", "kkkkk kkk dddooo kkkkk coo kk kkkkkko nosssoo1o "),
    ("@wraps(f)\nx: int = y if (z) else not(w)\n", "occcccono no aaa o n kk ono kkkk kkkono "),
    ("日本 = '日本'; q = ñ\x0c\n", "aa o sssso a o n  "),
    ("x = 1", "a o 1"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), BY_HAND)
def test_labels_are_those_found_by_hand(text, expected):
    assert len(text) == len(expected)
    assert [CLASSES[i] for i in label(text)] == [LETTERS[letter] for letter in expected]


def test_labels_do_not_depend_on_what_stands_above():
    text, expected = ("".join(parts) for parts in zip(*BY_HAND, strict=True))
    assert [CLASSES[i] for i in label(text)] == [LETTERS[letter] for letter in expected]


@pytest.mark.parametrize("text", ["x = (1,\n", 's = """a\n', "if x:\n        a\n    b\n", "s = 'abc\n", "price = $3\n"])
def test_a_text_that_does_not_tokenize_is_refused(text):
    with pytest.raises(ValueError, match="does not tokenize"):
        label(text)


def test_windows_lie_within_one_text_and_know_what_is_left_of_a_token():
    first, second = "call(x)\n", "ab = 1\n"
    sources = [Source(text, label(text)) for text in (first, "", "z\n", second)]
    alphabet = make_alphabet(sources[:1])
    corpus = join(sources, alphabet, window=6)
    windows = cut(corpus.codes, corpus.starts, 6).T
    assert ["".join(alphabet[code] for code in window) for window in windows] == [
        "call(x", "all(x)", "ll(x)\n", "a\ufffd\ufffd\ufffd\ufffd\ufffd", "\ufffd\ufffd\ufffd\ufffd\ufffd\n"
    ]  # fmt: skip
    np.testing.assert_array_equal(corpus.to_end[:8], [4, 3, 2, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(join(sources, alphabet, window=3, stride=3).starts, [0, 3, 10, 13])


def test_no_file_of_the_library_is_in_training_and_test():
    training, test = split_library(60_000, 20_000)
    assert sum(len(s.text) for s in training) >= 60_000 > sum(len(s.text) for s in training[:-1])
    assert sum(len(s.text) for s in test) >= 20_000
    assert not {s.text for s in training} & {s.text for s in test}
    assert [s.text for s in split_library(10_000, 20_000)[1]] == [s.text for s in test]


def test_a_file_is_cut_at_a_line_and_labelled_as_a_whole(source_file):
    (training,), (test,) = split_file(source_file)
    whole = source_file.read_text(encoding="utf-8")
    assert training.text + test.text == whole
    assert training.text.endswith("\n")
    assert 0.7 < len(training.text) / len(whole) <= 0.8
    np.testing.assert_array_equal(np.concatenate([training.labels, test.labels]), label(whole))


def test_contexts_hold_the_characters_around_and_none_beyond_the_window():
    codes = np.array([[0, 2], [1, 1], [2, 0]])  # [T, N]
    found = one_hot_contexts(codes, 1, 1, symbols=3).toarray().reshape(3, 2, 3, 4)
    assert found.sum() == 3 * 2 * 3
    around = found.argmax(axis=-1)
    np.testing.assert_array_equal(around[:, 0], [[3, 0, 1], [0, 1, 2], [1, 2, 3]])
    np.testing.assert_array_equal(around[:, 1], [[3, 2, 1], [2, 1, 0], [1, 0, 3]])


def test_scores_agree_with_scikit_learn():
    from sklearn.metrics import accuracy_score, f1_score, recall_score

    rng = np.random.default_rng(0)
    labels, to_end = rng.integers(0, len(CLASSES) - 1, (7, 9)).astype(np.int8), rng.integers(1, 4, (7, 9))
    predicted = np.where(rng.random((2, 7, 9)) < 0.5, labels, rng.integers(0, len(CLASSES) - 1, (2, 7, 9))).astype(np.int8)
    found = scores(labels, to_end, predicted)
    called = labels == CLASSES.index("called")
    for seed in range(2):
        pair, options = (labels.ravel(), predicted[seed].ravel()), {"average": None, "labels": range(len(CLASSES))}
        assert accuracy(found["confusion"])[seed] == pytest.approx(accuracy_score(*pair))
        np.testing.assert_allclose(f1(found["confusion"])[seed], f1_score(*pair, zero_division=0, **options))
        np.testing.assert_allclose(recall(found["confusion"])[seed], recall_score(*pair, zero_division=0, **options))
        np.testing.assert_allclose(found["place"][seed], (predicted[seed] == labels).mean(axis=1))
        assert found["called"][seed, 1] == pytest.approx((predicted[seed] == labels)[called & (to_end == 2)].mean())
    assert np.isnan(found["called"][:, 3:]).all()


@pytest.mark.slow
def test_networks_have_about_as_many_parameters_and_see_what_they_should():
    layers = matched_layers(100, tagging.Config().embed_size, tagging.Config().hidden_size)
    target = 100 * 16 + 4 * 96 * (96 + 16 + 1) + (96 + 1) * len(CLASSES)
    assert layers["left to right"][1] == 96
    assert parameters_of(layers["left to right"][0]) == target
    for kind, (layer, size) in layers.items():
        assert 0.94 * target < parameters_of(layer) <= target
        assert parameters_of(make_layer(kind, 100, 16, size + 1)) > target or kind == "left to right"
        small = make_layer(kind, 5, 3, 4)
        params, apply = jax.jit(small.init)(jax.random.key(0)), jax.jit(small.apply)
        codes = jnp.array([[0], [1], [2], [3]])
        changed = np.any(apply(params, codes) != apply(params, codes.at[2].set(4)), axis=(1, 2))
        np.testing.assert_array_equal(changed, [kind != "left to right"] * 2 + [True, True])


@pytest.fixture(scope="module")
def source_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("text") / "source.py"
    line = "def f(a, b):  # sum\n    return g(a, key='é') + [b, 1][0].real\n\n\n"
    file.write_text(line * 40, encoding="utf-8")
    return file


@pytest.mark.slow
def test_a_run_is_finished_and_an_interrupted_one_continues(source_file, tmp_path, monkeypatch):
    options = [*TINY, "--text", str(source_file), "--output", str(tmp_path)]
    main(tagging.EXPERIMENT, options)
    folder = next((tmp_path / "tagging").iterdir())
    assert (folder / "figure.png").stat().st_size > 5000
    summary, metrics = json.loads((folder / "summary.json").read_text()), (folder / "metrics.csv").read_text()
    rows = {row["F1 by class"]: row for row in csv.DictReader(metrics.splitlines())}
    assert list(rows) == ["most frequent class", *tagging.BASELINES, *tagging.NETWORKS, "gain in F1", "gain in recall"]
    assert summary["text"] == "source.py"
    assert summary["most frequent class"] == "space"
    assert 0.2 < float(rows["most frequent class"]["accuracy"]) < 0.5
    assert len(list((folder / "parts").iterdir())) == 2 + 5 * 2
    (folder / "parts" / "alternating-1.npz").unlink()
    trained, train = [], tagging.train
    monkeypatch.setattr(tagging, "train", lambda *args: trained.append(args[-1]) or train(*args))
    options = {"hidden_size": 3, "embed_size": 2, "batch_size": 2, "updates": 2, "seeds": 2, "window": 12}
    config = tagging.Config(text=source_file, baseline_characters=50, baseline_epochs=1, **options)
    again = tagging.run(config, Part(folder))
    assert trained == ["alternating, seed 1"]
    assert [row["accuracy"] for row in again.rows[:-2]] == [float(row["accuracy"]) for row in list(rows.values())[:-2]]


def stopped_with(options, output, capsys):
    """What an experiment says before it stops, without frames and line breaks."""
    with pytest.raises(SystemExit) as stopped:
        main(tagging.EXPERIMENT, [*options, "--output", str(output)])
    assert stopped.value.code
    return " ".join(f"{stopped.value.code} {capsys.readouterr().err}".replace("│", " ").split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--updates", "0"], "updates must be at least 1; got 0"),
        (["--reach", "0"], "reach must be at least 1; got 0"),
        (["--test-characters", "-5"], "test_characters must be at least 1; got -5"),
        (["--learning-rate", "inf"], "learning_rate must be positive"),
        (["--seed", "-1"], "seed must be at least 0"),
        (["--text", "missing.py"], "No such file"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in stopped_with(options, tmp_path / "results", capsys)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x = (1,\n" * 50, "does not tokenize"),
        ("x = 'é'\n".encode("latin-1") * 50, "encoding"),
        (b"x = 1\n" * 5000 + "x = 'é'\n".encode("latin-1"), "codec can't decode"),
        (b"x = 1\n" * 30, "windows of 80 characters do not fit: the longest text has 36"),
        (b"", "windows of 80 characters do not fit: the longest text has 0"),
    ],
)
def test_a_bad_text_stops_before_anything_is_written(content, message, tmp_path, capsys):
    file = tmp_path / "bad.py"
    file.write_bytes(content)
    assert message in stopped_with(["--text", str(file)], tmp_path / "results", capsys)
    assert not (tmp_path / "results").exists()


def test_windows_longer_than_every_file_leave_no_run_behind(tmp_path, capsys):
    options = ["--window", "5000000", "--training-characters", "1", "--test-characters", "1"]
    assert stopped_with(options, tmp_path / "results", capsys).startswith("error: windows of 5000000 characters do not fit")
    assert not list(tmp_path.rglob("*.json"))


def test_a_file_is_read_in_the_encoding_it_declares(tmp_path):
    file = tmp_path / "latin.py"
    file.write_bytes("# coding: latin-1\nx = 'é'\n".encode("latin-1") * 3)
    assert "é" in split_file(file)[0][0].text
    with tokenize.open(file) as opened:
        assert opened.encoding == "iso-8859-1"
