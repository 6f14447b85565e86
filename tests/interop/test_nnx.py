"""Networks of this package as modules of nnx, and cells of nnx as cells of this package."""

import jax
import jax.numpy as jnp
import optax
import orbax.checkpoint as ocp
import pytest
from flax import nnx
from helpers import drawn, perturbed, relative_error
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P
from modules import (
    ARRAY,
    CELL,
    F64,
    FLAGS,
    HIDDEN,
    INPUT,
    LAYER,
    PARAMS,
    SHARDING,
    STATE,
    XS,
    B,
    expected,
    values_and_gradients,
    weighted,
)

import recurrent
from recurrent import Cell, check_gradients, unroll
from recurrent.interop import as_nnx, from_nnx, plain

KEY = jax.random.key(7)


def weights(module):
    return nnx.to_pure_dict(nnx.state(module))


@pytest.fixture(scope="module")
def module():
    """The cell with the params that all results are known for."""
    module = as_nnx(CELL, nnx.Rngs(0))
    nnx.update(module, plain(PARAMS))
    return module


@pytest.mark.parametrize("network", [CELL, LAYER, ARRAY], ids=["cell", "layer", "array"])
def test_parameters_are_those_of_the_network(network):
    module = as_nnx(network, nnx.Rngs(0, params=KEY))
    params = network.init(nnx.Rngs(params=KEY).params())
    assert relative_error(weights(module), {"weights": params} if network is ARRAY else plain(params)) == 0
    layer = network if network is LAYER else recurrent.scanned(network)
    assert relative_error(module(XS, resets=FLAGS["resets"]), layer.apply(params, XS, resets=FLAGS["resets"])) == 0


def test_values_and_gradients_under_plain_transformations(module):
    outputs, (by_params, by_xs) = expected()
    found, (by_module, found_by_xs) = values_and_gradients(lambda module, xs: module(xs, STATE, **FLAGS), module)
    assert relative_error(found, outputs) < 1e-10
    assert relative_error((weights(by_module), found_by_xs), (plain(by_params), by_xs)) < 1e-10
    assert relative_error(jax.jit(lambda xs: module(xs, STATE, **FLAGS))(XS), outputs) < 1e-10  # the module closed over


def test_streaming_is_the_whole_run(module):
    step = jax.jit(lambda module, state, x_t: module.step(state, x_t))
    state, ys = module.initial_state((B,)), []
    for x_t in XS:
        state, y_t = step(module, state, x_t)
        ys.append(y_t)
    assert relative_error((state, jnp.stack(ys)), unroll(CELL, PARAMS, XS)) < 1e-12


class Bigger(nnx.Module):
    """A core and a map of its outputs."""

    def __init__(self, rngs):
        self.core = as_nnx(CELL, rngs)
        self.readout = nnx.Linear(HIDDEN, 2, param_dtype=F64, rngs=rngs)

    def __call__(self, xs):
        return self.readout(self.core(xs, STATE, **FLAGS)[1])


def test_inside_other_modules_with_masks_by_path_and_checkpoints(tmp_path):
    model = Bigger(nnx.Rngs(1))
    nnx.update(model.core, plain(PARAMS))
    trained = nnx.All(nnx.Param, nnx.PathContains("recurrent_kernel"))
    optimizer = nnx.Optimizer(model, optax.sgd(0.5), wrt=trained)

    def loss(params, readout):
        return weighted(unroll(CELL, params, XS, STATE, **FLAGS)[1] @ readout["kernel"] + readout["bias"][None, None])

    @nnx.jit
    def update(model, optimizer):
        optimizer.update(model, nnx.grad(lambda model: weighted(model(XS)), argnums=nnx.DiffState(0, trained))(model))

    before = weights(model)
    gradients = jax.jit(jax.grad(loss))(PARAMS, before["readout"])
    update(model, optimizer)
    by_hand = jax.tree_util.tree_map_with_path(
        lambda path, p, g: p - 0.5 * g if path[-1].name == "recurrent_kernel" else p, PARAMS, gradients
    )
    assert relative_error(weights(model), before | {"core": plain(by_hand)}) < 1e-12
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "saved", weights(model))
        checkpointer.wait_until_finished()
        assert relative_error(checkpointer.restore(tmp_path / "saved", before), weights(model)) == 0


