"""Names of territories in fifteen languages, and their letters as integers."""

from typing import NamedTuple

import numpy as np
from babel import Locale

from recurrent.data import pad

LANGUAGES = ("cs", "da", "de", "en", "es", "fi", "fr", "hu", "it", "nl", "pl", "pt", "ro", "sv", "tr")
"""All in Latin script, so that no alphabet gives the answer away."""
LONGEST = 24
"""Letters of a name at most; the few longer ones would double the time of all."""
UNKNOWN = 0
"""The symbol of letters that training has not met."""


class Names(NamedTuple):
    """Names with their language and their territory, as integers `[n]`."""

    texts: list[str]
    languages: np.ndarray
    territories: np.ndarray


class Letters(NamedTuple):
    """Names letter by letter: tokens `[T, n]`, lengths `[n]`, and the number of symbols, `UNKNOWN` included."""

    tokens: np.ndarray
    lengths: np.ndarray
    symbols: int


def territory_names() -> Names:
    """Names of CLDR in lower case, not too long, that belong to one of the languages only."""
    tables = [Locale.parse(language).territories for language in LANGUAGES]
    codes = sorted(set.intersection(*(set(table) for table in tables)))
    entries = [(table[code].lower(), i, j) for i, table in enumerate(tables) for j, code in enumerate(codes)]
    owners: dict[str, set[int]] = {}
    for name, language, _ in entries:
        owners.setdefault(name, set()).add(language)
    kept = [entry for entry in entries if len(owners[entry[0]]) == 1 and len(entry[0]) <= LONGEST]
    texts, languages, territories = zip(*kept, strict=True)
    return Names(list(texts), np.array(languages, np.int32), np.array(territories))


def spell(texts: list[str]) -> Letters:
    """Numbers the letters of all names from 1 on."""
    alphabet = {letter: i + 1 for i, letter in enumerate(sorted(set("".join(texts))))}
    tokens, mask = pad([np.array([alphabet[letter] for letter in text], np.int32) for text in texts])
    return Letters(tokens, mask.sum(axis=0).astype(np.int32), len(alphabet) + 1)


def hide_strangers(letters: Letters, rows: np.ndarray) -> np.ndarray:
    """Tokens in which every letter that does not occur in the names `rows` is `UNKNOWN`."""
    met = np.unique(letters.tokens[:, rows])
    return np.where(np.isin(letters.tokens, met), letters.tokens, UNKNOWN)
