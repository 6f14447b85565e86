"""Where brackets and quotes that close were opened."""

import numpy as np

BRACKETS = {")": "(", "]": "[", "}": "{"}


def distances(text: str) -> np.ndarray:
    """For every closing bracket or quote: how far back it was opened; 0 for all other characters."""
    found, open_brackets, open_quote = np.zeros(len(text), int), [], {}
    for i, symbol in enumerate(text):
        if symbol in BRACKETS.values():
            open_brackets.append((symbol, i))
        elif symbol in BRACKETS and open_brackets and open_brackets[-1][0] == BRACKETS[symbol]:
            found[i] = i - open_brackets.pop()[1]
        elif symbol == "\n":
            open_quote.clear()
        elif symbol in "\"'" and not (text[i - 1 : i].isalnum() and text[i + 1 : i + 2].isalnum()):  # not as in "don't"
            start = open_quote.pop(symbol, None)
            if start is None:
                open_quote[symbol] = i
            else:
                found[i] = i - start
    return found
