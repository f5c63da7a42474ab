"""One seed, many named generators: a new consumer of randomness never shifts an old one."""

import hashlib

import numpy as np
import torch


def stream_seed(seed: int, name: str) -> int:
    """Derive the 63-bit seed of the stream ``name`` from the run's ``seed``."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def numpy_stream(seed: int, name: str) -> np.random.Generator:
    """Return the NumPy generator of the stream ``name``."""
    return np.random.Generator(np.random.Philox(stream_seed(seed, name)))


def torch_stream(seed: int, name: str, device: str | torch.device = "cpu") -> torch.Generator:
    """Return the torch generator of the stream ``name`` on ``device``."""
    generator = torch.Generator(device=device)
    generator.manual_seed(stream_seed(seed, name))
    return generator
