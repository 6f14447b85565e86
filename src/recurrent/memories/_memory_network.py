"""The end-to-end memory network: several hops of soft attention over stored facts."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.dense import dot
from recurrent.initializers import Initializer, draw, normal
from recurrent.made import Made, remembered
from recurrent.memories._sentences import sentence_vectors, without_padding_word
from recurrent.pytrees import wide
from recurrent.seq2seq import attend
from recurrent.types import InitFn

Tying = Literal["adjacent", "layerwise"]


class MemoryNetworkParams(NamedTuple):
    """Parameters of a memory network.

    Attributes:
      words: vectors of the words: A¹, C¹ = A², ..., Cᴷ under adjacent tying, where B = A¹; A, C and B under layer-wise tying.
      ages: vectors of the ages of facts, T: one table beside each of A and C; None without temporal encoding.
      transition: H, which layer-wise tying puts between hops; None under adjacent tying.
      output: W; None where it is Cᴷ.
    """

    words: Float[Array, "tables vocabulary width"]
    ages: Float[Array, "memories max_facts width"] | None
    transition: Float[Array, "width width"] | None
    output: Float[Array, "width answers"] | None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class MemoryNetwork(Made):
    """A network that answers questions about facts; it prints, compares and pickles as the call that made it.

    Attributes:
      init: `key -> params`.
      apply: `(params, facts, question, *, mask=None) -> (logits, attention)`. Facts `[facts, *batch, words]`, in their order
        in time, and questions `[*batch, words]` are integers; logits `[*batch, answers]`, attention `[hops, facts, *batch]`.
        A mask `[facts, *batch]` says which facts there are; without one, those that have a word. A row without facts attends to
        nothing, and answers from the question alone.
    """

    init: InitFn
    apply: Callable[..., tuple[Array, Array]]


@remembered
def memory_network(
    vocabulary: int,
    width: int,
    hops: int,
    *,
    answers: int | None = None,
    tying: Tying = "adjacent",
    position_encoding: bool = True,
    max_facts: int | None = 50,
    table_init: Initializer = normal(0.1),  # noqa: B008
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> MemoryNetwork:
    """p_i = softmax_i(u · m_i), o = Σ_i p_i c_i, then u + o for u, hop by hop; logits = u W.

    m_i is `sentence_vectors` of fact i by the table A, plus T_A[age of the fact]; c_i the same by C; u at first that of the
    question by B. The last fact has age 0, the one before it age 1; facts that are masked do not count. Word 0 is padding.
    Tables are tied in one of two ways:
      "adjacent": Aᵏ⁺¹ = Cᵏ, B = A¹, W' = Cᴷ, for K hops.
      "layerwise": the same A and C in all hops, and u H + o for u: a recurrent network whose steps are hops.

    Args:
      vocabulary: number of words, padding included.
      width: features of all vectors.
      hops: K.
      answers: number of answers; by default an answer is a word. If it is given, or tying is layer-wise, W is of its own.
      tying: "adjacent" or "layerwise".
      position_encoding: weight words by their places (`position_weights`), or else sum them as a bag of words.
      max_facts: the most facts of a story, and so rows of T; None for no temporal encoding, and any number of facts.
      table_init: of everything; N(0, 0.1²) in the paper.
      dtype, param_dtype: as for all cells; `dtype` is that of the products with H and W.

    Raises:
      ValueError: a size that is not a positive integer, unknown tying; when run, params of another network, facts, questions or
        a mask of other shapes or dtypes, or more facts than `max_facts`.

    Reference: Sukhbaatar, Szlam, Weston & Fergus (2015), End-to-end memory networks, sections 2 and 4.1.
    """
    checks.sizes("memory_network", vocabulary=vocabulary, width=width)
    optional = {name: value for name, value in (("answers", answers), ("max_facts", max_facts)) if value is not None}
    checks.counts(**{f"memory_network: {name}": count for name, count in {"hops": hops, **optional}.items()})
    checks.choice("memory_network: tying", tying, ("adjacent", "layerwise"))
    checks.choice("memory_network: position_encoding", position_encoding, (True, False))
    adjacent = tying == "adjacent"
    memories = hops + 1 if adjacent else 2
    sizes = {"tables": memories if adjacent else 3, "vocabulary": vocabulary, "width": width, "memories": memories}
    sizes |= {"max_facts": max_facts or 0, "answers": answers or vocabulary}
    own_output = not adjacent or answers is not None

    def init(key):
        names = ("tables vocabulary width", "memories max_facts width", "width width", "width answers")
        wanted = (True, max_facts is not None, not adjacent, own_output)
        shapes = [
            tuple(sizes[name] for name in text.split()) if want else None for text, want in zip(names, wanted, strict=True)
        ]
        keys = jax.random.split(key, 4)
        drawn = (s and draw(table_init, k, s, param_dtype) for k, s in zip(keys, shapes, strict=True))
        return MemoryNetworkParams(*drawn)  # pyright: ignore[reportArgumentType]

    def apply(params, facts, question, *, mask=None):
        checks.params("memory_network", params, MemoryNetworkParams, **sizes)
        _check_presence(params, ages=max_facts is not None, transition=not adjacent, output=own_output)
        _check_words(facts, question, max_facts)
        there = jnp.any(facts != 0, axis=-1) if mask is None else checks.flags("mask", mask, facts.shape[:-1])
        facts = jnp.where(there[..., None], facts, 0)

        def vectors(table, words):
            return sentence_vectors(params.words[table], words, position_encoding=position_encoding)

        def memory(table):
            found = vectors(table, facts)
            return found if params.ages is None else found + wide(params.ages[table])[_ages(there)]

        stored = [memory(table) for table in range(memories)]
        u, attention = vectors(0 if adjacent else 2, question), []
        for hop in range(hops):
            m, c = stored[hop : hop + 2] if adjacent else stored
            o, weights = _read(u, m, c, there)
            u = o + (u if params.transition is None else dot(u, params.transition, dtype))
            attention.append(weights)
        output = without_padding_word(params.words[-1]).T if params.output is None else params.output
        return dot(u, output, dtype), jnp.stack(attention)

    return MemoryNetwork(init, apply)


def _read(u: Array, m: Array, c: Array, there: Array) -> tuple[Array, Array]:
    """Σ_i p_i c_i and p_i = softmax_i(u · m_i) over the facts that there are; 0 without any."""
    if not len(m):
        return jnp.zeros_like(u), jnp.zeros(there.shape, u.dtype)
    return attend(jnp.sum(m * u[None], axis=-1), c, there)


def _ages(there: Array) -> Array:
    """How many facts come after each one; 0 for facts that are not there."""
    after = jnp.cumsum(there[::-1], axis=0)[::-1] - 1
    return jnp.where(there, after, 0)


def _check_presence(params: MemoryNetworkParams, **expected: bool) -> None:
    for name, there in expected.items():
        if (getattr(params, name) is not None) != there:
            raise ValueError(
                f"memory_network: params.{name} must be {'an array' if there else 'None'} for these options; draw them"
            )


def _check_words(facts: Any, question: Any, max_facts: int | None) -> None:
    for name, words, shape in (("facts", facts, "[facts, *batch, words]"), ("question", question, "[*batch, words]")):
        if not jnp.issubdtype(words.dtype, jnp.integer):
            raise ValueError(f"memory_network: {name} must be integers {shape}; got dtype {words.dtype}")
    if facts.ndim < 2 or facts.shape[1:-1] != question.shape[:-1]:
        raise ValueError(
            "memory_network: facts must have shape [facts, *batch, words] and questions [*batch, words]; "
            f"got {facts.shape} and {question.shape}"
        )
    if max_facts is not None and len(facts) > max_facts:
        raise ValueError(
            f"memory_network: there are vectors for {max_facts} ages, and {len(facts)} facts: "
            "raise max_facts, or give the last facts alone"
        )
