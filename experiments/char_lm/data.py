"""A text as integers."""

from typing import NamedTuple

import numpy as np


class Corpus(NamedTuple):
    """A text as integers; symbol 0 stands for characters that the training part does not have."""

    codes: np.ndarray
    alphabet: list[str]
    split: int


def encode(text: str, split: int) -> Corpus:
    """Numbers the characters of a text whose first `split` ones are for training.

    Raises:
      ValueError: a text of one character only.
    """
    alphabet = ["\ufffd", *sorted(set(text[:split]))]
    if len(alphabet) < 3:
        raise ValueError(f"the text consists of one character, {alphabet[1]!r}: there is nothing to learn; give another text")
    code_of = {symbol: code for code, symbol in enumerate(alphabet)}
    return Corpus(np.array([code_of.get(symbol, 0) for symbol in text], np.int32), alphabet, split)
