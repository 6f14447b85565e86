"""Weights of other libraries: gates, signs, sums, names, and files that must not be believed."""

from tests.mutants.mutant import Mutant

_WEIGHTS = ("test_weights.py",)
_VALUES = ("test_weights_of_peers.py", "test_golden.py", "test_onnx.py")
_FILES = ("test_files.py",)
_ONNX = ("test_onnx.py",)
_CONVERT = ("test_convert.py",)
_LAYOUTS, _BLOCKS, _PLACES = "interop/_layouts.py", "interop/_blocks.py", "interop/_places.py"

MUTANTS = (
    Mutant("z of torch's GRU keeps its sign", _LAYOUTS, '_torch("rzn", negated="z"', '_torch("rzn", negated=""', _VALUES),
    Mutant("b_hn of torch's GRU stands outside the reset", _LAYOUTS, '"b:rz s:n"),', '"b:rzn"),', (*_VALUES, *_WEIGHTS)),
    Mutant(
        "gates of ONNX's LSTM come in our order",
        _LAYOUTS,
        '_onnx("iofg", "b:iofgiofg"),',
        '_onnx("ifgo", "b:ifgoifgo"),',
        _ONNX,
    ),
    Mutant("peepholes of ONNX come in our order", _LAYOUTS, '"P p:iof"', '"P p:ifo"', _ONNX),
    Mutant(
        "kernels of torch are not transposed",
        _LAYOUTS,
        "transposed=True, negated=negated, **options",
        "transposed=False, negated=negated, **options",
        _VALUES,
    ),
    Mutant("nnx's GRU takes any b_hn", "interop/_weights.py", "        _check_places(library, place, blocks)\n", "", _WEIGHTS),
    Mutant(
        "the second bias is left out",
        _BLOCKS,
        "found[block] + array if block in found else array",
        "found.get(block, array)",
        (*_VALUES, *_WEIGHTS),
    ),
    Mutant(
        "both biases get the value",
        _BLOCKS,
        "blocks = blocks | {block: jnp.zeros_like(blocks[block]) for row in tensor.grid for block in row}",
        "pass",
        _WEIGHTS,
    ),
    Mutant(
        "both biases of an array get the value",
        _BLOCKS,
        "jnp.zeros_like(blocks[block]) if block in placed else blocks[block]",
        "blocks[block]",
        _WEIGHTS,
    ),
    Mutant(
        "haiku's 1 is not added",
        _BLOCKS,
        'found.get(("bias", gate), 0.0) + constant',
        'found.get(("bias", gate), 0.0)',
        _WEIGHTS,
    ),
    Mutant(
        "extra arrays are left unnamed",
        _PLACES,
        "for place in places)] if others else left",
        "for place in places)] if others else []",
        _WEIGHTS,
    ),
    Mutant(
        "half of the biases will do",
        "interop/_weights.py",
        "set() if any(name in tensors for name in biases) else set(biases)",
        "set(biases)",
        _WEIGHTS,
    ),
    Mutant(
        "shapes are not compared",
        "interop/_weights.py",
        "(shape := jnp.shape(as_array(name, tensors[name]))) != wanted",
        "(shape := wanted) != wanted",
        _WEIGHTS,
    ),
    Mutant(
        "backward layers of torch bear the forward name",
        _PLACES,
        "'_reverse' if direction == 'backward' else ''",
        "''",
        _WEIGHTS,
    ),
    Mutant("any activation is taken for torch", _PLACES, "activation not in allowed", "False", _WEIGHTS),
    Mutant(
        "towers are taken for torch's layers", "interop/_networks.py", "if any(len(path) > 2", "if any(len(path) > 9", _WEIGHTS
    ),
    Mutant("a sum of directions is taken for ONNX", "interop/_networks.py", '"merge" in dict', '"merging" in dict', _WEIGHTS),
    Mutant(
        "a pickle may name anything of os",
        "interop/_torch_files.py",
        "if (module_name, global_name) not in allowed:",
        "if False:",
        _FILES,
    ),
    Mutant("tensors may reach beyond their storage", "interop/_torch_files.py", "last >= len(storage)", "False", _FILES),
    Mutant(
        "tensors may be larger than their storage",
        "interop/_torch_files.py",
        "math.prod(size) > len(storage)",
        "math.prod(size) > 2 ** 50",
        _FILES,
    ),
    Mutant(
        "an .npz may hold objects", "interop/_files.py", "allow_pickle=False) as file", "allow_pickle=True) as file", _FILES
    ),
    Mutant(
        "files are overwritten",
        "interop/_files.py",
        "    if path.exists() or path.is_symlink():\n",
        "    if False:\n",
        (*_FILES, *_CONVERT),
    ),
    Mutant(
        "a file of another library is believed",
        "interop/_files.py",
        "note not in (None, library)",
        "False",
        (*_FILES, *_CONVERT),
    ),
    Mutant(
        "ONNX's linear_before_reset is not looked at",
        "interop/_onnx_read.py",
        "if name in wanted and _lower(value) != _lower(wanted[name]) and",
        "if name == 'hidden_size' and value != wanted[name] and",
        _ONNX,
    ),
    Mutant(
        "ONNX's initial state is not looked at",
        "interop/_onnx_read.py",
        "if given.get(name) and not graph.is_zero_or_given(given[name]):",
        "if False:",
        _ONNX,
    ),
    Mutant(
        "directions of ONNX come in the wrong order", "interop/_onnx_write.py", "perm=[0, 2, 1, 3]", "perm=[0, 2, 3, 1]", _ONNX
    ),
    Mutant(
        "float64 weights are converted in float32",
        "interop/__main__.py",
        "with jax.enable_x64(True):",
        "if True:",
        _CONVERT,
    ),
    Mutant(
        "other layers at a place are left out",
        _PLACES,
        "for place in places)] if others else left",
        "for place in ())] if others else left",
        _WEIGHTS,
    ),
    Mutant("names may collide", _PLACES, "if names.count(name) > 1", "if names.count(name) > 9", _WEIGHTS),
    Mutant(
        "sums are taken in the dtype of the weights",
        _BLOCKS,
        "array.astype(_wide(array.dtype, like[block].dtype))",
        "array",
        _WEIGHTS,
    ),
    Mutant("a pickle may build what it likes", "interop/_torch_files.py", ", pickle.BUILD[0]: load_build", "", _FILES),
    Mutant("a compressed checkpoint is read", "interop/_torch_files.py", "!= zipfile.ZIP_STORED", "== 99", _FILES),
    Mutant(
        "a checkpoint may have any number of names", "interop/_torch_files.py", "if len(tensors) == MOST:", "if False:", _FILES
    ),
    Mutant(
        "operators of ONNX need not read each other",
        "interop/_onnx_read.py",
        'graph.source(given["X"]) != before.output[0]',
        "False",
        _ONNX,
    ),
    Mutant(
        "a learned initial state counts as zeros",
        "interop/_onnx_graph.py",
        "return not self.constants[name].any()",
        "return True",
        _ONNX,
    ),
    Mutant("the first form of the GRU that fits is taken", "interop/__main__.py", "if len(found) > 1:", "if False:", _CONVERT),
    Mutant(
        "the first array gives the dtype of all",
        "interop/__main__.py",
        "max(dtypes, key=lambda dtype: dtype.itemsize)",
        "dtypes[0]",
        _CONVERT,
    ),
)
