"""The two problems: list operations and syntax trees, with their parts, and what guesses without a network."""

import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.trees import operations, syntax
from experiments.trees.examples import Example, Examples, gathered

LISTS, SYNTAX = PROBLEMS = ("list operations", "syntax")
DEPTH, TOKENS = 3, 24
"""The deepest and longest list operations that are trained on."""
DEEPEST, LONGEST = 6, 48
"""Those that are tested."""
TESTED = "as trained"
DEEPER, LONGER = "deeper", "longer"
OUTERMOST = "majority, given the outermost operation"
PARENT, NEIGHBOURS = "majority, given the parent", "majority, given parent, siblings and children"
SHARES = {"training": 0.7, "validation": 0.1}
"""Of the files of the standard library; the others are for tests."""


class Problem(NamedTuple):
    """Examples to learn from, to choose by and to test on.

    Attributes:
      symbols: how many there are, the closing token included.
      classes: of answers.
      training, validation: examples.
      tests: by name; `TESTED` is like the training examples.
      guesses: answers without a network, by the name of the guess and of the test.
    """

    symbols: int
    classes: int
    training: Examples
    validation: Examples
    tests: dict[str, Examples]
    guesses: dict[str, dict[str, np.ndarray]]


def lists(config: Any) -> Problem:
    """List operations; no example that is trained on is among those that choose or test."""
    rng, seen = random.Random(config.seed), set()

    def drawn(count: int, depths: Iterable[int], shortest: int, longest: int, fresh: bool) -> list[Example]:
        found, depths = [], list(depths)
        while len(found) < count:
            example = operations.draw(rng, depths[len(found) % len(depths)], shortest, longest)
            if not (fresh and _key(example) in seen):
                found.append(example)
        return found

    trained = range(1, DEPTH + 1)
    training = drawn(config.examples, trained, 1, TOKENS, fresh=False)
    seen.update(map(_key, training))
    validation = drawn(config.tested, trained, 1, TOKENS, fresh=True)
    tests = {
        TESTED: drawn(config.tested, trained, 1, TOKENS, fresh=True),
        DEEPER: drawn(config.tested, range(DEPTH + 1, DEEPEST + 1), 1, LONGEST, fresh=True),
        LONGER: drawn(config.tested, [DEPTH], TOKENS + 1, LONGEST, fresh=True),
    }
    guesses = {"majority": [], OUTERMOST: [lambda example: example.symbols[0]]}
    return _problem(operations.CLOSING, operations.DIGITS, training, validation, tests, guesses)


def syntax_trees(config: Any) -> Problem:
    """Statements of the standard library, split by file."""
    files = syntax.statements(config.seed)
    ends = [round(len(files) * share) for share in np.cumsum(list(SHARES.values()))]
    parts = [[one for file in part for one in file] for part in (files[: ends[0]], files[ends[0] : ends[1]], files[ends[1] :])]
    words = syntax.vocabulary(parts[0])
    training, validation, tested = ([words.example(one) for one in part] for part in parts)

    def parent(example: Example) -> Hashable:
        return example.symbols[example.parents[example.symbols.index(words.hidden)]]

    def neighbours(example: Example) -> Hashable:
        node = example.symbols.index(words.hidden)
        below, beside = (
            tuple(symbol for symbol, above in zip(example.symbols, example.parents, strict=True) if above == place)
            for place in (node, example.parents[node])
        )
        return parent(example), below, beside

    guesses = {
        "majority": [],
        PARENT: [parent],
        NEIGHBOURS: [neighbours, parent],
    }
    classes = len(words.answers) + 1
    return _problem(words.closing, classes, training, validation, {TESTED: tested}, guesses)


MAKE = {LISTS: lists, SYNTAX: syntax_trees}


def _key(example: Example) -> Hashable:
    return tuple(example.symbols), tuple(example.parents)


def _problem(
    closing: int,
    classes: int,
    training: list[Example],
    validation: list[Example],
    tests: dict[str, list[Example]],
    guesses: dict[str, list[Callable[[Example], Hashable]]],
) -> Problem:
    made = {name: {} for name in guesses}
    for name, keys in guesses.items():
        guess = guesser(training, *keys)
        for test, examples in tests.items():
            made[name][test] = np.array([guess(example) for example in examples])
    return Problem(
        closing + 1,
        classes,
        gathered(training, closing),
        gathered(validation, closing),
        {name: gathered(examples, closing) for name, examples in tests.items()},
        made,
    )


def guesser(training: Sequence[Example], *keys: Callable[[Example], Hashable]) -> Callable[[Example], int]:
    """The most frequent answer to training examples of the same key; of an unknown key, by the next one, or of all."""
    tables = []
    for key in (*keys, lambda example: None):
        counts: dict[Hashable, Counter] = {}
        for example in training:
            counts.setdefault(key(example), Counter())[example.answer] += 1
        tables.append((key, {value: found.most_common(1)[0][0] for value, found in counts.items()}))
    return lambda example: next(table[key(example)] for key, table in tables if key(example) in table)