def test_several_by_vmap():
    keys = nnx.Rngs(3).split(2)
    members = nnx.vmap(lambda rngs: as_nnx(LAYER, rngs))(keys)
    ys = nnx.vmap(lambda member, xs: member(xs)[1], in_axes=(0, None))(members, XS)
    for place in (0, 1):
        params = jax.tree.map(lambda leaf, place=place: leaf[place], weights(members))
        member = as_nnx(LAYER, nnx.Rngs(0))
        nnx.update(member, params)
        assert relative_error(member(XS)[1], ys[place]) < 1e-12
    assert float(jnp.max(jnp.abs(ys[0] - ys[1]))) > 0.1


def test_shardings():
    with jax.set_mesh(jax.make_mesh((1,), ("model",), axis_types=(AxisType.Auto,))):
        module = as_nnx(CELL, nnx.Rngs(0), sharding=SHARDING)
        specs = nnx.to_pure_dict(nnx.get_partition_spec(nnx.state(module)))
        assert specs["0"] == {"input_kernel": P(None, "model"), "recurrent_kernel": P(), "bias": P()}
        assert specs["1"]["cell"]["bias"] == P("model")


def gru(rngs):
    return nnx.GRUCell(INPUT, HIDDEN, dtype=F64, param_dtype=F64, rngs=rngs)


def optimized_lstm(rngs):
    return nnx.OptimizedLSTMCell(INPUT, HIDDEN, dtype=F64, param_dtype=F64, rngs=rngs)


@pytest.mark.parametrize("make", [gru, optimized_lstm])
def test_cells_of_nnx(make):
    cell = from_nnx(make, INPUT)
    params = cell.init(KEY)
    assert relative_error(params, weights(make(nnx.Rngs(KEY)))) == 0
    params = perturbed(params, 5)
    state = perturbed(cell.initial_state(params, (B,)), 6)
    network = nnx.RNN(make(nnx.Rngs(0)), time_major=True, return_carry=True, rngs=False)
    nnx.update(network.cell, params)
    found, (by_params, by_xs) = values_and_gradients(
        lambda params, xs: unroll(cell, params, xs, state, backprop="explicit"), params
    )
    reference, (by_network, reference_by_xs) = values_and_gradients(
        lambda network, xs: network(xs, initial_carry=state), network
    )
    assert relative_error(found, reference) < 1e-10
    assert relative_error((by_params, by_xs), (weights(by_network)["cell"], reference_by_xs)) < 1e-10


def test_cells_of_nnx_are_cells():
    cell = from_nnx(gru, INPUT)
    params, state = drawn(cell, batch=B)
    report = check_gradients(cell, params, XS, state, max_entries=3, **FLAGS)
    assert report.passed, str(report)


@pytest.mark.usefixtures("users_numerics")
def test_the_carry_has_the_dtype_of_states_here():
    cell = from_nnx(lambda rngs: nnx.GRUCell(INPUT, HIDDEN, dtype=jnp.bfloat16, rngs=rngs), INPUT)
    xs = jax.ShapeDtypeStruct(XS.shape, jnp.float32)
    final, _ = jax.eval_shape(lambda key, xs: unroll(cell, cell.init(key), xs), KEY, xs)
    assert final.dtype == jnp.float32


class Dropping(nnx.RNNCellBase):
    """A cell that draws random numbers of its own."""

    num_feature_axes = 1

    def __init__(self, rngs):
        self.dropout = nnx.Dropout(0.5, rngs=rngs)


TRAIN = Cell(lambda key: {"train": jnp.ones(3)}, CELL.initial_state, CELL.step)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda: as_nnx(nnx.Linear(3, 3, rngs=nnx.Rngs(0)), nnx.Rngs(0)),
            "takes a Cell or a Layer of this package.*got a Linear",
        ),
        (lambda: as_nnx(TRAIN, nnx.Rngs(0)), "called 'train', which is taken"),
        (
            lambda: as_nnx(CELL, nnx.Rngs(0), sharding={"bias": (None,)}),
            "sharding names 'bias', but the parameters are 0/bias, ",
        ),
        (lambda: as_nnx(LAYER, nnx.Rngs(0)).step((), XS[0]), "serial.*is a layer: call the"),
        (lambda: as_nnx(CELL, nnx.Rngs(0))(XS[..., :2]), "must have 3 features"),
        (lambda: from_nnx(lambda rngs: nnx.Linear(3, 3, rngs=rngs), 3), "to a recurrent cell; it made a Linear"),
        (lambda: from_nnx(Dropping, 3), r"Dropping also has \['dropout'\]: keep them in the carry"),
        (lambda: from_nnx(gru, 0), "input_size must be a positive integer"),
        (lambda: unroll(from_nnx(gru, 2), from_nnx(gru, 2).init(KEY), XS), "from_nnx: inputs must have 2 features"),
    ],
)
def test_what_does_not_fit_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()
