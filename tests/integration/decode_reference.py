"""What a model makes of photos, decoded as the program does it and decoded in full by other means.

A program of its own, for torch stays out of the tests' process. torchvision has been made importable before this is
imported (torchvision_cpu.prepare).
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image, ImageCms, ImageOps

from photosearch.indexer.decode_worker import read_photo
from photosearch.model import Preprocess, resolve

BATCH = 16


def in_full(path: Path) -> Image.Image:
    """Every pixel decoded, upright, in sRGB."""
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
        profile = opened.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        image = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    return image.convert("RGB")


def models() -> dict[str, tuple]:
    """(model, open_clip's own transform) of the built-in model, and of ViT-B-32 with random weights."""
    torch.manual_seed(5)
    found = {}
    for name, source in (("builtin", f"local-dir:{resolve('builtin').folder}"), ("ViT-B-32", "ViT-B-32")):
        model, _, transform = open_clip.create_model_and_transforms(source)
        found[name] = (model.eval(), transform)
    return found


def vectors(model, tensors: list[torch.Tensor]) -> np.ndarray:
    with torch.inference_mode():
        return model.encode_image(torch.stack(tensors), normalize=True).numpy()


def main(listing: Path, answer: Path) -> None:
    """listing: JSON list of files. Writes {model: {"cosines": [...], "grey_levels": [...]}} in the order given:
    the cosine of the two vectors, and how far the two inputs of the model lie apart on average."""
    torch.set_num_threads(1)
    files = [Path(f) for f in json.loads(listing.read_text())]
    result = {}
    for name, (model, transform) in models().items():
        config = open_clip.get_model_preprocess_cfg(model)
        preprocess = Preprocess.from_open_clip(config)
        mean, std = (torch.tensor(v)[:, None, None] for v in (preprocess.mean, preprocess.std))
        cosines: list[float] = []
        apart: list[float] = []
        for start in range(0, len(files), BATCH):
            ours, theirs = [], []
            for file in files[start : start + BATCH]:
                pixels = read_photo(file, frozenset(), preprocess, 250).pixels
                assert pixels is not None
                ours.append((torch.from_numpy(pixels).permute(2, 0, 1) / 255 - mean) / std)
                theirs.append(transform(in_full(file)))
            cosines += (vectors(model, ours) * vectors(model, theirs)).sum(axis=1).tolist()
            apart += [float(((a - b).abs() * std).mean() * 255) for a, b in zip(ours, theirs, strict=True)]
        result[name] = {"cosines": cosines, "grey_levels": apart}
    answer.write_text(json.dumps(result))
