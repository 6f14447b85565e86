"""A small world: actors go to places, take things along and drop them; its stories, and questions about their ends."""

import functools
from typing import NamedTuple

import numpy as np

ACTORS = ("mary", "john", "anna", "paul")
PLACES = ("kitchen", "garden", "office", "hall", "attic")
THINGS = ("apple", "book", "lamp")
NUMBERS = ("zero", "one", "two", "three")
OTHERS = (
    "went",
    "to",
    "the",
    "took",
    "dropped",
    "where",
    "is",
    "was",
    "before",
    "in",
    "how",
    "many",
    "things",
    "does",
    "carry",
)
WORDS = ("", *ACTORS, *PLACES, *THINGS, *NUMBERS, "yes", "no", *OTHERS)
"""The vocabulary; word 0 is padding."""
IDS = {word: i for i, word in enumerate(WORDS)}
TASKS = ("one fact", "two facts", "three facts", "yes or no", "counting")
SHORTEST, LONGEST = 4, 12
"""Facts of a story."""
FACT_WORDS, QUESTION_WORDS = 5, 7
"""Words of the longest fact and question."""

Sentence = tuple[str, ...]


class Fact(NamedTuple):
    """`actor` went to `what`, took it, or dropped it, as the verb says."""

    actor: str
    verb: str
    what: str

    def sentence(self) -> Sentence:
        """The fact in words."""
        return (
            (self.actor, "went", "to", "the", self.what) if self.verb == "went" else (self.actor, self.verb, "the", self.what)
        )


class Asked(NamedTuple):
    """A question about a story, its answer, and the facts that it follows from."""

    question: Sentence
    answer: str
    support: tuple[int, ...]


class World:
    """What is so after the facts so far, and since which fact."""

    def __init__(self):
        """Nobody is anywhere yet, and nothing either."""
        self.facts: list[Fact] = []
        self.moves: dict[str, list[int]] = {actor: [] for actor in ACTORS}
        self.taken: dict[str, int] = {}  # things that are carried, since which fact
        self.lies: dict[str, str] = {}  # things that lie somewhere
        self.stays: dict[str, list[tuple[str, tuple[int, ...]]]] = {thing: [] for thing in THINGS}
        self.settled: dict[str, tuple[int, ...]] = {}  # the facts that tell where a thing is

    def place(self, actor: str) -> str:
        """Where an actor is."""
        return self.facts[self.moves[actor][-1]].what

    def carried(self, actor: str) -> list[str]:
        """What an actor carries."""
        return [thing for thing, fact in self.taken.items() if self.facts[fact].actor == actor]

    def happens(self, fact: Fact) -> None:
        """Adds a fact."""
        now = len(self.facts)
        self.facts.append(fact)
        actor, verb, what = fact
        if verb == "went":
            self.moves[actor].append(now)
            for thing in self.carried(actor):
                before = self.moves[actor][-2]
                self.stays[thing].append((what, (before, self.taken[thing], now)))
                self.settled[thing] = (self.taken[thing], now)
            return
        here = self.moves[actor][-1]
        self.settled[what] = (here, now)
        if verb == "took":
            self.taken[what] = now
            self.lies.pop(what, None)
            if not self.stays[what]:
                self.stays[what].append((self.place(actor), (here, now)))
        else:
            del self.taken[what]
            self.lies[what] = self.place(actor)

    def possible(self, actor: str, verb: str) -> list[str]:
        """What an actor can go to, take or drop."""
        if verb == "went":
            return [place for place in PLACES if not self.moves[actor] or place != self.place(actor)]
        if not self.moves[actor]:
            return []
        if verb == "dropped":
            return self.carried(actor)
        free = [thing for thing in THINGS if thing not in self.taken]
        return [thing for thing in free if self.lies.get(thing, self.place(actor)) == self.place(actor)]


