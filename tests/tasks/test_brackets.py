"""Brackets: a text can go on with a symbol if deleting matched pairs leaves opening brackets only, and few of them."""

import functools

import numpy as np
import pytest
from samples import assert_uniform, drawn, words

from recurrent import tasks

MANY = 600
ALPHABETS = {1: "()", 2: "([)]", 3: "([{)]}"}


def reduced(text, kinds):
    """The text without matched pairs."""
    pairs = [ALPHABETS[kinds][k] + ALPHABETS[kinds][kinds + k] for k in range(kinds)]
    while any(pair in text for pair in pairs):
        for pair in pairs:
            text = text.replace(pair, "")
    return text


@functools.cache
def may_go_on(text, kinds, depth):
    """Which symbols may follow a text that is right so far."""
    rests = {symbol: reduced(reduced(text, kinds) + symbol, kinds) for symbol in ALPHABETS[kinds]}
    return {s for s, rest in rests.items() if len(rest) <= depth and all(b in ALPHABETS[kinds][:kinds] for b in rest)}


@pytest.mark.parametrize(("kinds", "depth"), [(2, 3), (3, 1), (1, 4), (3, 2)])
def test_sets_of_the_brackets_that_may_follow(kinds, depth):
    batch = drawn(tasks.brackets(kinds, depth), MANY, 9)
    alphabet = np.array(list(ALPHABETS[kinds]))
    opened, choices, deepest = [], [], 0
    for row, text in enumerate(words(batch, ALPHABETS[kinds])):
        for t, symbol in enumerate(text):
            possible = may_go_on(text[:t], kinds, depth)
            assert symbol in possible
            assert set(alphabet[batch.targets[t, row]]) == may_go_on(text[: t + 1], kinds, depth)
            opens = symbol in ALPHABETS[kinds][:kinds]
            opened += [symbol] if opens else []
            choices += [opens] if len({s in ALPHABETS[kinds][:kinds] for s in possible}) == 2 else []
            deepest = max(deepest, len(reduced(text[: t + 1], kinds)))
    assert batch.mask.all()
    assert deepest == depth
    assert_uniform(opened, sorted(ALPHABETS[kinds][:kinds]))
    if depth > 1:
        assert_uniform(choices, [False, True])
    else:
        assert not choices
