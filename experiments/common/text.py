"""Real text that needs no download."""

import functools
import sysconfig
from pathlib import Path


@functools.cache
def standard_library_text(max_characters: int = 2_000_000) -> str:
    """Joins the sources of the Python standard library, in alphabetical order of their paths, up to a size."""
    root, texts, size = Path(sysconfig.get_paths()["stdlib"]), [], 0
    for path in sorted(p for p in root.glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="ignore")
        texts.append(text)
        size += len(text)
        if size >= max_characters:
            break
    return "".join(texts)[:max_characters]
