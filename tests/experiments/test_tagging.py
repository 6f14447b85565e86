"""The experiment that tags source code: labels against hand-labelled lines, what a run leaves, and what it refuses."""

import tokenize

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import finished, refused

from experiments import tagging
from experiments.common.command import main
from experiments.common.experiment import Results
from experiments.common.intervals import Interval
from experiments.common.parts import Part
from experiments.tagging.baseline import predict_from_around
from experiments.tagging.data import (
    CLASSES,
    Corpus,
    Source,
    cut,
    join,
    label,
    make_alphabet,
    one_hot_contexts,
    split_file,
    split_library,
)
from experiments.tagging.figure import BASELINE, title
from experiments.tagging.networks import NETWORKS, make_layer, matched_sizes, parameters_of
from experiments.tagging.scores import accuracy, f1, late, late_accuracy, scores
from experiments.tagging.training import compiled, predict, train

pytestmark = [pytest.mark.xdist_group("tagging"), pytest.mark.usefixtures("users_numerics")]

TINY = [
    "--hidden-size", "3", "--embed-size", "2", "--batch-size", "2", "--updates", "2", "--seeds", "2", "--window", "12",
    "--baseline-characters", "50", "--baseline-epochs", "1", "--learning-rates", "0.01", "0.02", "--delays", "1", "5",
    "--reaches", "2",
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


def test_no_file_of_the_library_is_in_two_parts():
    split = split_library(60_000, 10_000, 20_000)
    for sources, wanted in zip(split, (60_000, 10_000, 20_000), strict=True):
        assert sum(len(s.text) for s in sources) >= wanted > sum(len(s.text) for s in sources[:-1])
    training, validation, test = ({s.text for s in sources} for sources in split)
    assert not training & validation
    assert not training & test
    assert not validation & test
    again = split_library(30_000, 10_000, 20_000)
    assert [s.text for s in again.test] == [s.text for s in split.test]


def test_a_file_is_cut_at_lines_and_labelled_as_a_whole(source_file):
    parts = [source for (source,) in split_file(source_file)]
    whole = source_file.read_text(encoding="utf-8")
    assert "".join(part.text for part in parts) == whole
    assert all(part.text.endswith("\n") for part in parts)
    np.testing.assert_allclose([len(part.text) / len(whole) for part in parts], [0.6, 0.2, 0.2], atol=0.05)
    np.testing.assert_array_equal(np.concatenate([part.labels for part in parts]), label(whole))


def test_contexts_hold_the_characters_around_and_none_beyond_the_window():
    codes = np.array([[0, 2], [1, 1], [2, 0]])  # [T, N]
    found = one_hot_contexts(codes, 1, 1, symbols=3).toarray().reshape(3, 2, 3, 4)
    assert found.sum() == 3 * 2 * 3
    around = found.argmax(axis=-1)
    np.testing.assert_array_equal(around[:, 0], [[3, 0, 1], [0, 1, 2], [1, 2, 3]])
    np.testing.assert_array_equal(around[:, 1], [[3, 2, 1], [2, 1, 0], [1, 0, 3]])


def test_scores_agree_with_scikit_learn_in_the_second_half():
    from sklearn.metrics import accuracy_score, f1_score

    rng = np.random.default_rng(0)
    labels, to_end = rng.integers(0, len(CLASSES) - 1, (7, 9)).astype(np.int8), rng.integers(1, 4, (7, 9))
    predicted = np.where(rng.random((2, 7, 9)) < 0.5, labels, rng.integers(0, len(CLASSES) - 1, (2, 7, 9))).astype(np.int8)
    found = scores(labels, to_end, predicted)
    np.testing.assert_array_equal(late(labels), labels[3:])
    called = labels[3:] == CLASSES.index("called")
    for seed in range(2):
        pair, options = (labels[3:].ravel(), predicted[seed, 3:].ravel()), {"average": None, "labels": range(len(CLASSES))}
        assert accuracy(found["confusion"])[seed] == pytest.approx(accuracy_score(*pair))
        assert late_accuracy(labels, predicted)[seed] == pytest.approx(accuracy_score(*pair))
        np.testing.assert_allclose(f1(found["confusion"])[seed], f1_score(*pair, zero_division=0, **options))
        np.testing.assert_allclose(found["place"][seed], (predicted[seed] == labels).mean(axis=1))
        right = predicted[seed, 3:] == labels[3:]
        assert found["called"][seed, 1] == pytest.approx(right[called & (to_end[3:] == 2)].mean())
    assert np.isnan(found["called"][:, 3:]).all()


@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_have_about_as_many_parameters(kind):
    units = matched_sizes(30, 8, 24)[kind]
    target = 30 * 8 + 4 * 24 * (24 + 8 + 1) + (24 + 1) * len(CLASSES)
    assert parameters_of(make_layer(kind, 30, 8, units)) <= target
    assert kind in ("left to right", "delayed") or parameters_of(make_layer(kind, 30, 8, units + 1)) > target
    assert units == 24 or kind not in ("left to right", "delayed")


@pytest.mark.parametrize(
    ("kind", "delay", "reached"),
    [("left to right", 0, "0011"), ("delayed", 1, "0111"), ("delayed", 2, "1111"), ("bidirectional", 0, "1111")],
)
def test_networks_see_what_they_should(kind, delay, reached):
    layer = make_layer(kind, 5, 3, 4, delay)
    params = jax.jit(layer.init)(jax.random.key(0))
    apply = jax.jit(lambda codes: layer.apply(params, codes)[1])
    codes = jnp.array([[0], [1], [2], [3]])
    assert apply(codes).shape == (4, 1, len(CLASSES))
    changed = np.any(np.asarray(apply(codes) != apply(codes.at[2].set(4))), axis=(1, 2))
    assert "".join("01"[int(one)] for one in changed) == reached


def test_a_delayed_network_answers_about_the_character_it_has_left_behind():
    layer, plain = make_layer("delayed", 5, 3, 4, 2), make_layer("left to right", 5, 3, 4)
    params, codes = jax.jit(layer.init)(jax.random.key(0)), jnp.array([[1], [2], [3], [4]])
    expected = jax.jit(plain.apply)(params, jnp.concatenate([codes, jnp.zeros((2, 1), codes.dtype)]))[1][2:]
    np.testing.assert_array_equal(jax.jit(layer.apply)(params, codes)[1], expected)


@pytest.fixture(scope="module")
def source_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("text") / "source.py"
    line = "def f(a, b):  # sum\n    return g(a, key='é') + [b, 1][0].real\n\n\n"
    file.write_text(line * 40, encoding="utf-8")
    return file


def rotated(classes, shift):
    """Text of random characters, whose class is its number plus a shift."""
    codes = np.random.default_rng(shift).integers(0, classes, 3000).astype(np.int32)
    labels = ((codes + shift) % classes).astype(np.int8)
    return Corpus(codes, labels, np.ones_like(codes), codes * 0, np.arange(0, 2980, 10))


@pytest.mark.leaks
def test_a_network_that_learns_its_training_files_is_at_chance_where_only_a_leak_would_help():
    config = tagging.Config(window=20, batch_size=8, updates=120, hidden_size=8, embed_size=8)
    held = [tagging.hold(rotated(4, shift), 20) for shift in (0, 1)]
    data = tagging.Data(rotated(4, 0), *held, symbols=4)
    functions, choice = compiled(make_layer("bidirectional", 4, 8, 8), config.updates), tagging.Choice("bidirectional", 0.05)
    tested = tagging.final(config, functions, data, choice, 0)
    assert tested["loss"][-10:].mean() < 0.1
    assert late_accuracy(data.test.labels, tested["said"]) < 0.3
    assert (tested["said"] == data.test.codes).mean() > 0.95  # what it has learnt, of the test windows
    assert tagging.trial(config, functions, data, choice)["accuracy"] > 0.95
    changed = data._replace(test=held[0], validation=held[1])
    assert tagging.trial(config, functions, changed, choice)["accuracy"] < 0.3
    said, test = predict_from_around(
        tagging.Config(window=20, baseline_characters=3000, baseline_epochs=20),
        data.training,
        4,
        1,
        [held[0].codes, held[1].codes],
    )
    assert late_accuracy(held[0].labels, said) > 0.95
    assert late_accuracy(held[1].labels, test) < 0.3


def test_a_trial_takes_another_seed_than_the_networks_that_are_tested(monkeypatch):
    config, seeds = tagging.Config(seeds=3, seed=5), []
    monkeypatch.setattr(tagging, "train", lambda *args: (seeds.append(args[4]), np.zeros(1)))
    monkeypatch.setattr(tagging, "predict", lambda functions, params, codes: codes)
    held = tagging.hold(rotated(4, 0), 20)
    tagging.trial(config, None, tagging.Data(None, held, held, 4), tagging.Choice("merged", 0.1))
    assert seeds == [8]


def test_the_highest_accuracy_is_chosen_and_all_kinds_have_as_many_trials():
    config = tagging.Config(learning_rates=(0.1, 0.2, 0.3), delays=(1, 2, 4))
    kinds = dict.fromkeys(NETWORKS)
    del kinds["delayed"]
    assert tagging.rates_of(config) == [(kind, rate, 0) for kind in kinds for rate in (0.1, 0.2, 0.3)]
    assert tagging.delays_of(config, 0.2) == [("delayed", 0.2, delay) for delay in (1, 2, 4)]
    found = {1: 0.8, 2: 0.9, 4: 0.9}
    trials = {choice: {"accuracy": found[choice.delay]} for choice in tagging.delays_of(config, 0.2)}
    others = {tagging.Choice("merged", rate): {"accuracy": 1 - rate} for rate in (0.2, 0.1, 0.3)}
    assert tagging.choose(trials | others) == {"delayed": ("delayed", 0.2, 2), "merged": ("merged", 0.1, 0)}


def test_many_seeds_and_rates_share_one_compiled_training():
    data = rotated(4, 0)
    config = tagging.Config(window=20, batch_size=2, updates=4, hidden_size=3)
    functions = compiled(make_layer("left to right", 4, 3, 3), config.updates)
    one, two = (train(config, functions, data, rate, 0, "test")[1] for rate in (0.01, 0.5))
    assert one[0] == two[0]
    assert one[-1] != two[-1]
    assert functions.advance._cache_size() == 1
    codes = cut(data.codes, data.starts[:7], 20)
    params = jax.jit(make_layer("left to right", 4, 3, 3).init)(jax.random.key(0))
    assert predict(functions, params, codes).shape == (20, 7)


def predictions(rng, labels, seeds, share):
    """Right in a share of places, the same number for every seed up to one."""
    wrong = (labels + 1) % len(CLASSES)
    return np.where(rng.permuted(np.arange(labels.size) < share * labels.size).reshape(labels.shape), labels, wrong)[
        None
    ].repeat(seeds, axis=0)


def test_differences_are_what_the_bidirectional_layer_has_more():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(CLASSES), (2, 5000)).astype(np.int8)
    shares = {"bidirectional": 0.9, "delayed": 0.8, "left to right": 0.7, BASELINE: 0.6, tagging.USUAL: 0.2}
    shares |= dict.fromkeys(("merged", "towers", "alternating"), 0.85)
    predicted = {kind: predictions(rng, labels, 1 if kind in (BASELINE, tagging.USUAL) else 3, s) for kind, s in shares.items()}
    found = tagging.differences(labels, predicted)
    for other, expected in (("delayed", 0.1), ("left to right", 0.2), (BASELINE, 0.3)):
        assert found[f"accuracy, bidirectional minus {other}"].middle == pytest.approx(expected, abs=0.02)
    assert found[tagging.NAMES].middle == pytest.approx(0.2, abs=0.05)
    assert found[tagging.WORST] == pytest.approx(0.5, abs=0.02)


