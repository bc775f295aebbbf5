"""The statistics of batch normalisation that a finished picture tower goes by: those of photos.

While it learns, thumbnails and photos are normalised apart (``lanes.py``), and the weights that are kept are means of
many steps', which no step's statistics fit. So they are taken anew, from pictures like the user's (as in AdaBN, Li et
al. 2016).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tools.train_builtin import architecture, shards
from tools.train_builtin.augment import augment, draw, normalised
from tools.train_builtin.sources import SOURCES

_BATCHES = 30
"""Of each source a batch has as many pictures as its share says."""


def measure(tower: torch.nn.Module, out: Path, side_px: int) -> None:
    """Take them from the photos prepared in ``out``, or from thumbnails where there are no photos; too few raise."""
    taken = {
        source: pixels
        for source in SOURCES
        if len(pixels := _some(out, source.name, source.share * _BATCHES)) >= source.share
    }
    if not taken:
        raise SystemExit(f"{out} holds too few prepared pictures: run the step prepare first.")
    photos = {source: pixels for source, pixels in taken.items() if not source.thumbnails}
    for module in tower.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    tower.train()
    torch.manual_seed(0)
    with torch.no_grad():
        for number in range(_BATCHES):
            batch = []
            for source, pixels in (photos or taken).items():
                count = source.share
                if len(pixels) >= (number + 1) * count:
                    part = torch.from_numpy(pixels[number * count : (number + 1) * count])
                    batch.append(augment(part.permute(0, 3, 1, 2).float() / 255, side_px, draw(count)))
            if batch:
                tower(normalised(torch.cat(batch), architecture.PREPROCESS["mean"], architecture.PREPROCESS["std"]))
    tower.eval()


def _some(out: Path, name: str, count: int) -> np.ndarray:
    """At most ``count`` training pictures of a source, uint8 [n, side, side, 3]; none where it was not prepared."""
    part = shards.read_part(out, name, shards.TRAIN, most=count)
    return np.zeros((0, 1, 1, 3), np.uint8) if part is None else part.pixels
