"""Children in the wrong places, gates that read the wrong child, and padding that leaks, in trees."""

from tests.mutants.mutant import Mutant

_PAPER = ("test_recursive.py::test_against_the_recursion_of_the_paper",)
_SCHEDULE = ("test_schedules.py::test_the_schedule_of_a_small_batch",)
_TOKENS = ("test_schedules.py::test_trees_over_tokens_cover_them_in_order",)
_REFUSED = ("test_schedules.py::test_what_is_no_tree_is_refused",)

MUTANTS = (
    Mutant(
        "a child-sum forget gate that reads the sum of the children",
        "trees/_lstm.py",
        "dot(children.h, w_f, dtype)",
        "dot(children.h.sum(axis=-2, keepdims=True), w_f, dtype)",
        _PAPER,
    ),
    Mutant(
        "an N-ary forget gate of another child",
        "trees/_lstm.py",
        "jnp.stack(s_f, axis=-2)",
        "jnp.stack(s_f[::-1], axis=-2)",
        _PAPER,
    ),
    Mutant(
        "every N-ary child by the matrix of the first",
        "trees/_elman.py",
        "kernels.reshape(-1, kernels.shape[-1])",
        "jnp.broadcast_to(kernels[:1], kernels.shape).reshape(-1, kernels.shape[-1])",
        _PAPER,
    ),
    Mutant(
        "the bias of the forget gate of a tree on the input gate",
        "trees/_lstm.py",
        "bias.at[hidden_size : 2 * hidden_size].add",
        "bias.at[:hidden_size].add",
        ("test_recursive.py::test_matrices_are_drawn_block_by_block_and_forget_gates_start_open",),
    ),
    Mutant(
        "children in the order of their own numbers",
        "trees/_trees.py",
        "sorted(below, key=first_leaf.__getitem__)",
        "sorted(below)",
        ("test_schedules.py::test_children_stand_in_the_order_of_their_leaves",),
    ),
    Mutant(
        "levels by the shortest way down",
        "trees/_trees.py",
        "1 + max((heights[child] for child in below), default=-1)",
        "1 + min((heights[child] for child in below), default=-1)",
        _TOKENS,
    ),
    Mutant(
        "nodes on a cycle are left out",
        "trees/_trees.py",
        "if len(heights) < len(children):",
        "if not heights:",
        _REFUSED,
    ),
    Mutant(
        "the last of several roots is taken",
        "trees/_trees.py",
        "if len(roots) > 1:",
        "if len(roots) > 2:",
        _REFUSED,
    ),
    Mutant(
        "halves of which the right one is longer",
        "trees/_over_tokens.py",
        "lambda n: -(-n // 2)",
        "lambda n: n // 2",
        _TOKENS,
    ),
    Mutant(
        "shapes of trees over tokens by the longest of the batch",
        "trees/_over_tokens.py",
        "longest = int(given.max()) if num_tokens is None else num_tokens",
        "longest = int(given.max())",
        ("test_recursive.py::test_one_program_serves_all_trees_of_a_shape",),
    ),
    Mutant(
        "an absent child has the state of some node",
        "trees/_recursive.py",
        "jnp.where(there, children, num_nodes)",
        "jnp.maximum(children, 0)",
        ("test_recursive.py::test_a_cell_of_ones_own_sees_absent_children_and_the_mask",),
    ),
    Mutant(
        "what is padded is written to the last node",
        "trees/_places.py",
        "jnp.where(nodes == NONE, num_nodes + slots, nodes)",
        "jnp.where(nodes == NONE, num_nodes - 1, nodes)",
        _PAPER,
    ),
    Mutant(
        "NaN in the padding of a tree reaches its gradients",
        "trees/_recursive.py",
        "jnp.maximum(nodes, 0)",
        "nodes",
        ("test_recursive.py::test_padding_with_nan_reaches_nothing",),
    ),
    Mutant(
        "the state of the first node for that of the root",
        "trees/_recursive.py",
        "_rows(states, trees.roots[None])",
        "_rows(states, jnp.zeros_like(trees.roots)[None])",
        _PAPER,
    ),
    Mutant(
        "distances from the root by the levels of the nodes",
        "trees/_places.py",
        "found[below[slot, b, k], b] = found[parents[slot, b], b] + 1",
        "found[below[slot, b, k], b] = found[parents].max() + 1",
        _SCHEDULE,
    ),
)
