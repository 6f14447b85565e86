"""Writes the pages that Sphinx reads: `python -m docs.book build/book`; or checks what it made: `... check build/docs`."""

import sys
from pathlib import Path

from docs.book.reference import missing_names
from docs.book.sources import all_sources, write_tree

if sys.argv[1] == "check":
    if missing := missing_names(Path(sys.argv[2]) / "objects.inv"):
        sys.exit(f"error: no page documents {', '.join(missing)}")
else:
    write_tree(Path(sys.argv[1]), all_sources())
