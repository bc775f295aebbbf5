"""Both towers into open_clip's folder form: ``open_clip_config.json`` and ``open_clip_model.safetensors`` in fp16.

A folder of more than 25 MB is refused: what comes with the program has to stay small.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tools.train_builtin import architecture, norms

MOST_BYTES = 25_000_000


def export(model: architecture.Model, model_config: dict[str, Any], folder: Path) -> int:
    """Write the folder; returns its bytes. Raises ValueError where they are too many or fp16 cannot hold a weight."""
    weights = {
        name: value.detach().half().contiguous().cpu() if value.is_floating_point() else value.cpu()
        for name, value in model.state_dict().items()
    }
    bad = [name for name, value in weights.items() if value.is_floating_point() and not value.isfinite().all()]
    if bad:
        raise ValueError(f"not finite in fp16: {', '.join(bad)}")
    size = sum(value.numel() * value.element_size() for value in weights.values())
    if size > MOST_BYTES:
        raise ValueError(f"the model has {size / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:.0f} MB may come in the box")
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / architecture.WEIGHTS)
    document = {"model_cfg": model_config, "preprocess_cfg": architecture.PREPROCESS}
    (folder / architecture.CONFIG).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return size


def put_together(run: dict[str, Any], words: dict[str, Any]) -> architecture.Model:
    """The averaged picture tower of a run (``pictures.pt``) with the text tower in a model's weights."""
    model = architecture.build(run["config"])
    missing, unexpected = model.load_state_dict(
        {name: value for name, value in words.items() if not name.startswith("visual.")}, strict=False
    )
    lacking = [name for name in missing if not name.startswith("visual.")]
    if lacking or unexpected:
        raise ValueError(f"the text tower does not fit: {lacking or unexpected}")
    model.visual.load_state_dict(run["average"])
    model.logit_scale.data.copy_(run["sharpness"]["classes"])
    return model


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="export", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder that every step works in")
    parser.add_argument("folder", type=Path, help="the model folder to write")
    parser.add_argument("--text", type=Path, help="a model folder whose text tower is kept; else OUT/text.pt is used")
    options = parser.parse_args(arguments)
    run = torch.load(options.out / "pictures.pt", map_location="cpu", weights_only=True)
    if options.text:
        words = architecture.load(options.text).state_dict()
    else:
        words = torch.load(options.out / "text.pt", map_location="cpu", weights_only=True)["model"]
    model = put_together(run, words)
    norms.measure(model.visual, options.out, run["config"]["vision_cfg"]["image_size"])
    size = export(model, run["config"], options.folder)
    print(f"{options.folder}: {size / 1e6:.1f} MB")
