"""What names in code mean, and where they are documented."""

import re

from docs.book.reference import MODULES, public_names

NAME = re.compile(r"((?:\w+\.)*\w+)(?:\(.*\))?")
# jax has one page for each name; the searches of the others need no list of theirs
ELSEWHERE = {
    "jax": "https://docs.jax.dev/en/latest/_autosummary/{}.html",
    "optax": "https://optax.readthedocs.io/en/latest/search.html?q={}",
    "flax": "https://flax.readthedocs.io/en/latest/search.html?q={}",
}
FULL_NAMES = [f"{module}.{name}" for module in MODULES for name in public_names(module)]


def full_name(text: str, room: str) -> str | None:
    """The public name that code such as `lstm(3, 8)` or `flow.transport` means, read in a room; None for anything else."""
    match = NAME.fullmatch(text)
    if not match:
        return None
    name = match[1]
    outer = [f"{room}.{name}", f"recurrent.{name}", name]
    inner = [full for full in FULL_NAMES if full.rsplit(".", 1)[1] == name]
    return next((full for full in [*outer, *inner] if full in FULL_NAMES), None)


def address_elsewhere(text: str) -> str | None:
    """Where another library documents a name such as `jax.lax.scan`."""
    match = NAME.fullmatch(text)
    library = match[1].split(".")[0] if match and "." in match[1] else None
    return ELSEWHERE[library].format(match[1]) if match and library in ELSEWHERE else None
