"""Layers, attention, and losses."""

from tests.mutants.mutant import Mutant

_BOTH = ("test_layers.py::test_both_directions_by_hand",)
_POOLING = ("test_layers.py::test_last_and_mean_over_valid_steps",)
_ATTENTION = ("test_attention.py::test_attention_by_hand",)
_EMBED = ("test_embedding_range.py",)
_LOSSES = ("test_bptt.py::test_losses_ignore_masked_steps", "test_softmax_readout.py")

MUTANTS = (
    Mutant(
        "both directions run forwards",
        "layers/_compose.py",
        "in_time = _side_by_side(forward, backwards(backward), merge)",
        "in_time = _side_by_side(forward, backward, merge)",
        _BOTH,
    ),
    Mutant(
        "the backward half comes first",
        "layers/_compose.py",
        "jnp.concatenate([a, b], axis=-1), left, right)",
        "jnp.concatenate([a, b], axis=-1), right, left)",
        _BOTH,
    ),
    Mutant(
        "layers in series do not know the lengths",
        "layers/_compose.py",
        "layer_state, lengths=lengths, mask=mask, resets=resets)",
        "layer_state, mask=mask, resets=resets)",
        ("test_layers.py::test_a_padded_row_gets_what_the_unpadded_row_gets[alternating]",),
    ),
    Mutant(
        "symbols beyond the table wrap around",
        "layers/_stepwise.py",
        'jnp.take(params.table, tokens, axis=0, mode="clip")',
        'jnp.take(params.table, tokens, axis=0, mode="wrap")',
        _EMBED,
    ),
    Mutant(
        "a row of length 0 has a last step",
        "layers/_whole_sequences.py",
        "return pytrees.where(lengths > 0, picked, pytrees.zeros_like(picked))",
        "return picked",
        _POOLING,
    ),
    Mutant(
        "the mean over time counts the padding",
        "layers/_whole_sequences.py",
        "total / jnp.maximum(mask.sum(axis=0), 1)",
        "total / jnp.maximum(jnp.ones_like(mask).sum(axis=0), 1)",
        _POOLING,
    ),
    Mutant(
        "linear layers give the padding their bias",
        "layers/_stepwise.py",
        "        return (), pytrees.where(mask, ys, pytrees.zeros_like(ys))\n",
        "        return (), ys\n",
        ("test_layers.py::test_a_padded_row_gets_what_the_unpadded_row_gets[learned merge]",),
    ),
    Mutant(
        "multiplicative scores are not scaled",
        "seq2seq/_attention.py",
        " / key_size**0.5",
        "",
        _ATTENTION,
    ),
    Mutant(
        "attention sees the padding",
        "seq2seq/_attention.py",
        "jax.nn.softmax(jnp.where(mask, scores, lowest), axis=0)",
        "jax.nn.softmax(scores, axis=0)",
        _ATTENTION,
    ),
    Mutant(
        "the mean of a loss counts masked steps",
        "losses.py",
        "jnp.maximum(jnp.sum(mask), 1)",
        "jnp.maximum(mask.size, 1) * jnp.ones((), int)",
        _LOSSES,
    ),
    Mutant(
        "the readout learns from masked steps",
        "losses.py",
        "        dlogits = jnp.where(mask[..., None], dlogits, 0)\n",
        "        pass\n",
        _LOSSES,
    ),
)
