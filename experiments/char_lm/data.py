"""A text as integers, in three parts: to train on, to test on, and to choose on."""

import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np

UNKNOWN = "\ufffd"
"""Stands for characters that the training part does not have."""
_SPACE = "\t\n\r\f"  # control characters that texts have


class Corpus(NamedTuple):
    """A text as integers; symbol 0 stands for characters that the training part does not have.

    Attributes:
      codes: the whole text.
      alphabet: the symbols.
      split: where the training part ends and the test part begins.
      end: where the test part ends and the validation part begins.
    """

    codes: np.ndarray
    alphabet: list[str]
    split: int
    end: int

    @property
    def training(self) -> np.ndarray:
        """The first eight tenths."""
        return self.codes[: self.split]

    @property
    def test(self) -> np.ndarray:
        """The ninth tenth, behind the character before it."""
        return self.codes[self.split - 1 : self.end]

    @property
    def validation(self) -> np.ndarray:
        """The last tenth, behind the character before it."""
        return self.codes[self.end - 1 :]

    def text(self, codes: np.ndarray) -> str:
        """The characters of codes."""
        return "".join(self.alphabet[code] for code in codes)


def encode(text: str) -> Corpus:
    """Numbers the characters of a text and splits it: eight tenths to train on, one to test on, one to choose on.

    Raises:
      ValueError: a training part of one character only.
    """
    tenth = len(text) // 10
    split = len(text) - 2 * tenth
    alphabet = [UNKNOWN, *sorted(set(text[:split]) - {UNKNOWN})]
    if len(alphabet) < 3:
        raise ValueError(f"the text consists of one character, {text[:1]!r}: there is nothing to learn; give another text")
    code_of = {symbol: code for code, symbol in enumerate(alphabet)}
    return Corpus(np.array([code_of.get(symbol, 0) for symbol in text], np.int32), alphabet, split, len(text) - tenth)


def read(path: Path, max_characters: int) -> str:
    """Reads the beginning of a text file in UTF-8.

    Raises:
      ValueError: it cannot be read, is empty, or is no text.
    """
    advice = "give a text file in UTF-8, or leave it out for the standard library's sources"
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(max_characters)
    except OSError as error:
        raise ValueError(f"--text {path}: {error.strerror}; {advice}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"--text {path} is not in UTF-8: {error.reason} at byte {error.start}; {advice}") from error
    if not text:
        raise ValueError(f"--text {path} is empty; {advice}")
    for symbol in sorted(set(text)):
        if unicodedata.category(symbol) == "Cc" and symbol not in _SPACE:
            raise ValueError(f"--text {path} is no text: it has the control character {symbol!r}; {advice}")
    return text
