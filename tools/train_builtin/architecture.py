"""The model as open_clip knows it, from its folder's config, and what the recipe needs of it beyond open_clip."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F

from photosearch.model import torchvision_cpu

torchvision_cpu.prepare()

import open_clip  # noqa: E402  (only after torchvision can be imported)

Model: TypeAlias = Any
"""An ``open_clip.model.CLIP``. torch types whatever hangs on a module as a tensor or a module, which helps nobody."""

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"

PREPROCESS: dict[str, Any] = {
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


def config(*, side_px: int = 64, tower: str = "regnetx_004", width: int = 128, layers: int = 4) -> dict[str, Any]:
    """open_clip's ``model_cfg``. tower: a timm model; width and layers: of the text tower.

    In fp16 a text tower of width 128 takes 14.4 MB, 12.6 of them for the 49,408 tokens of CLIP's vocabulary, which
    open_clip's tokenizer needs all; of width 96, 10.6. What is left of 25 MB is the picture tower's.
    """
    return {
        "embed_dim": 256,
        "vision_cfg": {
            "timm_model_name": tower,
            "timm_model_pretrained": False,
            "timm_pool": "",
            "timm_proj": "linear",
            "image_size": side_px,
        },
        "text_cfg": {
            "context_length": 24,
            "vocab_size": 49408,
            "width": width,
            "heads": max(1, width // 32),
            "layers": layers,
        },
    }


def read_config(folder: Path) -> dict[str, Any]:
    """``model_cfg`` of a model folder."""
    return json.loads((folder / CONFIG).read_text(encoding="utf-8"))["model_cfg"]


def build(model_config: dict[str, Any]) -> Model:
    """The model with fresh weights."""
    return open_clip.model.CLIP(**model_config)


def load(folder: Path) -> Model:
    """The model of a folder in open_clip's form, its weights in fp32."""
    from safetensors.torch import load_file

    model = build(read_config(folder))
    model.load_state_dict({name: value.float() for name, value in load_file(folder / WEIGHTS).items()})
    return model


def text_weights(model: Model) -> list[torch.nn.Parameter]:
    """All but the picture tower's."""
    return [weights for name, weights in model.named_parameters() if not name.startswith("visual.")]


@functools.cache
def tokenizer(context_length: int) -> open_clip.SimpleTokenizer:
    """CLIP's; to read its vocabulary takes a tenth of a second."""
    return open_clip.SimpleTokenizer(context_length=context_length)


def encode_short(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """``encode_text`` without the padding behind the longest of the texts: the same, many times cheaper.

    tokens: int [n, context]. Returns float32 [n, dim], rows of unit length.
    """
    length = int((tokens > 0).sum(1).max())
    tokens = tokens[:, :length]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
    x = x[torch.arange(len(tokens)), tokens.argmax(1)] @ model.text_projection
    return F.normalize(x.float(), dim=-1)


@torch.inference_mode()
def encode_texts(model: Model, texts: list[str], *, batch: int = 512) -> torch.Tensor:
    """float32 [n, 256], rows of unit length, in the order given; for n texts, alike lengths together."""
    tokenize = tokenizer(model.context_length)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    made = torch.empty(len(texts), model.text_projection.shape[1])
    device = model.text_projection.device
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        made[rows] = encode_short(model, tokenize([texts[i] for i in rows]).to(device)).cpu()
    return made
