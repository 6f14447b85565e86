"""One library in a process of its own, which `benchmark` asks to prepare a network and to time it."""

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmark.networks import Network, Size, comparable, draw

STATUS = Path("/proc/self/status")


class Prepared(NamedTuple):
    """A network that is ready to be timed.

    Attributes:
      loss: mean(y²).
      gradient: arrays in the layout of this project, or None in the forward pass.
      compile_s: seconds of tracing and compiling.
      memory_mb: what a call holds besides its arguments and results: as compiled by XLA; for torch, the peak of the process
        above what it held before, which misses memory that it keeps between calls. NaN where it cannot be measured.
      threads: that torch uses, the faster of one and one per core; 0 for XLA, which decides by itself.
    """

    loss: float
    gradient: list[np.ndarray] | None
    compile_s: float
    memory_mb: float
    threads: int = 0


class Program(NamedTuple):
    """What a library made of a network."""

    call: Callable[[], Any]
    read: Callable[[Any], tuple[float, list[np.ndarray] | None]]
    compile_s: float
    memory_mb: float | None = None
    threads: int = 0


class Worker:
    """The parent's end of a process that holds one library."""

    def __init__(self, peer: str, timeout: float = 1200.0):
        """Starts the process; nothing is inherited but the environment."""
        context = multiprocessing.get_context("spawn")
        self.peer, self.timeout = peer, timeout
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, peer), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, what: str, *args: Any) -> Any:
        """Sends a request and waits for the answer.

        Raises:
          RuntimeError: the library failed, or did not answer in time.
        """
        self._connection.send((what, args))
        if not self._connection.poll(self.timeout):
            self._process.kill()
            raise RuntimeError(f"{self.peer}: no answer to {what} within {self.timeout:g} s; the process was ended")
        try:
            ok, answer = self._connection.recv()
        except EOFError as error:
            raise RuntimeError(f"{self.peer}: the process died during {what}, perhaps out of memory") from error
        if not ok:
            raise RuntimeError(f"{self.peer}: {what} failed:\n{answer}")
        return answer

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.join()