def around(middle, half=0.005):
    return Interval(middle - half, middle, middle + half)


GOOD = {
    "accuracy, bidirectional minus delayed": around(0.02), "accuracy, bidirectional minus left to right": around(0.05),
    f"accuracy, bidirectional minus {BASELINE}": around(0.2), tagging.NAMES: around(0.3), tagging.WORST: 0.4,
}  # fmt: skip


def missed(changes):
    return [check.name for check in tagging.check(tagging.Config(), Results([], {**GOOD, **changes}, {})) if not check.passed]


def test_criteria_can_be_met():
    assert not missed({})
    assert len(tagging.check(tagging.Config(), Results([], GOOD, {}))) == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy, bidirectional minus delayed", around(0.004)),
        ("accuracy, bidirectional minus left to right", around(0.034)),
        (f"accuracy, bidirectional minus {BASELINE}", around(-0.01)),
        (tagging.NAMES, around(0.204)),
        (tagging.WORST, -0.01),
    ],
)
def test_each_criterion_alone_can_be_missed(name, value):
    assert missed({name: value}) == [name]


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (around(0.02), "2.0 points of accuracy better than one that answers late, having read ahead by 4"),
        (around(-0.02), "2.0 points of accuracy worse than one that answers"),
        (around(0.001), "not told apart from one that answers"),
    ],
)
def test_the_title_says_what_was_found(difference, words):
    summary = {**GOOD, "accuracy, bidirectional minus delayed": difference, "text": "a text", "delay": 4}
    assert words in title(Results([], summary, {}))


