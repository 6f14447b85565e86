"""Nested operations on lists of digits, of known depth and length."""

import random
from collections.abc import Callable, Sequence
from statistics import median_low

from experiments.trees.examples import Example

OPERATIONS: dict[str, Callable[[Sequence[int]], int]] = {
    "MIN": min,
    "MAX": max,
    "MED": median_low,
    "SM": lambda digits: sum(digits) % 10,
}
"""MED is the lower one of two medians, SM the sum modulo 10."""
DIGITS = 10
NAMES = (*map(str, range(DIGITS)), *OPERATIONS)
"""Of symbols, in the order of their numbers."""
CLOSING = len(NAMES)
ARGUMENTS = (2, 3)
SHALLOW = 0.6
"""Chance that an argument is a digit, but for one, which makes the operation as deep as it has to be."""


def draw(rng: random.Random, depth: int, shortest: int, longest: int) -> Example:
    """An example whose deepest digit has `depth` operations above it, with a number of tokens in a range."""
    while True:
        example = Example([], [], 0)
        answer = _grow(rng, depth, -1, example)
        if shortest <= example.num_tokens <= longest:
            return example._replace(answer=answer)


def _grow(rng: random.Random, depth: int, parent: int, example: Example) -> int:
    """Adds a subtree to an example, and returns its value."""
    node = len(example.symbols)
    example.parents.append(parent)
    if not depth:
        example.symbols.append(rng.randrange(DIGITS))
        return example.symbols[-1]
    name = rng.choice(list(OPERATIONS))
    example.symbols.append(NAMES.index(name))
    below = [0 if depth == 1 or rng.random() < SHALLOW else rng.randrange(1, depth) for _ in range(rng.choice(ARGUMENTS))]
    below[rng.randrange(len(below))] = depth - 1
    return OPERATIONS[name]([_grow(rng, one, node, example) for one in below])
