"""Stacks of recurrent layers with and without skips."""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from experiments.common.networks import Network
from recurrent import Cell, Layer, count_parameters, elman, residual, scanned

Kind = Literal["plain", "residual", "dense"]
KINDS: tuple[Kind, ...] = ("plain", "residual", "dense")
CLASSES = 10


class Stack(NamedTuple):
    """Parameters of a layer that reads the input, and of the equal blocks above it, leaves `[block, ...]`."""

    first: Any
    blocks: Any


def repeated(first: Cell, block: Cell, count: int) -> Layer:
    """`serial(scanned(first), scanned(block), ..., scanned(block))`, with the parameters of the blocks stacked.

    A scan over the blocks is compiled once, however many there are. Applied, it takes as many blocks as it is given, and every
    sequence whole: it hands no state on.
    """
    bottom, above = scanned(first), scanned(block)

    def init(key):
        k_first, k_blocks = jax.random.split(key)
        return Stack(bottom.init(k_first), jax.vmap(above.init)(jax.random.split(k_blocks, count)))

    def apply(params, xs, state=None, **flags):
        def climb(ys, block):
            return above.apply(block, ys, **flags)[1], None

        return state, jax.lax.scan(climb, bottom.apply(params.first, xs, **flags)[1], params.blocks)[0]

    return Layer(init, apply)


def connected(input_size: int, width: int, depth: int) -> Layer:
    """The layers of `dense_skip`, each reading the input and all outputs below; emits the outputs of all layers, joined.

    The blocks are equal, as in `repeated`: all read the same features, in which the outputs not yet known are 0. The parameters
    that meet those are 0 and stay so. (`dense_skip` has none of them, but 32 different cells take long to compile.)
    """
    room = input_size + depth * width
    wide = elman(room, width)
    bottom, above = scanned(elman(input_size, width)), scanned(wide)

    def init(key):
        stack = repeated(elman(input_size, width), wide, depth - 1).init(key)
        reads = (input_size + width * jnp.arange(1, depth))[:, None, None]
        as_glorot = jnp.sqrt((room + width) / (reads + width))  # what is read counts as fan-in, not all there is room for
        kernel = jnp.where(jnp.arange(room)[:, None] < reads, as_glorot * stack.blocks.input_kernel, 0)
        return stack._replace(blocks=stack.blocks._replace(input_kernel=kernel))

    def apply(params, xs, state=None, **flags):
        def climb(known, numbered):
            place, block = numbered
            _, ys = above.apply(block, known, **flags)
            return jax.lax.dynamic_update_slice_in_dim(known, ys, place, axis=-1), None

        _, lowest = bottom.apply(params.first, xs, **flags)
        blocks = len(params.blocks.bias)
        known = jnp.concatenate([xs, lowest, jnp.zeros((*xs.shape[:-1], blocks * width), xs.dtype)], axis=-1)
        places = input_size + width * jnp.arange(1, blocks + 1)
        return state, jax.lax.scan(climb, known, (places, params.blocks))[0][..., input_size:]

    return Layer(init, apply)


def make_stack(kind: Kind, input_size: int, width: int, depth: int) -> Layer:
    """`depth` tanh layers; a plain or residual stack emits its top layer, a dense one the outputs of all its layers."""
    if kind == "dense":
        return connected(input_size, width, depth)
    block = elman(width, width)
    return repeated(elman(input_size, width), residual(block) if kind == "residual" else block, depth - 1)


def draw_stacks(kind: Kind, layer: Layer, keys: Array, width: int, depth: int) -> Network:
    """Draws one stack per key, with a readout of weights N(0, 1 / inputs), stacked along the first axis."""
    inputs = width * depth if kind == "dense" else width

    def draw(key):
        k_stack, k_readout = jax.random.split(key)
        kernel = jax.random.normal(k_readout, (inputs, CLASSES)) / inputs**0.5
        return Network(layer.init(k_stack), kernel, jnp.zeros(CLASSES))

    return jax.jit(jax.vmap(draw))(keys)


def count_used(network: Network) -> int:
    """Counts the parameters of a stack of freshly drawn networks, per network, without those of `connected` that do nothing."""
    own = jax.tree.map(lambda leaf: leaf[0], network)
    kernel = own.cell.blocks.input_kernel
    return count_parameters(own) - int((kernel == 0).sum())


def layer_norms(stack: Stack) -> Array:
    """The Euclidean norm over the parameters of each layer, `[depth]`, from the bottom to the top."""
    below = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(stack.first))
    above = sum(jnp.sum(leaf**2, axis=tuple(range(1, leaf.ndim))) for leaf in jax.tree.leaves(stack.blocks))
    return jnp.sqrt(jnp.concatenate([jnp.reshape(below, (1,)), jnp.reshape(above, (-1,))]))
