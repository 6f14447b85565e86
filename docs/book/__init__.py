"""The book: what `make docs` makes of the pages, notebooks, docstrings and recorded experiments of this repository."""
