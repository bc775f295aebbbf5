"""Loads and exports models as the encoder process does, and compares with open_clip's own way. The tests run ``main``
and ``peak`` in processes of their own.

torchvision has been made importable before this is imported (torchvision_cpu.prepare).
"""

import json
from pathlib import Path

import numpy as np
import onnx
import open_clip
import torch
from onnx import numpy_helper
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from safetensors.torch import load_file, save_file
from torch import nn

from photosearch.model import open_clip_load, plain_forms, resolve, torch_export, torch_runtime
from photosearch.model.candidates import PHOTOS_WANTED
from photosearch.model.exports import GRAPH, Exports
from photosearch.model.onnx_runtime import Tower
from photosearch.model.preprocess import Preprocess
from photosearch.model.runtime import Options
from photosearch.model.short_texts import ShortTexts, causal_tower
from tests.integration.encoder_reference import VIT, write_vit

WEIGHTS_NAME = "open_clip_model.safetensors"


def in_another_form(folder: Path, name: str) -> Path:
    """The small ViT with its weights in half precision, pickled, or as they are."""
    other = folder.with_name(name)
    other.mkdir()
    (other / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    weights = load_file(folder / WEIGHTS_NAME)
    if name == "pickled":
        torch.save(weights, other / "open_clip_pytorch_model.bin")
    else:
        save_file({k: v.half() if name == "half" else v for k, v in weights.items()}, other / WEIGHTS_NAME)
    return other


def differences(folder: Path) -> list[str]:
    """What a model has otherwise than open_clip's own way of loading gives it."""
    name = f"local-dir:{folder}"
    ours, theirs = open_clip_load.create(name, None), open_clip.create_model_and_transforms(name)[0]
    wrong = [] if ours.visual.preprocess_cfg == theirs.visual.preprocess_cfg else ["preprocess_cfg"]
    for part in ("named_parameters", "named_buffers"):
        mine, right = dict(getattr(ours, part)()), dict(getattr(theirs, part)())
        wrong += sorted(mine.keys() ^ right.keys())
        for name in mine.keys() & right.keys():
            one, other = mine[name], right[name]
            if (one.dtype, one.requires_grad) != (other.dtype, other.requires_grad) or not torch.equal(one, other):
                wrong.append(name)
    return wrong


def copies(folder: Path) -> int:
    """How many copies of a model's weights loading it takes."""
    taken = []
    plain = open_clip_load._as_open_clip_does
    open_clip_load._as_open_clip_does = lambda *named: (taken.append(named), plain(*named))[1]
    try:
        open_clip_load.create(f"local-dir:{folder}", None)
    finally:
        open_clip_load._as_open_clip_does = plain
    return len(taken)


def emptied(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def exported(folder: Path, into: Path) -> dict:
    """The worst cosine of both exported towers to torch, and the large weights that are not the model's tensors."""
    model = open_clip_load.create(f"local-dir:{folder}", None).eval().requires_grad_(False)
    preprocess = Preprocess.from_open_clip(dict(model.visual.preprocess_cfg))
    pixels = np.random.default_rng(2).integers(0, 256, (3, *preprocess.shape), dtype=np.uint8)
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(["a dog", ""]).numpy()
    facts: dict = {"foreign": [], "cosine": 1.0}
    images, texts = torch_export._Images(model, preprocess), torch_export._Texts(model)
    parts = list(model.modules())
    torch_export.write_images(model, preprocess, emptied(into / "images"))
    facts["as before"] = all(a is b for a, b in zip(parts, model.modules(), strict=True))
    facts["steps"] = sorted({node.op_type for node in onnx.load(into / "images" / GRAPH).graph.node})
    torch_export.write_texts(model, tokens, emptied(into / "texts"))
    own = {p.numpy().tobytes() for p in model.state_dict().values()}
    own |= {p.flatten(1).t().contiguous().numpy().tobytes() for p in model.state_dict().values() if p.ndim > 1}
    for name, tower, items in (("images", images, pixels), ("texts", texts, tokens)):
        with torch.no_grad():
            right = tower(torch.from_numpy(items)).numpy()
        rows = Tower(into / name, threads=1, keep_memory=False)(items)
        facts["cosine"] = min(facts["cosine"], float((rows * right).sum(axis=1).min()))
        for tensor in onnx.load(into / name / GRAPH).graph.initializer:
            value = numpy_helper.to_array(tensor)
            if value.nbytes >= torch_export._LARGE_BYTES and value.tobytes() not in own:
                facts["foreign"].append(tensor.name)
    facts["training"] = any(m.training for m in model.modules())
    return facts


def exported_plainly(folder: Path, into: Path) -> dict:
    """The same where the exporter takes no weights as inputs."""

    def refuse(*_: object) -> None:
        raise RuntimeError("not with these inputs")

    forward = torch_export._WeightsGiven.forward
    torch_export._WeightsGiven.forward = refuse
    try:
        return exported(folder, into)
    finally:
        torch_export._WeightsGiven.forward = forward


class Parts(nn.Module):
    """What may take a plain form, and what may not."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, kernel_size=(8, 9), stride=(8, 9))
        self.bare_patches = nn.Conv2d(3, 6, kernel_size=8, stride=8, bias=False)
        self.block = ResidualAttentionBlock(64, 4)
        self.others = nn.ModuleDict({
            "crossed": ResidualAttentionBlock(64, 4, is_cross_attention=True),
            "of another block": nn.Sequential(nn.MultiheadAttention(64, 4, batch_first=True)),
            "turned": ResidualAttentionBlock(64, 4, batch_first=False),
            "small": nn.Conv2d(3, 6, kernel_size=4, stride=4),
            "overlapping": nn.Conv2d(3, 6, kernel_size=16, stride=8),
            "with a rim": nn.Conv2d(3, 6, kernel_size=8, stride=8, padding=1),
            "in groups": nn.Conv2d(3, 6, kernel_size=8, stride=8, groups=3),
        })  # fmt: skip


def plain_parts() -> dict:
    """How far the plain forms are from torch's own, and what of Parts they leave alone."""
    torch.manual_seed(3)
    parts = Parts().eval().requires_grad_(False)
    parts.block.attn.in_proj_bias.normal_()  # else there is none to lose
    pictures, sequence = torch.rand(2, 3, 35, 40), torch.rand(2, 5, 64)

    def rows() -> list[torch.Tensor]:
        return [parts.patches(pictures), parts.bare_patches(pictures), parts.block(sequence)]

    own, kinds, right = list(parts.modules()), [type(m) for m in parts.others.modules()], rows()
    told: dict = {}
    try:
        with plain_forms.plain(parts):
            told["distance"] = max(float((a - b).abs().max()) for a, b in zip(rows(), right, strict=True))
            told["swapped"] = [type(p) for p in (parts.patches, parts.bare_patches)] != [nn.Conv2d] * 2
            told["swapped"] &= not any(isinstance(m, nn.MultiheadAttention) for m in parts.block.modules())
            told["others are left"] = [type(m) for m in parts.others.modules()] == kinds
            parts.block(sequence, attn_mask=torch.zeros(5, 5))
    except ValueError as error:
        told["refusal"] = str(error)
    told["as before"] = all(a is b for a, b in zip(own, parts.modules(), strict=True))
    return told


def plain_towers() -> dict:
    """How far whole towers in plain form are from their own, and of which the last block makes the first token only."""
    torch.manual_seed(4)
    sizes = {"image_size": 32, "patch_size": 8, "width": 64, "layers": 2, "heads": 2, "mlp_ratio": 2, "output_dim": 16}
    towers = {
        "first token": {},
        "norm after pooling": {"final_ln_after_pool": True},
        "mean of tokens": {"pool_type": "avg"},
        "tokens too": {"output_tokens": True},
        "pooled by attention": {"attentional_pool": True},
        "other blocks": {"block_type": "custom", "qk_norm": True},
    }
    pictures = torch.rand(2, 3, 32, 32)
    told: dict = {"distance": 0.0, "shortened": []}
    for name, more in towers.items():
        tower = VisionTransformer(**sizes, **more).eval().requires_grad_(False)
        own = tower.transformer.resblocks[-1]
        right = tower(pictures)
        with plain_forms.plain(tower):
            rows = tower(pictures)
            if tower.transformer.resblocks[-1] is not own:
                told["shortened"].append(name)
        pairs = zip(rows, right, strict=True)
        told["distance"] = max([told["distance"], *(float((a - b).abs().max()) for a, b in pairs)])
    return told


def short_texts() -> dict:
    """How far towers that read short texts are from their own, which read the padding too, and which have no such form.

    A text is as long as itself here; the others are with them in a batch.
    """
    torch.manual_seed(5)
    vision = {"image_size": 32, "patch_size": 16, "width": 64, "layers": 1, "head_width": 32}
    text = {"context_length": 24, "width": 64, "layers": 2, "heads": 2}
    variants = {
        "as CLIP": {},
        "scaled layers": {"ls_init_value": 0.3},
        "projection with a bias": {"proj_bias": True},
        "no projection": {"proj_type": "none"},
        "end by its number": {"pool_type": "eos", "eos_id": 49407},
        "no mask": {"no_causal_mask": True},
        "last token": {"pool_type": "last"},
        "first token": {"pool_type": "first"},
        "class token": {"embed_cls": True},
        "other blocks": {"block_type": "custom", "qk_norm": True},
        "tokens too": {"output_tokens": True},
    }
    tokens = open_clip.SimpleTokenizer(context_length=24)(["", "a dog", "two children and a red kite", "x " * 50])
    told: dict = {"distance": 0.0, "short": [], "left": []}
    for name, more in variants.items():
        for kind in (open_clip.CLIP, open_clip.CustomTextCLIP):
            if kind is open_clip.CLIP and name in ("class token", "tokens too"):
                continue  # it has neither
            model = kind(64, vision, text | more).eval().requires_grad_(False)
            for parameter in model.parameters():
                parameter.normal_(std=0.3)
            tower = causal_tower(model)
            told["left" if tower is None else "short"].append(f"{name}: {kind.__name__}")
            if tower is None:
                continue
            right = model.encode_text(tokens, normalize=True)
            alone = [ShortTexts(tower)(row[None, : int((row > 0).sum())])[0] for row in tokens]
            for rows in (torch.stack(alone), ShortTexts(tower)(tokens)):
                told["distance"] = max(told["distance"], float((rows - right).abs().max()))
    return told


def let_go(folder: Path) -> dict:
    """What a runtime answers after it let its weights go, and once the file holds others."""
    loaded = torch_runtime.load(resolve(str(folder)), Options("cpu", 1, False), lambda sentence: None)
    pixels = np.random.default_rng(2).integers(0, 256, (3, *loaded.info.preprocess.shape), dtype=np.uint8)
    before = loaded.runtime.encode_images(pixels)
    loaded.runtime.let_go()
    facts = {"same": bool(np.array_equal(loaded.runtime.encode_images(pixels), before)), "refusal": ""}
    loaded.runtime.let_go()
    others = {k: v * 1.5 for k, v in load_file(folder / WEIGHTS_NAME).items()}
    (folder / WEIGHTS_NAME).unlink()
    save_file(others, folder / WEIGHTS_NAME)
    try:
        loaded.runtime.encode_images(pixels)
    except OSError as error:
        facts["refusal"] = str(error)
    return facts


def main(folder: Path) -> None:
    """Write the model ``folder``/medium, and what was found of others to ``folder``/told.json."""
    write_vit(folder / "vit")
    write_medium(folder / "medium")
    vit, builtin = folder / "vit", resolve("builtin").folder
    half, pickled = in_another_form(vit, "half"), in_another_form(vit, "pickled")
    bare = folder / "bare"
    bare.mkdir()
    (bare / "open_clip_config.json").write_text(json.dumps(VIT))
    told = {
        "differences": {f.name: differences(f) for f in (vit, builtin, half, pickled)},
        "copies": {f.name: copies(f) for f in (vit, builtin, half, pickled, bare)},
        "exported": {f.name: exported(f, folder / "exported" / f.name) for f in (vit, builtin)},
        "let go": let_go(in_another_form(vit, "replaced")),
        "plain parts": plain_parts(),
        "plain towers": plain_towers(),
        "short texts": short_texts(),
        "exported plainly": exported_plainly(vit, folder / "plain"),
    }
    (folder / "told.json").write_text(json.dumps(told))


def _peak_bytes() -> int:
    """The most memory this process ever had. Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def write_medium(folder: Path) -> None:
    """A model whose weights (170 MB) outweigh what exporting needs besides, and whose pictures are small."""
    folder.mkdir()
    config = json.loads(json.dumps(VIT))
    config["model_cfg"]["vision_cfg"] |= {"layers": 8, "width": 512, "head_width": 64}
    config["model_cfg"]["text_cfg"] |= {"width": 256, "heads": 4}
    torch.manual_seed(7)
    model = open_clip.CustomTextCLIP(**{k: v for k, v in config["model_cfg"].items() if k != "custom_text"})
    save_file(model.state_dict(), folder / WEIGHTS_NAME)
    (folder / "open_clip_config.json").write_text(json.dumps(config))


def peak(folder: Path) -> None:
    """Load, export and judge the model ``folder``/medium; print the weights and the memory all that took, in bytes."""
    spec = resolve(str(folder / "medium"))
    pixels = np.random.default_rng(2).integers(0, 256, (PHOTOS_WANTED, 32, 32, 3), dtype=np.uint8)
    before = _peak_bytes()
    loaded = torch_runtime.load(spec, Options("cpu", 1, False, folder / "models"), lambda sentence: None)
    loaded.upkeep.saw(pixels, loaded.runtime.encode_images(pixels))
    loaded.upkeep.run()
    took = _peak_bytes() - before
    record = Exports(folder / "models").record(spec.identity)
    weights = (folder / "medium" / WEIGHTS_NAME).stat().st_size
    print(json.dumps({"weights": weights, "took": took, "measured": sorted(record.measured)}))
