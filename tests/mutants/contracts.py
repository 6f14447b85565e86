"""What cells and layers promise besides numbers: identity, state handed on, directions, refusals."""

from tests.mutants.mutant import Mutant

_MADE = ("test_made.py",)
_STREAMS = ("test_streams.py",)
_SEGMENTS = ("test_bptt.py::test_chunks_share_outputs_and_unrolled_loops_change_nothing",)
_WIDTHS = ("test_params_of_other_widths.py",)

MUTANTS = (
    Mutant(
        "cells of one factory are equal whatever their sizes",
        "made.py",
        "return self.factory, *map(_comparable, self.positional), ",
        "return self.factory, ",
        _MADE,
    ),
    Mutant(
        "cells of one factory are equal whatever their options",
        "made.py",
        "*((name, _comparable(value)) for name, value in self.named)",
        "*()",
        _MADE,
    ),
    Mutant("equal cells have different hashes", "made.py", "return hash(self._key())", "return id(self)", _MADE),
    Mutant(
        "layers in series start anew with every call",
        "layers/_compose.py",
        "layer.apply(layer_params, xs, layer_state, ",
        "layer.apply(layer_params, xs, None, ",
        _STREAMS,
    ),
    Mutant(
        "a run against time starts anew one step late",
        "layers/_direction.py",
        "jnp.concatenate([resets[1:], jnp.zeros_like(resets[:1])])",
        "resets",
        _STREAMS,
    ),
    Mutant(
        "a layer run backwards returns its outputs backwards",
        "layers/_direction.py",
        "return state, flipped(ys)",
        "return state, ys",
        _STREAMS,
    ),
    Mutant(
        "a layer run backwards reads the mask forwards",
        "layers/_direction.py",
        '"mask": flipped(mask)',
        '"mask": mask',
        _STREAMS,
    ),
    Mutant(
        "the window of a layer is forgotten",
        "layers/_scanned.py",
        "run = unroll if window is None else functools.partial(unroll_truncated, window=window)",
        "run = unroll",
        _STREAMS,
    ),
    Mutant(
        "every segment starts from the first state",
        "bptt/_segments.py",
        "._replace(state=buffers.read(befores, start // segment))",
        "",
        _SEGMENTS,
    ),
    Mutant(
        "only the last segment counts for the parameters",
        "bptt/_segments.py",
        "sums = pytrees.add((dfresh, dparams), (found.fresh, found.params))",
        "sums = (found.fresh, found.params)",
        _SEGMENTS,
    ),
    Mutant(
        "the state after a segment is kept for the one before it",
        "bptt/_segments.py",
        "        befores = buffers.write(befores, start // segment, jax.tree.leaves(state))\n",
        "        befores = buffers.write(befores, jnp.maximum(start // segment - 1, 0), jax.tree.leaves(state))\n",
        _SEGMENTS,
    ),
    Mutant(
        "params of any width are taken",
        "checks.py",
        "jnp.shape(leaf) not in [shape for _, shape in shapes]",
        "jnp.ndim(leaf) != len(shapes[0][1])",
        _WIDTHS,
    ),
    Mutant(
        "a byte off in the notes of a checkpoint goes unseen",
        "train/_checkpoints.py",
        'if saved["checksum"] != _checksum(saved)',
        "if False",
        ("test_damaged_checkpoints.py",),
    ),
    Mutant(
        "NaN in masked keys reaches the scores",
        "seq2seq/_attention.py",
        "return keys if mask is None else jnp.where(mask[..., None], keys, jnp.zeros_like(keys))",
        "return keys",
        ("test_attention_padding.py",),
    ),
    Mutant(
        "forward mode runs into JAX's own message",
        "bptt/_reverse_only.py",
        "return primals[0], _tangent.bind(tangents[0])",
        "return primals[0], tangents[0]",
        ("test_forward_mode.py",),
    ),
    Mutant(
        "Newton's method differentiates what it cannot",
        "parallel/_newton.py",
        'if "custom_lin" in _primitives(pushed.jaxpr)',
        "if False",
        ("test_refusals.py",),
    ),
    Mutant(
        "params cannot be saved in exported programs",
        "exporting.py",
        "issubclass(thing, tuple)",
        "issubclass(thing, dict)",
        ("test_export.py",),
    ),
    Mutant(
        "a layer in half precision returns single",
        "layers/_stepwise.py",
        "return dense(params, xs, dtype).astype(xs.dtype)",
        "return dense(params, xs, dtype)",
        ("test_dtypes.py",),
    ),
    Mutant(
        "a step may return anything",
        "sequences.py",
        "if not isinstance(returned, tuple) or len(returned) != 2:",
        "if False:",
        ("test_wrong_arguments.py",),
    ),
    Mutant(
        "an initial state need not lead with the batch",
        "sequences.py",
        "if jnp.shape(leaf)[: len(batch_shape)] != batch_shape:",
        "if False:",
        ("test_wrong_arguments.py",),
    ),
)
