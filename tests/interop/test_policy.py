"""The recurrent policy of docs/flax.md, with episodes that begin inside a block: against a loop over one episode at a time."""

import jax
import jax.numpy as jnp
import numpy as np
from blocks import blocks_of
from helpers import filled, random_array, relative_error, to_float64

T, B, FEATURES, ACTIONS = 6, 2, 4, 3
PAGE: dict = {"__name__": "policy"}
exec(blocks_of("docs/flax.md")["A recurrent policy"].split("policy, num_envs")[0], PAGE)
POLICY = PAGE["policy"] = PAGE["ActorCritic"](ACTIONS)
DONES = np.array([[0, 1], [0, 1], [1, 0], [0, 0], [0, 0], [0, 1]], bool)
LAST_DONE = np.array([False, True])
EPISODES = {0: [(0, 3), (3, 6)], 1: [(0, 1), (1, 2), (2, 6)]}
"""First and last step of every episode of an environment; that of environment 0 goes on from the block before."""


def block():
    rng = np.random.default_rng(2)
    return {
        "observations": random_array((T, B, FEATURES), 0),
        "actions": jnp.asarray(rng.integers(0, ACTIONS, (T, B))),
        "returns": random_array((T, B), 1),
        "dones": jnp.asarray(DONES),
        "last_done": jnp.asarray(LAST_DONE),
    }


def episode_by_episode(variables, state, block):
    """The loss with no flags: each episode of each environment is a sequence of its own."""
    terms = []
    for environment, episodes in EPISODES.items():
        for first, end in episodes:
            goes_on = first == 0 and not LAST_DONE[environment]
            before = state[environment] if goes_on else jnp.zeros_like(state[environment])
            _, (logits, values) = POLICY.apply(variables, block["observations"][first:end, environment], before)
            for t in range(first, end):
                here, value = block["returns"][t, environment], values[t - first]
                action = block["actions"][t, environment]
                chosen = jax.nn.log_softmax(logits[t - first])[action]
                terms.append((here - value) ** 2 - chosen * jax.lax.stop_gradient(here - value))
    return sum(terms) / (T * B)


def test_a_block_is_its_episodes_one_by_one():
    given, state = block(), random_array((B, 16), 3)
    shapes = jax.eval_shape(POLICY.init, jax.random.key(0), jnp.zeros((T, B, FEATURES), jnp.float32))
    variables = to_float64(filled(shapes, 4))

    @jax.jit
    def found_and_expected(variables, state):
        both = PAGE["loss"], episode_by_episode
        return [jax.value_and_grad(loss, argnums=(0, 1))(variables, state, given) for loss in both]

    found, expected = found_and_expected(variables, state)
    assert relative_error(found, expected) < 1e-10
    of_state = expected[1][1]
    assert of_state[0].any()
    assert not of_state[1].any()
