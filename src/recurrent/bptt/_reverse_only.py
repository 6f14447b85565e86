"""A gate for what has a backward pass only: the identity, whose forward-mode derivative is refused with the remedy."""

from typing import Any

import jax
from jax import Array
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from recurrent import pytrees
from recurrent.types import PyTree


def reverse_only(tree: PyTree) -> PyTree:
    """The same tree; forward-mode derivatives of its inexact leaves raise a TypeError, under `jit` as well."""
    return jax.tree.map(lambda leaf: _gate(leaf) if pytrees.is_inexact(leaf) else leaf, tree)


@jax.custom_jvp
def _gate(x: Array) -> Array:
    return x


@_gate.defjvp
def _gate_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return primals[0], _tangent.bind(tangents[0])


def _refuse(*_: Any, **__: Any) -> Any:
    raise TypeError(
        'backprop="explicit" is a backward pass, and cannot be differentiated forwards (jvp, jacfwd): use backprop="autodiff" '
        "for that"
    )


# a tangent passes as long as it is only going to be transposed; whoever wants its value is refused
_tangent = Primitive("reverse_only")
_tangent.def_impl(_refuse)
_tangent.def_abstract_eval(lambda tangent: tangent)
ad.deflinear2(_tangent, lambda cotangent, _: [cotangent])
batching.defvectorized(_tangent)
mlir.register_lowering(_tangent, _refuse)
