"""Memories outside the state: the neural Turing machine, and the memory network."""

from tests.mutants.mutant import Mutant

_MACHINE = ("test_neural_turing.py::test_against_the_equations_in_numpy_with_a_mask_and_resets",)
_CONTENT = ("test_neural_turing.py::test_addressing_by_content_knows_directions_and_survives_zero_vectors",)
_SHARP = ("test_neural_turing.py::test_sharpening_is_a_power_with_slope_0_at_0",)
_REFUSED = ("test_neural_turing.py::test_mistakes_are_refused",)
_SUMS = ("test_memory_network.py::test_against_the_sums_in_numpy",)
_COPY = ("test_remembered_words.py::test_vector_copy",)

MUTANTS = (
    Mutant(
        "the read heads read the memory before the step",
        "cells/_neural_turing.py",
        'jnp.matmul(read_weights, memory, precision="highest")',
        'jnp.matmul(read_weights, state.memory, precision="highest")',
        _MACHINE,
    ),
    Mutant(
        "the read heads look for content in the memory before the step",
        "cells/_neural_turing.py",
        "read_weights = addressed(addressing(told, width), state.read_weights, memory)",
        "read_weights = addressed(addressing(told, width), state.read_weights, state.memory)",
        _MACHINE,
    ),
    Mutant("one write head erases alone", "cells/_neural_turing.py", "range(weights.shape[-2])", "range(1)", _MACHINE),
    Mutant(
        "e and a change places", "cells/_neural_turing.py", "told[..., -2 * width : -width]", "told[..., -width:]", _MACHINE
    ),
    Mutant(
        "all heads start with equal weights",
        "cells/_neural_turing.py",
        ".at[..., 0].set(1)",
        " + 1 / slots",
        ("test_neural_turing.py::test_equal_weights_of_equal_slots_would_stay_equal_for_ever",),
    ),
    Mutant(
        "shifts may reach around the memory",
        "cells/_neural_turing.py",
        "if 2 * max_shift + 1 > slots:",
        "if max_shift > slots:",
        _REFUSED,
    ),
    Mutant("the gate mixes the wrong way round", "cells/_addressing.py", "weights_tm1 + asked", "found - asked", _MACHINE),
    Mutant("a shift turns the other way", "cells/_addressing.py", "jnp.roll(weights, j,", "jnp.roll(weights, -j,", _MACHINE),
    Mutant(
        "weights are sharpened before they are shifted",
        "cells/_addressing.py",
        "sharpened(shifted(mixed, asked.shifts), asked.sharpening)",
        "shifted(sharpened(mixed, asked.sharpening), asked.shifts)",
        _MACHINE,
    ),
    Mutant("sharpening may be below 1", "cells/_addressing.py", "1 + softplus(gamma)", "softplus(gamma)", _MACHINE),
    Mutant("a cosine has no gradient at 0", "cells/_addressing.py", "jnp.maximum(squares, SHORTEST**2)", "squares", _CONTENT),
    Mutant(
        "a power has no gradient at 0",
        "cells/_addressing.py",
        "jnp.log(jnp.maximum(weights, least))",
        "jnp.log(weights)",
        _SHARP,
    ),
    Mutant(
        "the first word has no place",
        "memories/_sentences.py",
        "places, total = jnp.cumsum(there, axis=-1),",
        "places, total = jnp.cumsum(there, axis=-1) - 1,",
        ("test_memory_network.py::test_position_weights_are_those_of_the_paper",),
    ),
    Mutant(
        "padding counts for the length of a sentence",
        "memories/_sentences.py",
        "there.sum(axis=-1, keepdims=True)",
        "jnp.ones_like(words).sum(axis=-1, keepdims=True)",
        _SUMS,
    ),
    Mutant(
        "the vector of padding is looked at",
        "memories/_sentences.py",
        "return table.at[0].set(0)",
        "return table",
        ("test_memory_network.py::test_padding_is_not_looked_at_where_it_is_an_answer",),
    ),
    Mutant(
        "the first fact is the youngest",
        "memories/_memory_network.py",
        "jnp.cumsum(there[::-1], axis=0)[::-1]",
        "jnp.cumsum(there, axis=0)",
        _SUMS,
    ),
    Mutant(
        "masked facts age the others",
        "memories/_memory_network.py",
        "jnp.cumsum(there[::-1], axis=0)",
        "jnp.cumsum(jnp.ones_like(there), axis=0)",
        ("test_memory_network.py::test_facts_without_words_are_padding_and_count_for_no_age",),
    ),
    Mutant(
        "every hop reads the first tables",
        "memories/_memory_network.py",
        "stored[hop : hop + 2] if adjacent",
        "stored[:2] if adjacent",
        _SUMS,
    ),
    Mutant(
        "the question is not kept between hops",
        "memories/_memory_network.py",
        "u = o + (u if params.transition is None else",
        "u = o + (0 * u if params.transition is None else",
        _SUMS,
    ),
    Mutant(
        "the question has the table of a memory",
        "memories/_memory_network.py",
        "vectors(0 if adjacent else 2, question)",
        "vectors(0 if adjacent else 1, question)",
        _SUMS,
    ),
    Mutant(
        "words of masked facts are read",
        "memories/_memory_network.py",
        "facts = jnp.where(there[..., None], facts, 0)",
        "facts = facts + 0",
        ("test_memory_network.py::test_a_fact_that_is_masked_reaches_nothing",),
    ),
    Mutant(
        "answers begin at the delimiter", "tasks/_vector_copy.py", "jnp.maximum(places - 1, 0)", "jnp.maximum(places, 0)", _COPY
    ),
    Mutant("the longest sequences are not drawn", "tasks/_vector_copy.py", "fewest, length + 1)", "fewest, length)", _COPY),
    Mutant(
        "a bit is right on either side of 0",
        "tasks/_task.py",
        "jnp.where(batch.targets, logits > 0, logits < 0)",
        "jnp.where(batch.targets, logits > 0, True)",
        ("test_answers.py::test_bits_cost_a_cross_entropy_each_and_have_a_sign",),
    ),
)
