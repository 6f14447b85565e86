"""What to keep: the smallest set of values from which all others that the backward pass reads are cheaply made again."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from recurrent.bptt._program import CHEAP, Program
from recurrent.programs import is_literal

_INFINITE = 1 << 60


def smallest_cut(
    program: Program, needed: Iterable[Any], available: Callable[[Any], bool], cost: Callable[[Any], int]
) -> list[Any]:
    """Returns variables such that everything needed follows by cheap operations from them and from what is available.

    A minimal cut of a flow network: values flow from the expensive operations that make them to those that need them, and
    keeping a value stops the flow at its cost. Of several minimal cuts it is the one next to the expensive operations.

    Args:
      program: the values and the operations between them.
      needed: variables that must be known.
      available: whether a variable is known at no cost.
      cost: of keeping a variable, such as its bytes.

    Reference: Ford & Fulkerson (1956), Maximal flow through a network.
    """
    network = _Network()
    seen: set[Any] = set()
    pending = [v for v in needed if not is_literal(v) and not available(v)]
    for v in pending:
        network.edge((v, "out"), "sink", _INFINITE)
    while pending:
        v = pending.pop()
        if v in seen:
            continue
        seen.add(v)
        network.edge((v, "in"), (v, "out"), cost(v))
        equation = program.equations[program.maker[v]]
        if equation.primitive.name not in CHEAP:
            network.edge("source", (v, "in"), _INFINITE)
            continue
        for atom in equation.invars:
            if not is_literal(atom) and not available(atom):
                network.edge((atom, "out"), (v, "in"), _INFINITE)
                pending.append(atom)
    reached = network.reachable_after_flow("source", "sink")
    kept = [v for v in seen if (v, "in") in reached and (v, "out") not in reached]
    return sorted(kept, key=program.position)


class _Network:
    """A flow network, by residual capacities."""

    def __init__(self) -> None:
        self.residual: dict[Any, dict[Any, int]] = {}

    def edge(self, start: Any, end: Any, capacity: int) -> None:
        """Adds an edge; twice is once."""
        self.residual.setdefault(start, {})[end] = capacity
        self.residual.setdefault(end, {}).setdefault(start, 0)

    def reachable_after_flow(self, source: Any, sink: Any) -> set[Any]:
        """Pushes the maximal flow along shortest paths, and returns what can still be reached from the source."""
        while True:
            before = self._search(source)
            if sink not in before:
                return set(before)
            path = [sink]
            while path[-1] != source:
                path.append(before[path[-1]])
            edges = list(zip(path[1:], path[:-1], strict=True))
            flow = min(self.residual[a][b] for a, b in edges)
            for a, b in edges:
                self.residual[a][b] -= flow
                self.residual[b][a] += flow

    def _search(self, source: Any) -> dict[Any, Any]:
        before, queue = {source: None}, deque([source])
        while queue:
            node = queue.popleft()
            for other, capacity in self.residual.get(node, {}).items():
                if capacity > 0 and other not in before:
                    before[other] = node
                    queue.append(other)
        return before
