"""Names of territories in fifteen languages."""

import numpy as np
from babel import Locale

LANGUAGES = ("cs", "da", "de", "en", "es", "fi", "fr", "hu", "it", "nl", "pl", "pt", "ro", "sv", "tr")
"""All in Latin script, so that no alphabet gives the answer away."""


def territory_names() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names of CLDR that belong to one of the languages only, with their language and their territory, as integers."""
    tables = [Locale.parse(language).territories for language in LANGUAGES]
    codes = sorted(set.intersection(*(set(table) for table in tables)))
    entries = [(table[code], i, j) for i, table in enumerate(tables) for j, code in enumerate(codes)]
    owners: dict[str, set[int]] = {}
    for name, language, _ in entries:
        owners.setdefault(name, set()).add(language)
    kept = [entry for entry in entries if len(owners[entry[0]]) == 1]
    names, languages, territories = zip(*kept, strict=True)
    return list(names), np.array(languages, np.int32), np.array(territories)
