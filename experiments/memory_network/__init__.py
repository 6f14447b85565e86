"""Questions about a small world: how many looks at the facts does an answer take?

Claim. Questions whose answer follows from several facts are answered better by a memory network that looks several times than
by one that looks once, or by an LSTM that reads the story.

Task. Stories of 4 to 12 facts, generated (`world`): four actors go to five places, take three things along and drop them. Five
kinds of questions: where an actor is (one fact), where a thing is (two), where a thing was before its last place (three),
whether an actor is in a place (yes or no), and how many things one carries (counting). All are learned at once.

Networks. Memory networks of width 32 with 1, 2 and 3 hops, adjacent tying, position and temporal encoding, words as answers
(of 2,944 to 5,888 parameters); an LSTM of 64 units that reads story and question word by word (28,130); a hidden layer of 64
on the counts of words in story and question (6,626). Who gives the most frequent answer to each kind of question is printed,
too.

Training: Adam, gradients clipped to norm 1, a rate that falls to 0 along a cosine over 3,000 updates of 32 of 20,000 stories;
each network chooses its rate of 0.003, 0.01, 0.03 and 0.1 by the mean accuracy of its first two on 1,000 other stories.
Reported is the accuracy on 2,500 others again, 500 of each kind. Three networks of each kind share the stories, so that
intervals tell of networks alone.

Criteria, fixed before the first run; bounds of 95 % intervals (Student) over three networks. (1) 3 hops, one fact: accuracy at
least 0.95. (2) Two facts: 2 hops minus 1 hop at least 0.2. (3) Three facts: 3 hops minus 1 hop at least 0.2, and (4) minus 2
hops above 0. The mean over all kinds, 3 hops minus (5) the LSTM and (6) the bag of words: at least 0.1.

Published, for the 20 tasks of bAbI, after which these questions are modelled: mean errors of 51.3 % for the LSTM, 12.4 % for a
memory network of 3 hops on 1,000 stories of each task, learned jointly, and 4.2 to 7.5 % on 10,000. Their stories are longer,
their vocabulary larger, and supporting facts more often apart. That size: `--stories 10000 --width 50 --updates 150000`.

Pilots, on other stories and seeds, set sizes and updates. In them one network of 3 hops had 1, 0.95, 0.99, 0.78 and 0.96 on
the five kinds after 3,000 updates at 0.01, one of 1 hop 1, 0.43, 0.51, 0.5 and 0.73, an LSTM 0.47, 0.47, 0.51, 0.68 and 0.46.
Rates of 0.003 and 0.03 were worse for 3 hops. 2 hops were not tried, nor the bag of words.

Two runs came before, in which each kind chose its rate by one network. The first, seed 0, of 0.003 to 0.03, met all but (4): 2
hops had 0.976 of three facts right, and 3 hops 0.983. The second, seed 1, of 0.001 to 0.03, missed (2), too: 2 hops chose
0.03, with which one of three networks answered as with 1 hop, so that two facts were 0.757 right, 0.45 with 1 hop and 0.972
with 3.

What a sceptic can still say: the LSTM learns slowly, and would be better after many more updates. Stories are drawn from a
grammar of three sentences. Under adjacent tying a hop adds parameters, too; under layer-wise tying, where it
adds none, one pilot of 3 hops had 0.96 and 0.98 of two and three facts right.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common.checks import Check, above, at_least
from experiments.common.devices import PARTS
from experiments.common.experiment import Experiment, Results
from experiments.common.intervals import of_mean
from experiments.common.options import check_counts, check_rates
from experiments.common.parts import Part, compute_now
from experiments.common.tables import over_seeds
from experiments.common.training import train_one
from experiments.memory_network.figure import plot
from experiments.memory_network.networks import BAG, HOPS, LSTM, MOST, NETWORKS, Model, Texts, as_texts, attention, make_model
from experiments.memory_network.world import TASKS, Stories, stories
from recurrent import count_parameters


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    stories: int = 4000
    """Training stories of each kind of question."""
    width: int = 32
    """Features of memory networks, and of the words that the LSTM reads."""
    hidden_size: int = 64
    """Units of the LSTM, and of the bag of words."""
    batch_size: int = 32
    """Stories per update."""
    updates: int = 3000
    """Updates of every network."""
    learning_rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1)
    """Learning rates that every network chooses from."""
    seeds: int = 3
    """Networks of each kind."""
    seed: int = 2
    """Seed of stories and networks."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "stories", "width", "hidden_size", "batch_size", "updates", "seeds")
        check_counts(self, "seed", least=0)
        check_rates(self, "0.003 0.01")


