"""What figures share: a width, sizes of text, a palette, and titles that fit."""

import textwrap
from typing import Any

import numpy as np

from experiments.common.intervals import Interval

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""
WIDTH = 11.0
"""Inches of every figure."""
LETTERS = 115
"""Of a title, that fit the width."""
SHOWN = 880
"""Pixels of width at which a README shows a figure."""
SMALLEST = 9.0
"""Pixels of the smallest text at that width: 8.1 points."""
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "figure.titlesize": 12,
    "savefig.dpi": 150,
    "svg.hashsalt": "recurrent",  # otherwise identical runs give files that differ
}
"""Settings of matplotlib under which every figure is drawn and written."""


def headline(figure: Any, text: str) -> None:
    """Sets the title of a figure, on as few lines as fit its width, and on those as evenly as can be."""
    fewest = len(textwrap.wrap(text, LETTERS))
    widths = range(len(text) // fewest, LETTERS + 1)
    figure.suptitle("\n".join(next(lines for lines in (textwrap.wrap(text, w) for w in widths) if len(lines) == fewest)))


def lead(found: Interval) -> str:
    """A difference of accuracies in words, to stand before what was subtracted."""
    if found.low > 0:
        return f"{100 * found.middle:.0f} points ahead of"
    if found.high < 0:
        return f"{-100 * found.middle:.0f} points behind"
    return "not told apart from"


def running_mean(losses: np.ndarray, width: int) -> np.ndarray:
    """Means of `width` neighbours along the last axis, of all where there are fewer: `[..., updates - width + 1]`."""
    width = min(width, losses.shape[-1])
    return np.apply_along_axis(np.convolve, -1, losses, np.full(width, 1 / width), mode="valid")