@pytest.mark.slow
def test_a_run_is_finished_and_an_interrupted_one_continues(source_file, tmp_path, monkeypatch):
    folder, table, summary = finished(tagging.EXPERIMENT, [*TINY, "--text", str(source_file)], tmp_path)
    rows = {row["tagged by"]: row for row in table}
    assert list(rows)[:8] == [tagging.USUAL, BASELINE, *NETWORKS]
    assert list(rows)[8:] == [
        *(f"bidirectional minus {other}" for other in tagging.AGAINST),
        *(f"{kind} minus bidirectional" for kind in tagging.STACKINGS),
    ]
    assert summary["text"] == "source.py"
    assert summary[tagging.USUAL] == "space"
    assert 0.2 < float(rows[tagging.USUAL]["accuracy"]) < 0.5
    assert rows["delayed"]["parameters"] == rows["left to right"]["parameters"]
    assert len(list((folder / "parts").iterdir())) == 1 + 6 * (2 + 2)
    (folder / "parts" / "network_alternating_1.npz").unlink()
    trained, train = [], tagging.train
    monkeypatch.setattr(tagging, "train", lambda *args: trained.append(args[-1]) or train(*args))
    options = {"hidden_size": 3, "embed_size": 2, "batch_size": 2, "updates": 2, "seeds": 2, "window": 12}
    options |= {"learning_rates": (0.01, 0.02), "delays": (1, 5), "reaches": (2,)}
    config = tagging.Config(text=source_file, baseline_characters=50, baseline_epochs=1, **options)
    again = tagging.run(config, Part(folder))
    assert trained == ["alternating, seed 1"]
    assert [row["accuracy"] for row in again.rows] == [float(row["accuracy"]) for row in table]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--updates", "0"], "--updates must be at least 1; got 0"),
        (["--seeds", "1"], "--seeds must be at least 2; got 1"),
        (["--test-characters", "-5"], "--test-characters must be at least 1; got -5"),
        (["--learning-rates", "inf"], "--learning-rates must be different numbers in (0, 1]"),
        (["--delays", "4", "4"], "--delays must be different numbers in (0, 79]"),
        (["--delays", "80"], "--delays must be different numbers in (0, 79]"),
        (["--reaches", "0"], "--reaches must be different numbers in (0, 79]"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--text", "missing.py"], "No such file"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(tagging.EXPERIMENT, options, tmp_path / "results", capsys)


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
    assert message in refused(tagging.EXPERIMENT, ["--text", str(file)], tmp_path / "results", capsys)


def test_windows_longer_than_every_file_leave_no_run_behind(tmp_path, capsys):
    options = ["--window", "5000000"]
    options += ["--training-characters", "1", "--validation-characters", "1", "--test-characters", "1"]
    with pytest.raises(SystemExit):
        main(tagging.EXPERIMENT, [*options, "--output", str(tmp_path / "results")])
    assert "error: windows of 5000000 characters do not fit" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.json"))


def test_a_file_is_read_in_the_encoding_it_declares(tmp_path):
    file = tmp_path / "latin.py"
    file.write_bytes("# coding: latin-1\nx = 'é'\n".encode("latin-1") * 3)
    assert "é" in split_file(file).training[0].text
    with tokenize.open(file) as opened:
        assert opened.encoding == "iso-8859-1"
