"""Reber's grammar against a regular expression and a list of all its strings."""

import functools
import itertools
import re

import numpy as np
import pytest
from samples import drawn, words

from recurrent import tasks

SYMBOLS = "BTPSXVE"
STRING = re.compile(r"B(TS*X(XT*VP)*(S|XT*VV)|PT*V(PXT*V)*(V|PS))E")
MANY, LENGTH = 4000, 14


def wrapped(inner):
    return [f"B{outer}{string}{outer}E" for outer in "TP" for string in inner]


@functools.cache
def strings(embedded: bool, longest: int) -> list[str]:
    """All strings of at most some length, by counting loops: T S* X, T* V, X T* V P and P X T* V."""
    size = longest - 4 * embedded

    def loops(symbol):
        return [symbol * n for n in range(size)]

    def chains(texts):
        """Any number of texts, one after the other."""
        found, last = [""], [""]
        while last:
            last = [a + b for a in last for b in texts if len(a + b) <= size]
            found += last
        return found

    def products(*parts):
        found = [""]
        for part in parts:
            found = [a + b for a in found for b in part if len(a + b) <= size]
        return found

    through_x = products(["X"], loops("T"), ["VP"])
    by_t = products(["BT"], loops("S"), ["X"], chains(through_x), ["S", *products(["X"], loops("T"), ["VV"])], ["E"])
    by_p = products(["BP"], loops("T"), ["V"], chains(products(["PX"], loops("T"), ["V"])), ["V", "PS"], ["E"])
    return wrapped(by_t + by_p) if embedded else by_t + by_p


@functools.cache
def followers(embedded: bool, longest: int) -> dict[str, set[str]]:
    """What may come after each beginning: any beginning is complete within 4 more symbols, with those outside 6."""
    found = {}
    for string in strings(embedded, longest + 7):
        for n in range(len(string)):
            found.setdefault(string[:n], set()).add(string[n])
    return found


def allowed(batch, row):
    return ["".join(np.array(list(SYMBOLS))[column]) for column in batch.targets[:, row]]


@pytest.mark.parametrize("embedded", [True, False])
def test_single_strings(embedded):
    batch = drawn(tasks.reber(embedded=embedded), MANY, LENGTH)
    known, after = set(strings(embedded, LENGTH)), followers(embedded, LENGTH)
    for row, text in enumerate(words(batch, SYMBOLS)):
        string = text.rstrip()
        assert string in known
        assert np.array_equal(batch.mask[:, row], np.arange(LENGTH) < len(string) - 1)
        expected = [after[string[: n + 1]] for n in range(len(string) - 1)]
        assert list(map(set, allowed(batch, row)))[: len(expected)] == expected


@pytest.mark.parametrize("embedded", [True, False])
def test_strings_are_drawn_as_often_as_their_choices_say(embedded):
    """The product of 1/2 for each choice, relative to all strings that fit."""
    known, after = strings(embedded, LENGTH), followers(embedded, LENGTH)
    weights = np.array([np.prod([1 / len(after[s[:n]]) for n in range(len(s))]) for s in known])
    shares = weights / weights.sum()
    found = words(drawn(tasks.reber(embedded=embedded), MANY, LENGTH), SYMBOLS)
    counts = np.array([sum(text.rstrip() == string for text in found) for string in known])
    assert counts.sum() == MANY
    assert len(known) > 20
    assert abs(weights.sum() - 1) > 0.03, "hardly any string is too long for the length to matter"
    expected = MANY * shares
    assert np.sum((counts - expected) ** 2 / expected) < len(known) + 5 * np.sqrt(2 * len(known))


@pytest.mark.parametrize("embedded", [True, False])
def test_streams_are_strings_in_a_row(embedded):
    length = 25
    batch = drawn(tasks.reber(continual=True, embedded=embedded), 400, length)
    known, after = set(strings(embedded, LENGTH + 7)), followers(embedded, LENGTH)
    complete = 0
    for row, text in enumerate(words(batch, SYMBOLS)):
        begun, sets = "", allowed(batch, row)
        for t, symbol in enumerate(text):
            assert symbol in after[begun]
            begun += symbol
            if begun in known:
                begun, complete = "", complete + 1
            if len(begun) > LENGTH:
                break  # of longer ones the list does not know all ways on
            assert set(sets[t]) == after[begun]
    assert batch.mask.all()
    assert complete > 400


def test_there_are_all_strings_and_no_others():
    """The list against the regular expression, over all texts of few symbols."""
    for size in range(4, 7):
        texts = ("B" + "".join(middle) + "E" for middle in itertools.product(SYMBOLS, repeat=size - 2))
        right = [text for text in texts if STRING.fullmatch(text)]
        assert sorted(right) == sorted(s for s in strings(False, 8) if len(s) == size)
    assert len(set(strings(True, LENGTH))) == len(strings(True, LENGTH))


@pytest.mark.parametrize("continual", [True, False])
def test_the_outer_symbol_is_due_before_the_end(continual):
    length = 30
    batch = drawn(tasks.reber(continual=continual), 300, length)
    due = np.asarray(tasks.outer_steps(batch))
    outputs = np.random.default_rng(0).normal(size=(length, 300, 7))
    right = []
    for row, text in enumerate(words(batch, SYMBOLS)):
        begin, places = 0, []
        for match in re.finditer(r"B([TP])B[TPSXV]+E", text):
            assert match.start() >= begin
            begin = match.end()
            places.append(match.end() - 1)
            t, p = outputs[places[-1], row, [1, 2]]
            right.append(t > p if match[1] == "T" else p > t)
        assert np.nonzero(due[:, row])[0].tolist() == places
    np.testing.assert_allclose(tasks.outer_accuracy(outputs, batch), np.mean(right), rtol=1e-6)
    spoilt = np.where(due[..., None], outputs, np.nan)
    assert tasks.outer_accuracy(spoilt, batch) == tasks.outer_accuracy(outputs, batch)
    assert tasks.outer_accuracy(np.where(batch.targets, 1.0, 0.0), batch) == 1
    assert tasks.outer_accuracy(np.zeros_like(outputs), batch) == 0


def test_no_outer_symbol_is_due_where_none_was_embedded():
    batch = drawn(tasks.reber(embedded=False), MANY, LENGTH)
    assert not np.any(tasks.outer_steps(batch))
