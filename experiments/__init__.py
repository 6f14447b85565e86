"""One folder per published claim: `python -m experiments` lists them."""
