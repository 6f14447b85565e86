"""Networks that answer from facts which they keep as they are, and look at several times."""

from recurrent.memories._memory_network import MemoryNetwork, MemoryNetworkParams, Tying, memory_network
from recurrent.memories._sentences import position_weights, sentence_vectors

__all__ = [
    "MemoryNetwork",
    "MemoryNetworkParams",
    "Tying",
    "memory_network",
    "position_weights",
    "sentence_vectors",
]
