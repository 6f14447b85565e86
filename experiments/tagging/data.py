"""Python source with the token class of every character, from the standard library's `tokenize`, and windows of it."""

import functools
import io
import itertools
import keyword
import sysconfig
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

CLASSES = (
    "space", "operator", "number", "string", "comment", "keyword",
    "definition", "called", "assigned", "attribute", "name",
)  # fmt: skip
"""Of a name that is no keyword, the first that fits: after `def` or `class`, before an opening parenthesis, before `=`, after a
dot, any other. Space is all that is between tokens; a string, f-strings included, is all from its prefix to its last quote."""
FROM_THE_RIGHT = ("called", "assigned")
"""Classes that the characters to come decide."""
_KINDS = {"OP": "operator", "NUMBER": "number", "STRING": "string", "COMMENT": "comment"}
_LONG_STRINGS = ("FSTRING", "TSTRING")  # since Python 3.12 f-strings, since 3.14 t-strings, come in parts


class Source(NamedTuple):
    """One text and the index in `CLASSES` of each of its characters."""

    text: str
    labels: np.ndarray


class Corpus(NamedTuple):
    """Texts as integers, end to end.

    Attributes:
      codes: the characters; 0 stands for those that the alphabet does not have.
      labels: the classes.
      to_end: how many characters of the same token are left, itself included.
      files: which text each character is from.
      starts: where windows may begin that lie within one text.
    """

    codes: np.ndarray
    labels: np.ndarray
    to_end: np.ndarray
    files: np.ndarray
    starts: np.ndarray


def label(text: str) -> np.ndarray:
    """Returns the index in `CLASSES` of every character.

    Raises:
      ValueError: a text that does not tokenize.
    """
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError) as error:
        raise ValueError(f"the text does not tokenize ({error}): give Python source") from error
    line_starts = np.cumsum([0, *(len(line) for line in io.StringIO(text))])
    labels = np.full(len(text), CLASSES.index("space"), np.int8)
    opened = []
    for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        kind, start = tokenize.tok_name[token.type], token.start
        unknown = kind == "OP" and token.string not in tokenize.EXACT_TOKEN_TYPES  # "$", since Python 3.12
        if unknown or (kind == "ERRORTOKEN" and not token.string.isspace()):
            line, column = start
            raise ValueError(
                f"the text does not tokenize at line {line}, column {column}: {token.string!r}; give Python source"
            )
        if kind.removesuffix("_START") in _LONG_STRINGS:
            opened.append(start)
        elif kind.removesuffix("_END") in _LONG_STRINGS:
            kind, start = "STRING", opened.pop()
        if not opened and (kind in _KINDS or kind == "NAME"):
            first, last = (line_starts[line - 1] + column for line, column in (start, token.end))
            labels[first:last] = CLASSES.index(_KINDS.get(kind) or _class_of_name(before, token, after))
    return labels


def _class_of_name(before: tokenize.TokenInfo | None, token: tokenize.TokenInfo, after: tokenize.TokenInfo | None) -> str:
    left, right = before.string if before else "", after.string if after else ""
    if keyword.iskeyword(token.string):
        return "keyword"
    if left in ("def", "class"):
        return "definition"
    if right in ("(", "="):
        return "called" if right == "(" else "assigned"
    return "attribute" if left == "." else "name"


@functools.cache
def labelled(path: Path) -> Source:
    """Reads a file of Python source in the encoding that it declares.

    Raises:
      ValueError: a file that cannot be read, or does not tokenize.
    """
    try:
        with tokenize.open(path) as file:
            text = file.read()
        return Source(text, label(text))
    except (OSError, SyntaxError, ValueError) as error:  # a wrong encoding is a SyntaxError or a UnicodeDecodeError
        raise ValueError(f"{path}: {error}") from error


class Split(NamedTuple):
    """Texts to train on, to choose on, and to test on."""

    training: list[Source]
    validation: list[Source]
    test: list[Source]


def split_file(path: Path) -> Split:
    """Cuts one file at ends of lines: about three fifths to train on, one to choose on, and the last to test on."""
    text, labels = labelled(path)
    ends = [0, *(text.rfind("\n", 0, len(text) * fifths // 5) + 1 for fifths in (3, 4)), len(text)]
    return Split(*([Source(text[start:end], labels[start:end])] for start, end in itertools.pairwise(ends)))


def split_library(training_characters: int, validation_characters: int, test_characters: int) -> Split:
    """Draws modules of the standard library, always in the same order: to choose on, to test on, and the rest to train on."""
    paths = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    order = iter(np.random.default_rng(0).permutation(len(paths)))
    split = Split([], [], [])
    wanted = ((split.validation, validation_characters), (split.test, test_characters), (split.training, training_characters))
    for sources, characters in wanted:
        while sum(len(source.text) for source in sources) < characters and (index := next(order, None)) is not None:
            sources.append(labelled(paths[index]))
    return split


def make_alphabet(sources: Sequence[Source]) -> list[str]:
    """All characters of the texts; the first stands for those that they do not have."""
    return ["\ufffd", *sorted(set().union(*(source.text for source in sources)) - {"\ufffd"})]


def join(sources: Sequence[Source], alphabet: Sequence[str], window: int, stride: int = 1) -> Corpus:
    """Puts texts end to end.

    Args:
      sources: at least one.
      alphabet: from `make_alphabet`.
      window: characters of a window.
      stride: from the start of one window to the next in the same text.

    Raises:
      ValueError: every text is shorter than a window.
    """
    code_of = {symbol: code for code, symbol in enumerate(alphabet)}
    firsts = np.cumsum([0, *(len(source.text) for source in sources)])
    starts = [np.arange(0, len(s.text) - window + 1, stride) + first for s, first in zip(sources, firsts, strict=False)]
    if not sum(map(len, starts)):
        longest = max(len(source.text) for source in sources)
        raise ValueError(f"windows of {window} characters do not fit: the longest text has {longest}; give a smaller window")
    codes = np.array([code_of.get(symbol, 0) for source in sources for symbol in source.text], np.int32)
    labels = np.concatenate([source.labels for source in sources])
    ends = np.flatnonzero(np.append(labels[1:] != labels[:-1], True))
    places = np.arange(len(labels))
    files = np.repeat(np.arange(len(sources)), [len(source.text) for source in sources])
    return Corpus(codes, labels, ends[np.searchsorted(ends, places)] - places + 1, files, np.concatenate(starts))


def cut(values: np.ndarray, starts: np.ndarray, window: int) -> np.ndarray:
    """Windows of an array, `[window, len(starts)]`."""
    return values[starts + np.arange(window)[:, None]]


def one_hot_contexts(codes: np.ndarray, left: int, right: int, symbols: int) -> csr_matrix:
    """One-hot characters around every character of windows `[T, N]`: `[T * N, (left + 1 + right) * (symbols + 1)]`.

    The last symbol stands beyond the ends of a window.
    """
    padded = np.pad(codes, ((left, right), (0, 0)), constant_values=symbols)
    around = np.lib.stride_tricks.sliding_window_view(padded, left + 1 + right, axis=0)
    columns = around.reshape(codes.size, -1) + (symbols + 1) * np.arange(left + 1 + right)
    rows = np.arange(0, columns.size + 1, columns.shape[1])
    return csr_matrix((np.ones(columns.size, np.float32), columns.reshape(-1), rows), (codes.size, rows[1] * (symbols + 1)))
