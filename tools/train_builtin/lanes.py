"""A tower on several cores: each takes a part of every batch, as each device would in data-parallel training.

Threads that share each product of a small tower wait for each other most of the time; those with a part of their own do
not. Batch normalisation sees the part only, and the weights keep the statistics of the first.
"""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor

import torch

from tools.train_builtin import course


class Lanes:
    """Runs ``net`` forward and backward in ``count`` threads."""

    def __init__(self, net: torch.nn.Module, *, count: int, device: torch.device) -> None:
        self._nets = [net, *(copy.deepcopy(net) for _ in range(count - 1))]
        self._device = device
        self._pool = ThreadPoolExecutor(count)
        self._made: list[torch.Tensor] = []
        self._whole = torch.empty(0)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """float32 [n, 3, side, side], n ≥ count, to float32 [n, dim]: a leaf, whose gradient ``backward`` takes."""
        count = len(self._nets)
        for other in self._nets[1:]:
            with torch.no_grad():
                for theirs, ours in zip(other.parameters(), self._nets[0].parameters(), strict=True):
                    theirs.copy_(ours)
        # Every lane gets some of each source: a batch that is all of one kind would be normalised away.
        self._made = list(self._pool.map(self._run, self._nets, [pictures[lane::count] for lane in range(count)]))
        self._whole = torch.empty(len(pictures), self._made[0].shape[1], device=self._device)
        for lane, made in enumerate(self._made):
            self._whole[lane::count] = made.detach()
        return self._whole.requires_grad_()

    def _run(self, net: torch.nn.Module, pictures: torch.Tensor) -> torch.Tensor:
        net.train()
        with course.mixed(self._device):
            made: torch.Tensor = net(pictures.contiguous(memory_format=torch.channels_last))
        return made.float()

    def backward(self) -> None:
        """Add the weights' gradients to those of ``net``, in the same order each time."""
        assert self._whole.grad is not None
        count = len(self._nets)
        parts = [self._whole.grad[lane::count] for lane in range(count)]
        list(self._pool.map(torch.autograd.backward, self._made, parts))
        for other in self._nets[1:]:
            for theirs, ours in zip(other.parameters(), self._nets[0].parameters(), strict=True):
                if theirs.grad is not None and ours.grad is not None:
                    ours.grad += theirs.grad
                theirs.grad = None
        self._made = []
