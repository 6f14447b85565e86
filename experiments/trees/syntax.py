"""Syntax trees of statements of Python's standard library, each with a node whose kind is hidden."""

import ast
import random
import sysconfig
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from experiments.trees.examples import Example

SMALLEST, LARGEST = 5, 16
"""Nodes of a statement; whether a name is read or written is not among them."""
MOST = 6
"""Children of a node; there are statements with more, which would be places that stay empty in all others."""
PER_FILE = 60
"""Statements of a file at most, so that no file counts for much."""
RARE = 30
"""A kind that is hidden less often in the training files is "another one"."""


class Statement(NamedTuple):
    """Kinds of nodes, their parents, and which node is hidden."""

    kinds: list[str]
    parents: list[int]
    hidden: int


def statements(seed: int) -> list[list[Statement]]:
    """Statements file by file, in random order, with a hidden node drawn from all but the root."""
    rng, found = random.Random(seed), []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        trees = list(_of_file(ast.parse(path.read_text(encoding="utf-8"))))
        chosen = rng.sample(trees, min(PER_FILE, len(trees)))
        found.append([Statement(kinds, parents, rng.randrange(1, len(kinds))) for kinds, parents in chosen])
    rng.shuffle(found)
    return found


def _of_file(module: ast.Module) -> Iterator[tuple[list[str], list[int]]]:
    """The trees of all statements, also of those inside others, that are neither too small nor too large."""
    kinds, parents, sizes = [], [], []

    def visit(node: ast.AST, parent: int) -> None:
        place = len(kinds)
        kinds.append(type(node).__name__)
        parents.append(parent)
        sizes.append(isinstance(node, ast.stmt))
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr_context):
                visit(child, place)
        sizes[place] *= len(kinds) - place

    visit(module, -1)
    for place, size in enumerate(sizes):
        if SMALLEST <= size <= LARGEST:
            above = [-1, *(parent - place for parent in parents[place + 1 : place + size])]
            if max(Counter(above).values()) <= MOST:
                yield kinds[place : place + size], above


class Vocabulary(NamedTuple):
    """Numbers of the kinds that training files have; the hidden kind and the closing token come after them."""

    kinds: dict[str, int]
    answers: dict[str, int]

    @property
    def hidden(self) -> int:
        """The symbol of a hidden node."""
        return len(self.kinds) + 1

    @property
    def closing(self) -> int:
        """The symbol of the closing token."""
        return len(self.kinds) + 2

    def example(self, statement: Statement) -> Example:
        """What a network reads of a statement; kinds that are not known are one kind."""
        symbols = [self.kinds.get(kind, len(self.kinds)) for kind in statement.kinds]
        symbols[statement.hidden] = self.hidden
        answer = self.answers.get(statement.kinds[statement.hidden], len(self.answers))
        return Example(symbols, statement.parents, answer)


def vocabulary(training: list[Statement]) -> Vocabulary:
    """Kinds of nodes, and kinds that are asked for, in the order of how often they are."""
    kinds = Counter(kind for statement in training for kind in statement.kinds)
    answers = Counter(statement.kinds[statement.hidden] for statement in training)
    common = [kind for kind, count in answers.most_common() if count >= RARE]
    return Vocabulary(*({kind: number for number, kind in enumerate(names)} for names in (dict(kinds.most_common()), common)))
