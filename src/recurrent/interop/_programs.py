"""Functions as programs that run without this package, on any device and for sizes left open."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
from jax import export

from recurrent.interop._files import check_new, whole
from recurrent.interop._plain import plain, structured
from recurrent.types import PyTree

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


def export_program(
    function: Callable[..., Any], *examples: PyTree, platforms: Sequence[str] = ("cpu", "cuda", "tpu")
) -> export.Exported:
    """A function of trees of arrays as a program of plain ones: `program.call(*map(plain, arguments))`.

    What the function returns is plain, too; a tuple stays a tuple of plain trees. Sizes may stay open:

        examples = jax.export.symbolic_args_specs((params, xs, lengths), (None, "t, b, ...", "b"))
        program = export_program(run, *examples)

    Args:
      function: pure; close over cells and options.
      *examples: one tree of arrays or of `jax.ShapeDtypeStruct`s for each argument.
      platforms: what the program is compiled for when it is called; none of them need be here.

    Raises:
      ValueError: an argument that is not a tree of arrays, no platforms or unknown ones.
    """
    if isinstance(platforms, str) or not set(platforms) <= set(PLATFORMS):
        raise ValueError(f"export_program: platforms must be a list of {', '.join(PLATFORMS)}; got {platforms!r}")
    if not platforms:
        raise ValueError('export_program: platforms is empty; give some of "cpu", "cuda", "rocm" and "tpu"')
    for leaf in jax.tree.leaves(examples):
        if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype"):
            raise ValueError(f"export_program: arguments must be trees of arrays; got {leaf!r}: let the function close over it")

    def of_plain_trees(*arguments):
        returned = function(*map(structured, arguments, examples))
        return tuple(map(plain, returned)) if type(returned) is tuple else plain(returned)

    return export.export(jax.jit(of_plain_trees), platforms=platforms)(*map(plain, examples))


def save_program(path: str | Path, program: export.Exported) -> None:
    """Writes a program into a new file, whole or not at all: `jax.export.deserialize(path.read_bytes())` reads it anywhere.

    Raises:
      ValueError: a file that exists, or a folder that does not.
    """
    path = Path(path)
    check_new(path)
    data = program.serialize()
    with whole(path) as temporary:
        temporary.write_bytes(data)
