"""The mean of two towers' weights, where one began as the other or both as the same.

Training on moves a picture tower towards what is taught last; the mean of before and after can keep what each is better
at (WiSE-FT, Wortsman et al. 2022). The statistics of batch normalisation fit neither then, and are taken anew. With
``--words`` it is the mean of text towers, which moved apart from the same words (model soups, Wortsman et al. 2022).

    python -m tools.train_builtin average OUT BEFORE AFTER MODEL
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from tools.train_builtin import architecture, export, norms


def take_mean(before: Iterable[torch.Tensor], after: Iterable[torch.Tensor], share: float) -> None:
    """Give the weights ``after`` the mean of both. share: how much of it is their own, from 0 to 1."""
    with torch.no_grad():
        for theirs, ours in zip(before, after, strict=True):
            ours.copy_((1 - share) * theirs + share * ours)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="average", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder that every step works in")
    parser.add_argument("before", type=Path, help="a model folder")
    parser.add_argument("after", type=Path, help="another: its words are kept, or its picture tower")
    parser.add_argument("folder", type=Path, help="the model folder to write")
    parser.add_argument("--share", type=float, default=0.5, help="how much of the mean is the second's, from 0 to 1")
    parser.add_argument("--words", action="store_true", help="the mean of the text towers, not of the picture towers")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    model, config = architecture.load(options.after), architecture.read_config(options.after)
    before = architecture.load(options.before)
    if options.words:
        take_mean(architecture.text_weights(before), architecture.text_weights(model), options.share)
    else:
        take_mean(before.visual.parameters(), model.visual.parameters(), options.share)
        norms.measure(model.visual, options.out, config["vision_cfg"]["image_size"])
    size = export.export(model, config, options.folder)
    print(f"{options.folder}: {size / 1e6:.1f} MB")
