"""The mean of two picture towers' weights, one of which began as the other.

Training on moves a tower towards what is taught last; the mean of before and after can keep what each is better at
(WiSE-FT, Wortsman et al. 2022). The statistics of batch normalisation fit neither then, and are taken anew from
pictures of all sources, as they are when it learns.

    python -m tools.train_builtin average OUT BEFORE AFTER MODEL
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from tools.train_builtin import architecture, export, shards
from tools.train_builtin.augment import augment, normalised
from tools.train_builtin.sources import SOURCES

_BATCHES = 30
_SHARES = 2
"""A batch has so many times each source's share."""


def mean_tower(before: torch.nn.Module, after: torch.nn.Module) -> None:
    """Give ``after`` the mean of both towers' weights; the statistics of batch normalisation stay as they are."""
    with torch.no_grad():
        for theirs, ours in zip(before.parameters(), after.parameters(), strict=True):
            ours.copy_(0.5 * theirs + 0.5 * ours)


def measure_statistics(tower: torch.nn.Module, out: Path, side_px: int) -> None:
    """Take the statistics of batch normalisation anew, from the pictures prepared in ``out``; too few raise."""
    taken = [_some(out, source.name, source.share * _SHARES * _BATCHES) for source in SOURCES]
    if not any(len(pixels) >= source.share * _SHARES for source, pixels in zip(SOURCES, taken, strict=True)):
        raise SystemExit(f"{out} holds too few prepared pictures: run the step prepare first.")
    for module in tower.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    tower.train()
    torch.manual_seed(0)
    with torch.no_grad():
        for number in range(_BATCHES):
            batch = []
            for source, pixels in zip(SOURCES, taken, strict=True):
                count = source.share * _SHARES
                if len(pixels) >= (number + 1) * count:
                    part = torch.from_numpy(pixels[number * count : (number + 1) * count])
                    batch.append(augment(part.permute(0, 3, 1, 2).float() / 255, side_px))
            if batch:
                tower(normalised(torch.cat(batch), architecture.PREPROCESS["mean"], architecture.PREPROCESS["std"]))
    tower.eval()


def _some(out: Path, name: str, count: int) -> np.ndarray:
    """At most ``count`` training pictures of a source, uint8 [n, side, side, 3]; none where it was not prepared."""
    part = shards.read_part(out, name, shards.TRAIN)
    if part is None:
        return np.zeros((0, 1, 1, 3), np.uint8)
    return part.pixels[np.sort(np.random.default_rng(1).permutation(len(part.paths))[:count])]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="average", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder that every step works in")
    parser.add_argument("before", type=Path, help="a model folder")
    parser.add_argument("after", type=Path, help="another, trained on from it; its words and size are kept")
    parser.add_argument("folder", type=Path, help="the model folder to write")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    model, config = architecture.load(options.after), architecture.read_config(options.after)
    mean_tower(architecture.load(options.before).visual, model.visual)
    measure_statistics(model.visual, options.out, config["vision_cfg"]["image_size"])
    size = export.export(model, config, options.folder)
    print(f"{options.folder}: {size / 1e6:.1f} MB")
