"""A tower on several cores: each takes a part of every batch, as each device would in data-parallel training.

Threads that share each product of a small tower wait for each other most of the time; those with a part of their own do
not. Batch normalisation sees the part only, and the weights keep the statistics of the first. So a part is of one kind
of pictures: kinds that differ in how they were made are normalised apart (domain-specific batch normalisation, Chang
et al. 2019), which is to keep the tower from learning words by what tells one kind from the other.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import torch

from tools.train_builtin import course


def parts(kinds: torch.Tensor, cores: int) -> list[torch.Tensor]:
    """The rows of a batch that go through the tower together: of one kind each, those of kind 0 first.

    kinds: int [n], of each row, from 0 on. Each kind is divided into parts as near to half of a core's share as it
    can, so that cores that take one part after the other end together; each part has some of every source, which
    follow one another in a batch.
    """
    size = len(kinds) / (2 * cores)
    found = [torch.nonzero(kinds == kind)[:, 0] for kind in kinds.unique().tolist()]
    pieces = [min(len(rows), max(1, round(len(rows) / size))) for rows in found]
    return [rows[start::each] for rows, each in zip(found, pieces, strict=True) for start in range(each)]


class Lanes:
    """Runs ``net`` forward and backward in the threads of ``pool``, each part of a batch by itself.

    The parts' towers share the memory of the weights; gradients and statistics each has its own.
    """

    def __init__(
        self, net: torch.nn.Module, rows: Sequence[torch.Tensor], pool: ThreadPoolExecutor, *, device: torch.device
    ) -> None:
        self._nets = [net, *(copy.deepcopy(net) for _ in rows[1:])]
        self._weights = [list(one.parameters()) for one in self._nets]
        for other in self._weights[1:]:
            for theirs, ours in zip(other, self._weights[0], strict=True):
                theirs.data = ours.data
        self._rows = [part.to(device) for part in rows]
        self._device = device
        self._pool = pool
        self._made: list[torch.Tensor] = []
        self._whole = torch.empty(0)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """float32 [n, 3, side, side] to float32 [n, dim]: a leaf, whose gradient ``backward`` takes."""
        self._made = list(self._pool.map(self._run, self._nets, repeat(pictures), self._rows))
        self._whole = torch.empty(len(pictures), self._made[0].shape[1], device=self._device)
        for rows, made in zip(self._rows, self._made, strict=True):
            self._whole[rows] = made.detach()
        return self._whole.requires_grad_()

    def _run(self, net: torch.nn.Module, pictures: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        net.train()
        with course.mixed(self._device):
            made: torch.Tensor = net(pictures[rows].contiguous(memory_format=torch.channels_last))
        return made.float()

    def backward(self) -> None:
        """Add the weights' gradients to those of ``net``, in the same order each time."""
        assert self._whole.grad is not None
        grads = [self._whole.grad[rows] for rows in self._rows]
        list(self._pool.map(torch.autograd.backward, self._made, grads))
        for other in self._weights[1:]:
            for theirs, ours in zip(other, self._weights[0], strict=True):
                if theirs.grad is not None and ours.grad is not None:
                    ours.grad += theirs.grad
                theirs.grad = None
        self._made = []