TRIALS = 2
"""Networks of each kind by which its rate is chosen."""
VALIDATION, TEST = 200, 500
"""Stories of each kind on which a rate is chosen, and that are reported on."""


def splits(config: Config) -> tuple[Stories, Stories, Stories]:
    """Stories to train on, to choose on, and to report on."""
    counts = (config.stories, VALIDATION, TEST)
    training, validation, test = (stories(count, 3 * config.seed + i) for i, count in enumerate(counts))
    return training, validation, test


def run(config: Config, part: Part = compute_now) -> Results:
    """Trains and scores all networks."""
    rows, curves = [], {}
    training, _, test = splits(config)
    for name, found in part.each("study", functools.partial(study, config), NETWORKS).items():
        curves |= {f"{key}/{name}": values for key, values in found.items()}
        model = make_model(name, config.width, config.hidden_size)
        parameters = count_parameters(jax.eval_shape(model.init, jax.random.key(0)))
        about = {"network": name, "parameters": parameters, "rate": float(found["rate"])}
        scores = {**dict(zip(TASKS, found["accuracy"].T, strict=True)), "all": found["accuracy"].mean(axis=1)}
        rows += [about | {"questions": task} | over_seeds("accuracy", values) for task, values in scores.items()]
    curves["frequent"] = frequent(training, test)
    for task, accuracy in zip(TASKS, curves["frequent"], strict=True):
        rows.append({"network": "most frequent answer", "questions": task, "accuracy": float(accuracy)})
    return Results(rows, {"test stories found in training": repeated(training, test)} | looks(curves), curves)


def study(config: Config, name: str) -> dict[str, np.ndarray]:
    """Chooses a rate with the first networks, and trains the others with it.

    Returns:
      validation: accuracies of the first networks `[rate, trial]`.
      rate: the one chosen.
      accuracy: on the stories that are reported on, `[network, task]`.
      For the network with the most hops also what `looked_at` gives of the first one.
    """
    model, (training, validation, test) = make_model(name, config.width, config.hidden_size), splits(config)
    given, chosen_on, asked = map(as_texts, (training, validation, test))
    fit, trials = functools.partial(trained, config, model, given, name), min(TRIALS, config.seeds)
    tried = [[fit(rate, i) for i in range(trials)] for rate in config.learning_rates]
    scores = np.array([[right(model, network, chosen_on).mean() for network in row] for row in tried])
    best = int(scores.mean(axis=1).argmax())
    networks = [*tried[best], *(fit(config.learning_rates[best], i) for i in range(trials, config.seeds))]
    hits = [right(model, network, asked) for network in networks]
    accuracy = np.array([[hit[test.tasks == task].mean() for task in range(len(TASKS))] for hit in hits])
    found = {"validation": scores, "rate": np.array(config.learning_rates[best]), "accuracy": accuracy}
    return found | looked_at(config, networks[0], test, hits[0]) if name == MOST else found


def trained(config: Config, model: Model, training: Texts, name: str, rate: float, i: int) -> Any:
    """The i-th network of a kind, trained at one rate."""
    k_network, k_batches = jax.random.split(jax.random.fold_in(jax.random.key(config.seed), i))
    batches = jax.random.randint(k_batches, (config.updates, config.batch_size), 0, len(training.answers))
    label = f"{name}, rate {rate:g}, network {i}"
    return train_one(loss_of(model), model.init(k_network), batches, rate, label, given=training)[0]


@functools.cache
def loss_of(model: Model) -> Any:
    """One function for each model, so that its training is compiled once."""
    return model.loss