def _serve(connection: Any, peer: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and ends its workers
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # on a GPU, the libraries share its memory
    if jax.default_backend() == "gpu":  # where float32 products are otherwise of TF32, and not in every library
        jax.config.update("jax_default_matmul_precision", "float32")
    requests = {
        "prepare": _Bench(peer).prepare,
        "gemm": gemm_rate,
        "costs": _costs,
        "device": lambda: jax.devices()[0].device_kind,
    }
    bench = requests["prepare"].__self__
    requests["time"] = bench.time
    while True:
        try:
            what, args = connection.recv()
        except EOFError:
            return
        try:
            connection.send((True, requests[what](*args)))
        except Exception:
            connection.send((False, traceback.format_exc()))


class _Bench:
    """Holds the program that was prepared last."""

    def __init__(self, peer: str):
        self.peer = peer
        self.program: Program | None = None

    def prepare(self, network: Network, size: Size, training: bool) -> Prepared:
        self.program = None  # its memory is free before the next one's is measured
        make = _torch_program if self.peer == "torch" else _jax_program
        self.program = make(self.peer, network, size, training)
        before = _reset_peak()
        result = self.program.call()
        memory = self.program.memory_mb if self.program.memory_mb is not None else _peak() - before
        return Prepared(*self.program.read(result), self.program.compile_s, memory, self.program.threads)

    def time(self, budget: float) -> float:
        """Median seconds of the calls that fit into the budget, at least two, after one that is not counted."""
        assert self.program is not None
        self.program.call()
        return median_time(self.program.call, budget)


def median_time(call: Callable[[], Any], budget: float) -> float:
    """Calls for `budget` seconds, at least twice; returns the median."""
    spent: list[float] = []
    while len(spent) < 2 or sum(spent) < budget:
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    return float(np.median(spent))


def _jax_program(peer: str, network: Network, size: Size, training: bool) -> Program:
    from experiments.benchmark.peers import build

    convert, outputs = build(peer, network, size)
    params, xs = draw(network, size)
    weights, xs = jax.jit(convert)(params), jnp.asarray(xs)

    def loss(weights, xs):
        return jnp.mean(outputs(weights, xs) ** 2)

    start = time.perf_counter()
    compiled = jax.jit(jax.value_and_grad(loss) if training else loss).lower(weights, xs).compile()
    compile_s = time.perf_counter() - start

    def read(result):
        if not training:
            return float(result), None
        value, gradient = result
        (in_our_layout,) = jax.vjp(convert, params)[1](gradient)
        return float(value), comparable(network, in_our_layout)

    analysis = compiled.memory_analysis()
    memory = None if analysis is None else analysis.temp_size_in_bytes / 1e6
    return Program(lambda: jax.block_until_ready(compiled(weights, xs)), read, compile_s, memory)


def _torch_program(peer: str, network: Network, size: Size, training: bool) -> Program:
    import torch  # pyright: ignore[reportMissingImports]

    from experiments.benchmark.peers import torch_weights

    del peer
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.allow_tf32 = False  # as for JAX
    params, inputs = draw(network, size)

    def convert(params):
        cells = [network.make_cell(layer.input_kernel.shape[0], size.hidden) for layer in params]
        return [torch_weights(cell, layer) for cell, layer in zip(cells, params, strict=True)]

    kind = {"elman": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[network.cell]
    both, layers = network.arrangement == "bidirectional", 2 if network.arrangement == "two-layer" else 1
    model = kind(size.features, size.hidden, num_layers=layers, bidirectional=both)
    layers_of_torch = convert(params)
    names = list(layers_of_torch[0])
    suffixes = ["_l0", "_l0_reverse" if both else "_l1"][: len(params)]
    with torch.no_grad():
        for suffix, layer in zip(suffixes, layers_of_torch, strict=True):
            for name, value in layer.items():
                getattr(model, name + suffix).copy_(torch.from_numpy(np.array(value)))
    model = model.to(device)
    xs = torch.from_numpy(inputs).to(device)

    def call():
        model.zero_grad(set_to_none=True)
        with torch.inference_mode(not training):
            loss = (model(xs)[0] ** 2).mean()
            if training:
                loss.backward()
        if device == "cuda":
            torch.cuda.synchronize()
        return loss

    def read(loss):
        if not training:
            return loss.item(), None
        found = [{name: getattr(model, name + suffix).grad.cpu().numpy() for name in names} for suffix in suffixes]
        (in_our_layout,) = jax.vjp(convert, params)[1](found)
        return loss.item(), comparable(network, in_our_layout)

    return Program(call, read, 0.0, threads=_faster_threads(call, torch.set_num_threads))


def _faster_threads(call: Callable[[], Any], set_threads: Callable[[int], None], budget: float = 0.3) -> int:
    """Sets the number of threads, one or one per core, with which the call is faster; small products gain from one."""
    seconds = {}
    for threads in {1, os.cpu_count() or 1}:
        set_threads(threads)
        call()
        seconds[threads] = median_time(call, budget)
    best = min(seconds, key=lambda threads: seconds[threads])
    set_threads(best)
    return best


def gemm_rate(budget: float = 0.5, side: int = 2048) -> float:
    """FLOP/s of a large float32 matrix product."""
    x = jnp.ones((side, side), jnp.float32)
    product = jax.jit(jnp.dot).lower(x, x).compile()
    return 2 * side**3 / median_time(lambda: jax.block_until_ready(product(x, x)), budget)


def _costs(budget: float) -> list[dict[str, Any]]:
    from experiments.benchmark.costs import measure

    return measure(budget)


def _reset_peak() -> float:
    """Sets the peak of resident memory back to what is held now, in MB; NaN where the system has no such thing."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return float("nan")
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM")


def _status(name: str) -> float:
    for line in STATUS.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return float("nan")
