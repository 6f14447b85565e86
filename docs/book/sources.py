"""The tree of sources that Sphinx reads: laid out as the repository is, so that links among pages hold in both places."""

from collections.abc import Mapping
from pathlib import Path

from docs.book import gallery, reference

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "experiments/README.md",
    "experiments/benchmark/notes.md",
    "docs/*.md",
    "docs/*.csv",
    "docs/*.json",
    "docs/guides/*.md",
    "docs/figures/*.png",
    "notebooks/*.md",
)


def all_sources() -> dict[str, bytes]:
    """Every file by its path in the tree: copies, and the generated pages of `api` and `gallery`."""
    copies = {str(file.relative_to(ROOT)): file.read_bytes() for pattern in PAGES for file in sorted(ROOT.glob(pattern))}
    copies["index.md"] = copies.pop("docs/index.md")
    return copies | reference.pages() | gallery.pages()


def write_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    """Makes a folder hold these files and no others; leaves those that are right alone, so that Sphinx reads only the rest."""
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in files:
            path.unlink()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
