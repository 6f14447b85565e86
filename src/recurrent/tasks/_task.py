"""What a synthetic task is: a sampler, the loss and the errors of answers, and the levels that an answer has to beat."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, Shaped

from recurrent import checks
from recurrent.losses import cross_entropy, masked_mean
from recurrent.made import Made


class Batch(NamedTuple):
    """Sequences of a task, time-major.

    Attributes:
      xs: inputs, float32.
      targets: `[T, batch]` integers (a class), `[T, batch, outputs]` booleans (the set of allowed symbols) or
        `[T, batch, outputs]` float32 (numbers); 0 at the steps that do not count.
      mask: the steps whose answers count.
    """

    xs: Float[Array, "T batch features"]
    targets: Int[Array, "T batch"] | Bool[Array, "T batch outputs"] | Float[Array, "T batch outputs"]
    mask: Bool[Array, "T batch"]


class SampleFn(Protocol):
    """Draws sequences."""

    def __call__(self, key: Array, batch: int, length: int) -> Batch:
        """Draws a batch; it runs under `jax.jit` with `batch` and `length` static."""
        ...


Outputs = Float[Array, "T batch outputs"]
LossFn = Callable[[Outputs, Batch], Float[Array, ""]]
ErrorsFn = Callable[[Outputs, Batch], Bool[Array, "batch"]]
SolvedFn = Callable[[Outputs, Batch], Bool[Array, ""]]
Level = Callable[[int], float]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Task(Made):
    """A synthetic task; it prints, compares and pickles as the call that made it.

    Attributes:
      sample: `(key, batch, length) -> Batch`. The docstring of a task says how many steps a `length` has, T = length for most.
      features: of the inputs.
      outputs: that a network has to give per step: logits, or numbers.
      loss: `(outputs, batch) -> scalar`, the mean over the steps that count; NaN at all others stays out, of gradients, too.
      errors: `(outputs, batch) -> [batch]` booleans: the sequences that count as wrong.
      solved: `(outputs, batch) -> boolean`, whether answers to fresh sequences solve the task.
      chance: `length -> loss` of the best answer that is the same at every step and for every input.
      memoryless: `length -> loss` of the best answer that sees t and x_t, and nothing of the past.
      shortest: the least `length`.
    """

    sample: SampleFn
    features: int
    outputs: int
    loss: LossFn
    errors: ErrorsFn
    solved: SolvedFn
    chance: Level
    memoryless: Level
    shortest: int = 1


class Answers(NamedTuple):
    """How the outputs of a network are compared with the targets; the attributes are those of a `Task`."""

    outputs: int
    loss: LossFn
    errors: ErrorsFn
    solved: SolvedFn


def make_task(
    name: str,
    draw: SampleFn,
    features: int,
    answers: Answers,
    *,
    chance: Level,
    memoryless: Level,
    shortest: int = 1,
) -> Task:
    """Makes a task whose sampler is compiled, and whose lengths are looked at first."""
    drawn = jax.jit(draw, static_argnames=("batch", "length"))

    def check_length(length):
        checks.sizes(name, length=length)
        if length < shortest:
            raise ValueError(f"{name}: length must be at least {shortest}, so that everything has its place; got {length}")

    def sample(key: Array, batch: int, length: int) -> Batch:
        checks.sizes(name, batch=batch)
        check_length(length)
        return drawn(key, batch=batch, length=length)

    def checked(level):
        def at(length: int) -> float:
            check_length(length)
            return float(level(length))

        return at

    return Task(sample, features, *answers, checked(chance), checked(memoryless), shortest)


def classes(count: int) -> Answers:
    """Logits of classes: cross-entropy in nats; a sequence is wrong unless each of its counted classes has the highest logit.

    A task is solved when fewer than 1 in 100 sequences are wrong.
    """

    def loss(outputs, batch):
        return masked_mean(cross_entropy(counted_outputs(outputs, batch, count), batch.targets), batch.mask)

    def errors(outputs, batch):
        chosen = jax.nn.one_hot(batch.targets, count, dtype=bool)
        return jnp.any(batch.mask & ~_ranked_first(counted_outputs(outputs, batch, count), chosen), axis=0)

    return Answers(count, loss, errors, functools.partial(fewer_than_one_in_a_hundred, errors))


def numbers(tolerance: float) -> Answers:
    """One number: squared error; a sequence is wrong if a counted squared error exceeds the tolerance.

    A task is solved when fewer than 1 in 100 sequences are wrong.
    """

    def squared(outputs, batch):
        return jnp.square(counted_outputs(outputs, batch, 1) - batch.targets.astype(outputs.dtype))[..., 0]

    def loss(outputs, batch):
        return masked_mean(squared(outputs, batch), batch.mask)

    def errors(outputs, batch):
        # so that NaN is an error
        return jnp.any(batch.mask & ~(squared(outputs, batch) <= tolerance), axis=0)

    return Answers(1, loss, errors, functools.partial(fewer_than_one_in_a_hundred, errors))


def symbol_sets(count: int) -> Answers:
    """A logit per symbol, of whether it is allowed: Σ_k of the binary cross-entropies, in nats.

    A sequence is wrong unless at every counted step each allowed symbol has a higher logit than each other symbol; a task is
    solved when no sequence is wrong.
    """

    def loss(outputs, batch):
        logits = counted_outputs(outputs, batch, count)
        return masked_mean(jnp.sum(jax.nn.softplus(jnp.where(batch.targets, -logits, logits)), axis=-1), batch.mask)

    def errors(outputs, batch):
        return jnp.any(batch.mask & ~_ranked_first(counted_outputs(outputs, batch, count), batch.targets), axis=0)

    return Answers(count, loss, errors, lambda outputs, batch: ~jnp.any(errors(outputs, batch)))


def binary(count: int) -> Answers:
    """A logit per bit: Σ_k of the binary cross-entropies, in nats; a sequence is wrong if a counted logit has the wrong sign.

    A task is solved when fewer than 1 in 100 sequences are wrong.
    """

    def errors(outputs, batch):
        logits = counted_outputs(outputs, batch, count)
        right = jnp.where(batch.targets, logits > 0, logits < 0)  # so that NaN is an error
        return jnp.any(batch.mask & ~jnp.all(right, axis=-1), axis=0)

    return Answers(count, symbol_sets(count).loss, errors, functools.partial(fewer_than_one_in_a_hundred, errors))


def fewer_than_one_in_a_hundred(errors: ErrorsFn, outputs: Outputs, batch: Batch) -> Bool[Array, ""]:
    """Whether less than 1% of the sequences are wrong, counted in integers.

    Reference: Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks, section 4.1.
    """
    wrong = errors(outputs, batch)
    return 100 * jnp.sum(wrong) < wrong.size


def counted_outputs(outputs: Outputs, batch: Batch, width: int) -> Outputs:
    """The outputs, with 0 where they do not count: in a loss alone, NaN would come back in the gradient."""
    expected = (*batch.mask.shape, width)
    if jnp.shape(outputs) != expected:
        raise ValueError(
            f"outputs must have the shape [T, batch, outputs] = {expected}; got {jnp.shape(outputs)}: give one for every step, "
            "those that do not count, too"
        )
    return jnp.where(batch.mask[..., None], outputs, 0)


def _ranked_first(logits: Float[Array, "*steps k"], chosen: Bool[Array, "*steps k"]) -> Bool[Array, "*steps"]:
    """Whether all chosen logits are higher than all others; neither ties nor NaN are."""
    lowest = jnp.min(jnp.where(chosen, logits, jnp.inf), axis=-1)
    highest = jnp.max(jnp.where(chosen, -jnp.inf, logits), axis=-1)
    # XLA's minimum and maximum of many rows leave NaN out on a CPU
    return (lowest > highest) & ~jnp.any(jnp.isnan(logits), axis=-1)


def one_hot(symbols: Int[Array, "T batch"], count: int) -> Float[Array, "T batch count"]:
    """Inputs of which one is 1."""
    return jax.nn.one_hot(symbols, count, dtype=jnp.float32)


def integers(key: Array, shape: tuple[int, ...], low: int | Array, high: int | Array) -> Int[Array, "*shape"]:
    """Draws integers of low ≤ n < high."""
    return jax.random.randint(key, shape, low, high, jnp.int32)


def bits(key: Array, batch: int, length: int) -> tuple[Float[Array, "T batch 1"], Int[Array, "T batch"]]:
    """Draws fair bits, and returns them as inputs, too."""
    drawn = integers(key, (length, batch), 0, 2)
    return drawn[..., None].astype(jnp.float32), drawn


def at_places(places: Int[Array, "batch"], length: int) -> Bool[Array, "T batch"]:
    """Which step of each sequence is its place."""
    return jnp.arange(length, dtype=jnp.int32)[:, None] == places[None]


def last_step(
    answers: Shaped[Array, "batch *rest"], length: int
) -> tuple[Shaped[Array, "T batch *rest"], Bool[Array, "T batch"]]:
    """Targets and mask of a task that counts the last step alone."""
    targets = jnp.zeros((length, *answers.shape), answers.dtype).at[-1].set(answers)
    return targets, counted_steps(jnp.arange(length) == length - 1, len(answers))


def counted_steps(counted: Bool[Array, "T"], batch: int) -> Bool[Array, "T batch"]:
    """The same steps for every sequence."""
    return jnp.broadcast_to(counted[:, None], (len(counted), batch))


def every_step(symbols: Int[Array, "T batch"]) -> Bool[Array, "T batch"]:
    """All steps count."""
    return jnp.ones(symbols.shape, bool)
