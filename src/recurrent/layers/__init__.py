"""Maps from sequences to sequences, and their composition: cells in time, both directions, linear maps, embeddings.

    state, ys = layer.apply(params, xs, state, lengths=..., mask=..., resets=...)

`xs` and `ys` are `[T, *batch, features]`. The state is that of the cells inside: hand it to the next call to go on where this
one ended (streaming, truncated backpropagation), read it for one answer to a whole sequence, or leave it out. Every layer
outputs 0 at masked steps, so a padded row of a batch gets exactly what the unpadded row would get. `resets` say where sequences
start in time, for layers of both directions.

Stacks of bidirectional networks come in three forms, which are three expressions; the layers are `scanned` cells:

    merged at every layer   serial(bidirectional(a, b), bidirectional(c, d))
    two towers              bidirectional(serial(a, c), serial(b, d))
    alternating directions  serial(a, backwards(c))

The patterns of input and output are expressions, too:

    one to one              unroll(cell, params, x[None])[0]
    many to one             the final state, last_valid(ys, lengths), or mean_over_time(ys, mask)
    one to many             the layer on at_first_step(x, T) or at_every_step(x, T)
    many to many, aligned   ys
    many to many, unaligned recurrent.seq2seq
"""

from recurrent.dense import DenseParams
from recurrent.layers._compose import BidirectionalParams, BidirectionalState, bidirectional, serial
from recurrent.layers._direction import backwards
from recurrent.layers._scanned import scanned, scanned_parallel
from recurrent.layers._stepwise import EmbedParams, embed, linear, time_distributed
from recurrent.layers._whole_sequences import at_every_step, at_first_step, last_valid, mean_over_time

__all__ = [
    "DenseParams",
    "BidirectionalParams",
    "BidirectionalState",
    "EmbedParams",
    "at_every_step",
    "at_first_step",
    "backwards",
    "bidirectional",
    "embed",
    "last_valid",
    "linear",
    "mean_over_time",
    "scanned",
    "scanned_parallel",
    "serial",
    "time_distributed",
]
