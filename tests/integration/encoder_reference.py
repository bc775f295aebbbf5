"""What open_clip itself makes of pictures and texts. The parity tests run ``main`` in a process of its own.

torchvision has been made importable before this is imported (torchvision_cpu.prepare).
"""

import json
from pathlib import Path

import numpy as np
import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import save_file

from photosearch.errors import ModelUnavailable
from photosearch.model import ModelSpec, resolve, torch_runtime
from photosearch.model.runtime import Options
from tests.integration.encoder_reference_data import TEXTS, TRANSFORMS

VIT = {
    "model_cfg": {
        "embed_dim": 48,
        "custom_text": True,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
    },
    "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"},
}


def write_vit(folder: Path) -> None:
    """A small ViT that squashes its pictures, as SigLIP does, with random weights."""
    folder.mkdir()
    torch.manual_seed(7)
    model = open_clip.CustomTextCLIP(**{k: v for k, v in VIT["model_cfg"].items() if k != "custom_text"})
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps(VIT))


def embed(folder: Path, pictures: list[Image.Image]) -> dict[str, np.ndarray]:
    name = f"local-dir:{folder}"
    model, _, transform = open_clip.create_model_and_transforms(name)
    model.eval()
    with torch.inference_mode():
        images = torch.cat([model.encode_image(transform(p)[None], normalize=True) for p in pictures])
        texts = model.encode_text(open_clip.get_tokenizer(name)(TEXTS), normalize=True)
    return {"images": images.numpy(), "texts": texts.numpy()}


def refusal(spec: ModelSpec) -> str:
    try:
        torch_runtime.load(spec, Options(device="cpu", threads=1, allow_download=False), lambda sentence: None)
    except ModelUnavailable as error:
        return str(error)
    return "loaded"


def pretrained(architecture: str, tag: str) -> ModelSpec:
    return ModelSpec(f"{architecture}/{tag}", "pretrained", architecture=architecture, tag=tag)


def half_precision(folder: Path) -> dict:
    """Load as on a computer with a GPU, where the GPU is this CPU: half precision has to prove itself."""
    torch_runtime._accelerators = lambda: ["cpu"]
    loaded = torch_runtime.load(
        resolve(str(folder)), Options(device="auto", threads=1, allow_download=False), lambda sentence: None
    )
    pixels = np.random.default_rng(1).integers(0, 256, (3, *loaded.info.preprocess.shape), dtype=np.uint8)
    cosines = (loaded.runtime.encode_images(pixels) * loaded.on_cpu().encode_images(pixels)).sum(axis=1)
    return {"precision": loaded.info.precision, "cosine": float(cosines.min())}


class Nonsense:
    """A device that answers quickly, and wrong."""

    def encode_images(self, pixels):
        return np.eye(4, dtype=np.float32)[: len(pixels)]


def broken(torch_device, dtype):
    raise RuntimeError("no kernel image is available for execution on the device")


def chosen(on_device) -> object:
    right = np.roll(np.eye(4, dtype=np.float32), 1, axis=0)
    return torch_runtime.proven(
        ["cuda:0", "mps"], on_device, expected=right, prove=lambda runtime: runtime.encode_images(range(4))
    )


def main(folder: Path) -> None:
    """Read ``folder``/pictures. Write a small model ``folder``/vit, what open_clip answers, called as its documentation
    does it, to reference.npz, and what ``torch_runtime`` says of odd models and devices to told.json.
    """
    pictures = [Image.open(p).convert("RGB") for p in sorted((folder / "pictures").iterdir())]
    write_vit(folder / "vit")
    arrays = {}
    for model_name, model_folder in (("builtin", resolve("builtin").folder), ("vit", folder / "vit")):
        arrays |= {f"{model_name}-{k}": v for k, v in embed(model_folder, pictures).items()}
    for name, config in TRANSFORMS.items():
        before_tensor = image_transform_v2(PreprocessCfg(**config), is_train=False).transforms[:-2]
        for number, picture in enumerate(pictures):
            for step in before_tensor:
                picture = step(picture)
            arrays[f"{name}-{number}"] = np.array(picture)
    np.savez(folder / "reference.npz", **arrays)

    broken_folder = folder / "damaged"
    broken_folder.mkdir()
    (broken_folder / "open_clip_config.json").write_text(json.dumps(VIT))
    weights = (folder / "vit" / "open_clip_model.safetensors").read_bytes()
    (broken_folder / "open_clip_model.safetensors").write_bytes(weights[:50_000])
    odd_folder = folder / "odd"
    odd_folder.mkdir()
    wider = VIT | {"model_cfg": VIT["model_cfg"] | {"embed_dim": 52}}
    (odd_folder / "open_clip_config.json").write_text(json.dumps(wider))
    (odd_folder / "open_clip_model.safetensors").write_bytes(weights)
    foreign_folder = folder / "foreign"
    foreign_folder.mkdir()
    foreign = VIT | {
        "model_cfg": VIT["model_cfg"] | {"text_cfg": VIT["model_cfg"]["text_cfg"] | {"hf_tokenizer_name": "a/b"}}
    }
    (foreign_folder / "open_clip_config.json").write_text(json.dumps(foreign))
    (foreign_folder / "open_clip_model.safetensors").write_bytes(weights)
    open_clip.pretrained._PRETRAINED["ViT-B-32"]["by_address"] = {"url": "https://example.invalid/weights.pt"}
    told = {
        "damaged": refusal(resolve(str(broken_folder))),
        "odd": refusal(resolve(str(odd_folder))),
        "tokenizer of another library": refusal(resolve(str(foreign_folder))),
        "unknown tag": refusal(pretrained("ViT-B-32", "openay")),
        "strange tag": refusal(pretrained("ViT-B-32", "qqqqqqqq")),
        "not here": refusal(pretrained("ViT-B-32", "laion2b_s34b_b79k")),
        "not here, by address": refusal(pretrained("ViT-B-32", "by_address")),
        "broken device": chosen(broken) is None,
        "nonsense device": chosen(lambda torch_device, dtype: Nonsense()) is None,
        "half builtin": half_precision(resolve("builtin").folder),
        "half vit": half_precision(folder / "vit"),
    }
    (folder / "told.json").write_text(json.dumps(told))
