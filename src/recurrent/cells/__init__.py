"""One file per family of cells, forward beside backward."""