def ask(task: str, world: World, rng: np.random.Generator) -> Asked | None:
    """A question of a task about a world, or None where there is none to ask."""
    moved = [actor for actor in ACTORS if world.moves[actor]]
    actor = one_of(moved, rng)
    if task == "one fact":
        return Asked(("where", "is", actor), world.place(actor), (world.moves[actor][-1],))
    if task == "yes or no":
        truth = rng.random() < 0.5
        place = world.place(actor) if truth else one_of([p for p in PLACES if p != world.place(actor)], rng)
        return Asked(("is", actor, "in", "the", place), "yes" if truth else "no", (world.moves[actor][-1],))
    if task == "counting":
        own = [i for i, fact in enumerate(world.facts) if fact.actor == actor and fact.verb != "went"]
        return Asked(("how", "many", "things", "does", actor, "carry"), NUMBERS[len(world.carried(actor))], tuple(own))
    known = [thing for thing in THINGS if world.stays[thing]]
    if not known:
        return None
    thing = one_of(known, rng)
    stays = [place for place, _ in world.stays[thing]]
    if task == "two facts":
        return Asked(("where", "is", "the", thing), stays[-1], tuple(sorted(world.settled[thing])))
    if len(stays) < 2 or stays.count(stays[-1]) > 1:
        return None
    return Asked(
        ("where", "was", "the", thing, "before", "the", stays[-1]), stays[-2], tuple(sorted(world.stays[thing][-1][1]))
    )


def story(task: str, rng: np.random.Generator) -> tuple[list[Fact], Asked]:
    """Draws facts and a question; of counting, as many answers "zero" as "one" and "two or three"."""
    wanted = rng.integers(3)
    while True:
        world = World()
        for _ in range(rng.integers(SHORTEST, LONGEST + 1)):
            world.happens(next_fact(world, rng))
        asked = ask(task, world, rng)
        if asked is not None and (task != "counting" or min(NUMBERS.index(asked.answer), 2) == wanted):
            return world.facts, asked


def next_fact(world: World, rng: np.random.Generator) -> Fact:
    """Draws an actor, and what they do: half of all facts are moves, where something else is possible."""
    actor = one_of(ACTORS, rng)
    others = [Fact(actor, verb, what) for verb in ("took", "dropped") for what in world.possible(actor, verb)]
    if others and rng.random() < 0.5:
        return others[rng.integers(len(others))]
    return Fact(actor, "went", one_of(world.possible(actor, "went"), rng))


def one_of(choices, rng: np.random.Generator) -> str:
    """Draws one of them."""
    return choices[rng.integers(len(choices))]


class Stories(NamedTuple):
    """Stories as integers.

    Attributes:
      facts: `[story, fact, word]`, padded with 0.
      questions: `[story, word]`, padded with 0.
      answers: `[story]`, words.
      tasks: `[story]`, places in `TASKS`.
      support: `[story, fact]`, whether the answer follows from this fact.
    """

    facts: np.ndarray
    questions: np.ndarray
    answers: np.ndarray
    tasks: np.ndarray
    support: np.ndarray


@functools.lru_cache(maxsize=4)
def stories(count: int, seed: int) -> Stories:
    """Draws `count` stories of each task, in turn."""
    rng = np.random.default_rng(seed)
    drawn = [story(task, rng) for _ in range(count) for task in TASKS]
    found = Stories(
        np.zeros((len(drawn), LONGEST, FACT_WORDS), np.int32),
        np.zeros((len(drawn), QUESTION_WORDS), np.int32),
        np.array([IDS[asked.answer] for _, asked in drawn], np.int32),
        np.arange(len(drawn), dtype=np.int32) % len(TASKS),
        np.zeros((len(drawn), LONGEST), bool),
    )
    for i, (facts, asked) in enumerate(drawn):
        for j, fact in enumerate(facts):
            found.facts[i, j, : len(fact.sentence())] = [IDS[word] for word in fact.sentence()]
        found.questions[i, : len(asked.question)] = [IDS[word] for word in asked.question]
        found.support[i, list(asked.support)] = True
    return found


def text(ids: np.ndarray) -> str:
    """Words again."""
    return " ".join(WORDS[i] for i in ids if i)
