"""Configuration of Sphinx for the book; `make docs` writes its sources to build/book and the site to build/docs."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.pop("MPLBACKEND", None)  # figures of notebooks belong into the pages

from sphinx.application import Sphinx  # noqa: E402

import recurrent  # noqa: E402
from docs.book.docstrings import to_rst  # noqa: E402
from docs.book.links import link_names  # noqa: E402

project = "recurrent"
author = copyright = "The recurrent developers"
release = recurrent.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
html_theme = "furo"
html_title = f"recurrent {release}"
html_favicon = "_static/icon.svg"
html_copy_source = False
html_show_sphinx = False
smartquotes = False  # the transpose of W is W'

# one file that needs no fonts and asks no other host for anything
_package = importlib.util.find_spec("sphinx-mathjax-offline")
assert _package is not None
assert _package.origin is not None, "pip install -e '.[docs]'"
html_static_path = ["_static", str(Path(_package.origin).parent / "static" / "mathjax" / "tex-svg-full.js")]
html_css_files = ["book.css"]
mathjax_path = "tex-svg-full.js"

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
# the table of experiments/README.md heads each of its lists
suppress_warnings = ["myst.header"]
# by what is in notebooks: a change of the library alone runs none again, `make notebooks` does
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "notebook_cache")
nb_execution_timeout = 60
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
napoleon_attr_annotations = False
napoleon_use_rtype = False
python_maximum_signature_line_length = 88


def _docstring(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    # the docstring of a module stands at the margin, and to take away an indentation would turn its code into text
    lines[:] = to_rst((value.__doc__ or "").splitlines() if what == "module" else lines)


def _signature(app: Sphinx, what: str, name: str, value: Any, options: Any, arguments: str, returned: str) -> tuple:
    """Types of arrays are `jax.Array`, whatever the name of the class behind it."""
    return tuple(text and text.replace("jaxlib._jax.Array", "Array") for text in (arguments, returned))


def _skip(app: Sphinx, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """Fields of named tuples are said in the docstring of the class."""
    return True if str(getattr(value, "__doc__", "")).startswith("Alias for field number") else None


def setup(app: Sphinx) -> None:
    """Docstrings are made ready before napoleon (priority 500) reads their sections."""
    app.connect("autodoc-process-docstring", _docstring, priority=400)
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-skip-member", _skip)
    app.connect("doctree-read", link_names)
