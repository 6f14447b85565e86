"""Numbers written with handwritten digits, and their names in letters."""

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def name(number: int) -> str:
    """The English name of a number below 100."""
    tens, units = divmod(number, 10)
    if tens < 2:
        return (DIGITS + TEENS)[number]
    return TENS[tens - 2] + (f" {DIGITS[units]}" if units else "")


NAMES = tuple(map(name, range(100)))
LETTERS = "".join(sorted(set("".join(NAMES))))
END = len(LETTERS)
"""The symbol after a name, and also the one before its first letter."""
STEPS = max(map(len, NAMES)) + 1


class Split(NamedTuple):
    """Which pictures are for what."""

    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray


class Numbers(NamedTuple):
    """Numbers and the pictures of their digits.

    Attributes:
      values: the numbers, `[n]`.
      left: the picture of the tens, -1 if there is none, `[n]`.
      right: the picture of the units, `[n]`.
    """

    values: np.ndarray
    left: np.ndarray
    right: np.ndarray


def spelled() -> tuple[np.ndarray, np.ndarray]:
    """All names as symbols with the end symbol behind, `[steps, 100]`, and which of these count: up to the first end."""
    tokens = np.full((STEPS, len(NAMES)), END, np.int32)
    for number, text in enumerate(NAMES):
        tokens[: len(text), number] = [LETTERS.index(letter) for letter in text]
    return tokens, np.arange(STEPS)[:, None] <= np.array([len(text) for text in NAMES])


def as_names(written: np.ndarray) -> np.ndarray:
    """Joins letters `[steps, n]` to names `[n]`."""
    letters = np.array([*LETTERS, ""])
    return np.array(["".join(column) for column in letters[written].T])


def split(labels: np.ndarray, share: float, seed: int) -> Split:
    """Divides pictures, every class in the same way: a share for validation, the same share for testing, the rest to train."""
    rest, test = train_test_split(np.arange(len(labels)), test_size=share, random_state=seed, stratify=labels)
    size = len(test)
    training, validation = train_test_split(rest, test_size=size, random_state=seed, stratify=labels[rest])
    return Split(*map(np.asarray, (training, validation, test)))


def never_trained(per_ten: int, seed: int) -> np.ndarray:
    """Numbers whose names are held out: so many from each ten from twenty on, and no unit more often than another by far.

    "twenty", "thirty" and so on are always trained, and so is what is below twenty, whose names are not composed.
    """
    units = 1 + np.random.default_rng(seed).permutation(9)
    return np.sort([10 * ten + units[(ten + k) % 9] for ten in range(2, 10) for k in range(per_ten)])


def draw(values: np.ndarray, count: int, pictures: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Numbers:
    """Draws numbers, and for each of their digits one of the pictures of it."""
    by_digit = [pictures[labels[pictures] == digit] for digit in range(10)]
    chosen = rng.choice(values, count)
    left, right = np.full(count, -1), np.zeros(count, int)
    for i, number in enumerate(chosen):
        tens, units = divmod(int(number), 10)
        right[i] = rng.choice(by_digit[units])
        if tens:
            left[i] = rng.choice(by_digit[tens])
    return Numbers(chosen, left, right)


def each_once(pictures: np.ndarray, labels: np.ndarray) -> Numbers:
    """Every picture once, as a number of one digit."""
    return Numbers(labels[pictures], np.full(len(pictures), -1), pictures)


def pixels(numbers: Numbers, images: np.ndarray) -> np.ndarray:
    """The pictures of the tens and of the units beside each other, `[n, 2, 64]`; 0 where there is none."""
    flat = images.reshape(len(images), -1)
    return np.stack([np.where(numbers.left[:, None] < 0, 0, flat[numbers.left]), flat[numbers.right]], axis=1)
