"""Networks of this package as modules of linen, and cells of linen as cells of this package."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import orbax.checkpoint as ocp
import pytest
from flax.training.train_state import TrainState
from flax.traverse_util import path_aware_map
from helpers import filled, perturbed, random_array, relative_error
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
from recurrent import check_gradients, gradient_decay, lstm, unroll
from recurrent.interop import LinenNetwork, as_linen, from_linen, plain

MODULE = as_linen(CELL)
VARIABLES = {"params": plain(PARAMS)}
KEY = jax.random.key(7)


@pytest.mark.parametrize("network", [CELL, LAYER, ARRAY], ids=["cell", "layer", "array"])
def test_parameters_are_those_of_the_network(network):
    module = as_linen(network)
    drawn = network.init(module.bind({}, rngs={"params": KEY}).make_rng("params"))
    variables = module.init(KEY, XS)
    assert relative_error(variables, {"params": {"weights": drawn} if network is ARRAY else plain(drawn)}) == 0
    layer = network if network is LAYER else recurrent.scanned(network)
    assert (
        relative_error(module.apply(variables, XS, resets=FLAGS["resets"]), layer.apply(drawn, XS, resets=FLAGS["resets"])) == 0
    )


def test_values_and_gradients():
    def run(variables, xs):
        return MODULE.apply(variables, xs, STATE, **FLAGS)

    outputs, (by_params, by_xs) = expected()
    expected_gradients = {"params": plain(by_params)}, by_xs
    assert relative_error(values_and_gradients(run, VARIABLES), (outputs, expected_gradients)) < 1e-10


def test_cells_run_with_the_explicit_pass_unless_the_layer_says_otherwise():
    def tangent(network):
        module = as_linen(network)
        return jax.jvp(lambda xs: module.apply(VARIABLES, xs)[1], (XS,), (XS,))[1]

    with pytest.raises(TypeError, match="autodiff"):
        tangent(CELL)
    assert tangent(recurrent.scanned(CELL, backprop="autodiff")).any()


def test_streaming_is_the_whole_run():
    step = jax.jit(functools.partial(MODULE.apply, method="step"))
    state, ys = MODULE.apply(VARIABLES, (B,), method="initial_state"), []
    for x_t in XS:
        state, y_t = step(VARIABLES, state, x_t)
        ys.append(y_t)
    assert relative_error((state, jnp.stack(ys)), unroll(CELL, PARAMS, XS)) < 1e-12


class Bigger(nn.Module):
    """A core made in `setup`, one made in a compact call and stepped by `nn.scan`, and several by `nn.vmap`."""

    def setup(self):
        self.core = as_linen(CELL)
        self.inner = Inner()

    def __call__(self, xs):
        return self.core(xs)[1], self.inner(xs)


class Inner(nn.Module):
    """See `Bigger`."""

    @nn.compact
    def __call__(self, xs):
        core = as_linen(recurrent.residual(from_linen(gru(3), INPUT)), name="stepped")
        scan = nn.scan(
            lambda core, state, x_t: core.step(state, x_t), variable_broadcast="params", split_rngs={"params": False}
        )
        mapped = nn.vmap(
            LinenNetwork,
            in_axes=None,
            axis_size=2,
            variable_axes={"params": 0},
            split_rngs={"params": True},
            metadata_params={nn.PARTITION_NAME: "members"},
        )
        return scan(core, core.initial_state((B,)), xs)[1], mapped(CELL, SHARDING, name="members")(xs)[1]


def gru(features):
    return nn.GRUCell(features, dtype=F64, param_dtype=F64)


def test_inside_other_modules_scanned_and_mapped():
    shapes = jax.eval_shape(Bigger().init, KEY, XS)
    specs = nn.get_partition_spec(shapes)["params"]["inner"]["members"]
    variables = filled(nn.unbox(shapes), 8)

    @jax.jit
    def found_and_expected(variables):
        def run(params):
            return MODULE.apply({"params": params}, XS)[1]

        core, inner = variables["params"]["core"], variables["params"]["inner"]
        stepped = unroll(recurrent.residual(from_linen(gru(3), INPUT)), inner["stepped"], XS)[1]
        return Bigger().apply(variables, XS), (run(core), (stepped, jax.vmap(run)(inner["members"])))

    assert relative_error(*found_and_expected(variables)) < 1e-12
    assert specs["0"] == {"input_kernel": P("members", None, "model"), "recurrent_kernel": P(), "bias": P()}
    assert specs["1"]["cell"]["bias"] == P("members", "model")


def test_masks_by_path_train_states_and_checkpoints(tmp_path):
    labels = path_aware_map(lambda path, _: "trained" if path[-1] == "recurrent_kernel" else "held", VARIABLES["params"])
    optimizer = optax.multi_transform({"trained": optax.sgd(0.5), "held": optax.set_to_zero()}, labels)
    train_state = TrainState.create(apply_fn=MODULE.apply, params=VARIABLES["params"], tx=optimizer)
    _, (gradients, _) = expected()
    after = train_state.apply_gradients(grads=plain(gradients)).params
    by_hand = jax.tree_util.tree_map_with_path(
        lambda path, p, g: p - 0.5 * g if path[-1].name == "recurrent_kernel" else p, PARAMS, gradients
    )
    assert relative_error(after, plain(by_hand)) < 1e-14
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "saved", after)
        checkpointer.wait_until_finished()
        assert relative_error(checkpointer.restore(tmp_path / "saved", jax.eval_shape(lambda: after)), after) == 0


def test_a_table_lists_every_parameter():
    table = nn.tabulate(MODULE, KEY, console_kwargs={"width": 200, "force_terminal": False})(XS)
    assert all(text in table for text in ("LinenNetwork", "input_kernel: float64[3,8]", "state: float64[4]"))


@pytest.mark.parametrize("module", [gru(HIDDEN), nn.OptimizedLSTMCell(HIDDEN, param_dtype=F64)], ids=["gru", "lstm"])
def test_cells_of_linen(module):
    cell = from_linen(module, INPUT)
    network = nn.RNN(module, time_major=True, return_carry=True)
    params = perturbed(cell.init(KEY), 5)
    state = perturbed(cell.initial_state(params, (B,)), 6)
    found, reference = (
        values_and_gradients(run, params)
        for run in (
            lambda params, xs: unroll(cell, params, xs, state, backprop="explicit"),
            lambda params, xs: network.apply({"params": {"cell": params}}, xs, initial_carry=state),
        )
    )
    assert relative_error(found, reference) < 1e-10
    assert cell == from_linen(module, INPUT)


@pytest.mark.usefixtures("users_numerics")
@pytest.mark.parametrize(("dtype", "params_dtype"), [(jnp.bfloat16, jnp.float32), (None, F64)])
def test_the_carry_has_the_dtype_of_states_here(dtype, params_dtype):
    """Whatever dtype the module was made for."""
    with jax.enable_x64(True):
        cell = from_linen(nn.OptimizedLSTMCell(HIDDEN, dtype=dtype), INPUT)
        params = jax.eval_shape(lambda key: jax.tree.map(lambda leaf: leaf.astype(params_dtype), cell.init(key)), KEY)
        final, _ = jax.eval_shape(functools.partial(unroll, cell), params, jax.ShapeDtypeStruct(XS.shape, params_dtype))
        assert [leaf.dtype for leaf in final] == [params_dtype] * 2


def test_cells_of_linen_are_cells():
    cell = from_linen(gru(HIDDEN), INPUT)
    params = filled(jax.eval_shape(cell.init, KEY), 9)

    @jax.jit
    def found_and_expected(state):
        gradient = jax.grad(lambda state: weighted(unroll(cell, params, XS, state)[0]))(state)
        return gradient_decay(cell, params, XS, weighted, state).total[0], jnp.log10(jnp.linalg.norm(gradient, axis=-1))

    state = random_array((B, HIDDEN), 6)
    assert relative_error(*found_and_expected(state)) < 1e-10
    report = check_gradients(cell, params, XS, state, max_entries=3, **FLAGS)
    assert report.passed, str(report)


class Counting(nn.RNNCellBase):
    """A cell that keeps a count outside its carry."""

    num_feature_axes = 1

    @nn.compact
    def __call__(self, carry, x_t):
        self.variable("counts", "n", lambda: 0)
        return carry, x_t

    @nn.nowrap
    def initialize_carry(self, rng, input_shape):
        return jnp.zeros(input_shape)


class Dropping(Counting):
    """A cell that draws random numbers."""

    @nn.compact
    def __call__(self, carry, x_t):
        return carry, nn.Dropout(0.5, deterministic=False)(x_t)


def test_modules_with_sharding_are_equal_and_hash():
    assert hash(as_linen(CELL, sharding=SHARDING)) == hash(as_linen(CELL, sharding=dict(SHARDING)))
    assert as_linen(CELL, sharding=SHARDING) != as_linen(CELL)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: as_linen(nn.Dense(3)), "takes a Cell or a Layer of this package.*got a Dense"),
        (
            lambda: as_linen(CELL, sharding={"2/bias": (None,)}),
            "sharding names '2/bias', but the parameters are 0/bias, 0/input_kernel, ",
        ),
        (lambda: as_linen(CELL, sharding={"0/bias": (None, "model")}), "for all 1 axes of 0/bias; got"),
        (
            lambda: as_linen(LAYER).apply(as_linen(LAYER).init(KEY, XS), (), XS[0], method="step"),
            "serial.*is a layer: call the",
        ),
        (lambda: MODULE.apply({"params": plain(PARAMS)}, XS[..., :2]), "must have 3 features"),
        (
            lambda: as_linen(lstm(INPUT, 5, param_dtype=F64)).apply({"params": VARIABLES["params"]["0"]}, XS),
            "input_kernel must have",
        ),
        (lambda: from_linen(nn.Dense(3), 3), "takes a recurrent cell of linen, such as .*got a Dense"),
        (lambda: from_linen(nn.ConvLSTMCell(3, (2,)), 3), "ConvLSTMCell has 2 feature axes"),
        (lambda: from_linen(Counting(), 3), r"Counting also has \['counts'\]: keep them in the carry"),
        (lambda: from_linen(Dropping(), 3), "Dropping draws random numbers in its step; keep a key in the carry"),
        (lambda: from_linen(gru(3), 0), "input_size must be a positive integer"),
        (lambda: unroll(from_linen(gru(3), 2), from_linen(gru(3), 2).init(KEY), XS), "from_linen: inputs must have 2 features"),
    ],
)
def test_what_does_not_fit_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()
