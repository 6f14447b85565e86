"""Encoder, decoder, and the search for sequences."""

from tests.mutants.mutant import Mutant

_CONTEXTS = ("test_contexts.py",)
_SAMPLED = ("test_scheduled_sampling.py",)
_BEAM = ("test_seq2seq.py::test_a_wide_beam_finds_the_best_sequence",)
_DRAWN = ("test_seq2seq.py::test_temperature_and_top_k_give_the_distribution_they_say",)

MUTANTS = (
    Mutant(
        "the transformed context lacks its tanh",
        "seq2seq/_encoder_decoder.py",
        "jnp.tanh(dense(params.bridge, last))",
        "dense(params.bridge, last)",
        _CONTEXTS,
    ),
    Mutant(
        "the context is the last step, valid or not",
        "seq2seq/_encoder_decoder.py",
        "last = last_valid(values, lengths)",
        "last = values[-1]",
        _CONTEXTS,
    ),
    Mutant(
        "the readout of the decoder lacks its bias",
        "seq2seq/_encoder_decoder.py",
        "dense(params.readout, y_t)",
        "dense(params.readout._replace(bias=0 * params.readout.bias), y_t)",
        _CONTEXTS,
    ),
    Mutant(
        "attention asks with zeros",
        "seq2seq/_encoder_decoder.py",
        "attention.scores(params.attention, y_tm1, memory.keys)",
        "attention.scores(params.attention, 0 * y_tm1, memory.keys)",
        _CONTEXTS,
    ),
    Mutant(
        'feed="both" does not start from the context',
        "seq2seq/_encoder_decoder.py",
        'at_first = context != "none" and feed in ("initial", "both")',
        'at_first = context != "none" and feed == "initial"',
        _CONTEXTS,
    ),
    Mutant(
        "attention is read without the mask",
        "seq2seq/_encoder_decoder.py",
        "memory.values, memory.mask)",
        "memory.values)",
        _CONTEXTS,
    ),
    Mutant(
        "scheduled sampling decides for all rows at once",
        "seq2seq/_encoder_decoder.py",
        "jax.random.bernoulli(key, sampling_rate, targets.shape)",
        "jnp.broadcast_to(jax.random.bernoulli(key, sampling_rate, (len(targets), 1)), targets.shape)",
        _SAMPLED,
    ),
    Mutant(
        "scheduled sampling decides for all steps at once",
        "seq2seq/_encoder_decoder.py",
        "jax.random.bernoulli(key, sampling_rate, targets.shape)",
        "jnp.broadcast_to(jax.random.bernoulli(key, sampling_rate, targets.shape[1:]), targets.shape)",
        _SAMPLED,
    ),
    Mutant(
        "the decoder sees the target that it is to write",
        "seq2seq/_encoder_decoder.py",
        "fed = jnp.concatenate([first, targets[:-1]])",
        "fed = targets",
        _CONTEXTS,
    ),
    Mutant(
        "top k draws ignore the temperature",
        "seq2seq/_decoding.py",
        "jax.random.categorical(key, best / temperature, axis=-1)",
        "jax.random.categorical(key, best, axis=-1)",
        _DRAWN,
    ),
    Mutant(
        "beams keep the state of another beginning",
        "seq2seq/_decoding.py",
        "        state = jax.tree.map(lambda leaf: leaf[rows], state)\n",
        "",
        ("test_beam_states.py",),
    ),
    Mutant(
        "an ended beam goes on",
        "seq2seq/_decoding.py",
        "        log_p = jnp.where(done[..., None], only_end[None, None, :], log_p)\n",
        "",
        _BEAM,
    ),
    Mutant(
        "beams are compared without their length",
        "seq2seq/_decoding.py",
        "best = jnp.argmax(normalized, axis=1)[:, None]",
        "best = jnp.argmax(scores, axis=1)[:, None]",
        ("test_beam_states.py",),
    ),
    Mutant(
        "a row that has ended goes on gaining",
        "seq2seq/_decoding.py",
        "score = score + jnp.where(done, 0, gained)",
        "score = score + gained",
        ("test_beam_states.py",),
    ),
)
