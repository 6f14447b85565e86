"""One script per published claim: `python -m experiments` lists them."""