def right(model: Model, params: Any, texts: Texts) -> np.ndarray:
    """Which questions are answered right; NaN is no answer."""
    return np.asarray(_right(model, params, texts))


@functools.partial(jax.jit, static_argnames=("model",))
def _right(model: Model, params: Any, texts: Texts) -> Array:
    logits = model.logits(params, texts)
    return (logits.argmax(axis=-1) == texts.answers) & jnp.isfinite(logits).all(axis=-1)


def looked_at(config: Config, params: Any, test: Stories, hit: np.ndarray) -> dict[str, np.ndarray]:
    """What a network looks at.

    Returns:
      attended: of each kind, the share of the facts that the answer follows from to which some hop gives the largest weight.
      facts, question, answer, support, attention: of the first question of three facts that is answered right (of all, if none
        is); attention `[hop, fact]`.
    """
    weights = np.asarray(jax.jit(functools.partial(attention, config.width, len(HOPS)))(params, as_texts(test)))
    largest = np.zeros(test.support.shape, bool)
    for hop in weights:
        largest[np.arange(len(largest)), hop.argmax(axis=0)] = True
    attended = [largest[test.support & (test.tasks == task)[:, None]].mean() for task in range(len(TASKS))]
    of_three = test.tasks == TASKS.index("three facts")
    shown = int(np.argmax(of_three & hit if (of_three & hit).any() else of_three))
    story = {"facts": test.facts[shown], "question": test.questions[shown], "answer": test.answers[shown]}
    return {"attended": np.array(attended), **story, "support": test.support[shown], "attention": weights[:, :, shown]}


def looks(curves: dict[str, np.ndarray]) -> dict[str, float]:
    """What the first network with the most hops looks at, by kinds of questions."""
    return {f"facts looked at, {task}": float(one) for task, one in zip(TASKS, curves[f"attended/{MOST}"], strict=True)}


def frequent(training: Stories, test: Stories) -> np.ndarray:
    """Accuracy of the most frequent answer in training to each kind of question, `[task]`."""
    found = []
    for task in range(len(TASKS)):
        guess = np.bincount(training.answers[training.tasks == task]).argmax()
        found.append((test.answers[test.tasks == task] == guess).mean())
    return np.array(found)


def repeated(training: Stories, test: Stories) -> float:
    """The share of test stories, with their question, that are training stories, too."""
    rows = lambda s: [f.tobytes() + q.tobytes() for f, q in zip(s.facts, s.questions, strict=True)]  # noqa: E731
    known = set(rows(training))
    return float(np.mean([row in known for row in rows(test)]))


def check(config: Config, results: Results) -> list[Check]:
    """Compares accuracies over networks with what was fixed in advance; none under other options."""
    if dataclasses.replace(config, seed=Config.seed) != Config():
        return []
    found = {name: results.curves[f"accuracy/{name}"] for name in NETWORKS}
    two, three = (TASKS.index(task) for task in ("two facts", "three facts"))
    gain = lambda one, other, task: of_mean(found[one][:, task] - found[other][:, task])  # noqa: E731
    overall = {name: of_mean((found[MOST] - found[name]).mean(axis=1)) for name in (LSTM, BAG)}
    return [
        at_least("(1) 3 hops: accuracy, one fact", of_mean(found[MOST][:, TASKS.index("one fact")]), 0.95),
        at_least("(2) two facts: 2 hops minus 1 hop", gain(HOPS[1], HOPS[0], two), 0.2),
        at_least("(3) three facts: 3 hops minus 1 hop", gain(MOST, HOPS[0], three), 0.2),
        above("(4) three facts: 3 hops minus 2 hops", gain(MOST, HOPS[1], three)),
        *(at_least(f"({i}) all questions: 3 hops minus {name}", overall[name], 0.1) for i, name in ((5, LSTM), (6, BAG))),
    ]


EXPERIMENT = Experiment(
    name="memory_network",
    claim="Answers that follow from several facts take a memory network several looks; an LSTM that reads gets fewer right.",
    source="Sukhbaatar, Szlam, Weston & Fergus (2015), End-to-end memory networks, section 4",
    config=Config,
    run=run,
    plot=plot,
    check=check,
    spreads=PARTS,
)
