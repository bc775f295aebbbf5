"""Makes exports of a model that torch has loaded, and proves that they answer as torch does. Encoder process only."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import open_clip
import torch

from photosearch.model import clip_tokenizer, onnx_files, plain_forms
from photosearch.model.exports import Exports
from photosearch.model.manifest import ModelSpec
from photosearch.model.preprocess import Preprocess
from photosearch.model.short_texts import ShortTexts, causal_tower
from photosearch.model.upkeep import PROOF_TEXTS, TorchModel

log = logging.getLogger(__name__)

_OPSET = 17
_LARGE_BYTES = 65_536


def source(
    model: Callable[[], torch.nn.Module],
    tokenize: Callable[[list[str]], torch.Tensor],
    preprocess: Preprocess,
    *,
    accelerated: bool,
    let_go: Callable[[], None],
    encode_images: Callable[[np.ndarray], np.ndarray],
    encode_texts: Callable[[Sequence[str]], np.ndarray],
) -> TorchModel:
    """What exports are made from: a model on the CPU in fp32, and the runtime's own answers to compare them with."""

    def tokens() -> np.ndarray:
        return tokenize(list(PROOF_TEXTS)).numpy()

    tokenizer = plain_tokenizer(tokenize)
    if tokenizer is not None and causal_tower(model()) is not None:
        tokenizer["short"] = True
    return TorchModel(
        weight_bytes=sum(p.numel() * p.element_size() for p in model().parameters()),
        accelerated=accelerated,
        tokenizer=tokenizer,
        write_images=lambda folder: write_images(model(), preprocess, folder),
        write_texts=lambda folder: write_texts(model(), tokens(), folder),
        let_go=let_go,
        encode_images=encode_images,
        encode_texts=encode_texts,
    )


def remember_name(exports: Exports, spec: ModelSpec, identity: str, weights: Path) -> None:
    """So that a NAME/TAG finds its export without torch, which knows where its weights lie."""
    try:
        exports.remember_identity(spec, identity, weights)
    except OSError as error:
        log.warning("the cache folder cannot be written: %s", error)


class _Images(torch.nn.Module):
    """From bytes to unit rows: what TorchRuntime does around the image tower is part of the graph."""

    def __init__(self, model: Any, preprocess: Preprocess) -> None:
        super().__init__()
        self.model = model
        self.mean = torch.tensor(preprocess.mean).view(1, 3, 1, 1)
        self.std = torch.tensor(preprocess.std).view(1, 3, 1, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        values = pixels.permute(0, 3, 1, 2).float() / 255
        rows = self.model.encode_image((values - self.mean) / self.std)
        return rows / rows.norm(dim=-1, keepdim=True)


class _Texts(torch.nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        rows = self.model.encode_text(tokens)
        return rows / rows.norm(dim=-1, keepdim=True)


def write_images(model: Any, preprocess: Preprocess, folder: Path) -> None:
    """The image tower as ``tower.onnx``: ``pixels`` uint8 [n, height, width, 3] to ``rows`` float32 [n, dim]."""
    sample = torch.zeros((2, *preprocess.shape), dtype=torch.uint8)
    with plain_forms.plain(model.visual):
        _write(_Images(model, preprocess), sample, "pixels", folder)


def write_texts(model: torch.nn.Module, tokens: np.ndarray, folder: Path) -> None:
    """The text tower as ``tower.onnx``: ``tokens`` int64 [n, context] to ``rows`` float32 [n, dim].

    Where ``causal_tower`` finds one, the tokens need go no further than the longest text.
    """
    tower = causal_tower(model)
    texts = _Texts(model) if tower is None else ShortTexts(tower)
    _write(texts, torch.from_numpy(tokens), "tokens", folder, any_length=tower is not None)


class _WeightsGiven(torch.nn.Module):
    """A tower whose weights of these names are arguments beside what it encodes."""

    def __init__(self, tower: torch.nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.tower = tower
        self._places: list[tuple[Any, str]] = [
            (tower.get_submodule(n.rpartition(".")[0]), n.rpartition(".")[2]) for n in names
        ]

    def forward(self, items: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        # As torch.func.functional_call does it, which refuses to while a graph is made.
        own = [module._parameters[name] for module, name in self._places]
        try:
            for (module, name), weight in zip(self._places, weights, strict=True):
                module._parameters[name] = weight
            return self.tower(items)
        finally:
            for (module, name), weight in zip(self._places, own, strict=True):
                module._parameters[name] = weight


def _write(tower: torch.nn.Module, sample: torch.Tensor, name: str, folder: Path, *, any_length: bool = False) -> None:
    """Where that is possible, large weights stay out of the exporter, which keeps several copies of them.

    any_length: the tower takes samples of other lengths too (their second axis).
    """
    large = {n: p for n, p in tower.named_parameters() if p.numel() * p.element_size() >= _LARGE_BYTES}
    try:
        model = _graph(_WeightsGiven(tower, list(large)), {name: sample, **large}, folder, any_length=any_length)
        weights = {n: p.numpy() for n, p in large.items()}
    except OSError:
        raise  # of the disk
    except Exception as error:  # the exporter raises anything
        log.info("exporting with all weights at once: %s", " ".join(str(error).split())[:200])
        model, weights = _graph(tower, {name: sample}, folder, any_length=any_length), {}
    onnx_files.write_tower(model, folder, weights=weights)


def _graph(
    tower: torch.nn.Module, inputs: Mapping[str, torch.Tensor], folder: Path, *, any_length: bool
) -> onnx.ModelProto:
    """The graph of a tower that takes these; the first is a batch of any size, and of any length where that is so."""
    batch = next(iter(inputs))
    axes = {0: "n", 1: "length"} if any_length else {0: "n"}
    # torch's fused attention has no counterpart in ONNX; its plain form says the same.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with tempfile.TemporaryDirectory(dir=folder) as raw, torch.no_grad():
            torch.onnx.export(
                tower.eval(),  # else the exporter leaves all of it in training mode
                tuple(inputs.values()),
                str(Path(raw, "raw.onnx")),
                dynamo=False,  # the newer exporter needs another package and takes eight times as long
                opset_version=_OPSET,
                input_names=list(inputs),
                output_names=["rows"],
                dynamic_axes={batch: axes, "rows": {0: "n"}},
            )
            return onnx.load(Path(raw, "raw.onnx"))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def plain_tokenizer(tokenize: Any) -> dict[str, Any] | None:
    """How ``ClipTokenizer`` is to be made so that it does the same; None where it cannot (another library's)."""
    if type(tokenize) is not open_clip.SimpleTokenizer or tokenize.reduction_fn is not None:
        return None
    if tokenize.vocab_size != clip_tokenizer.VOCABULARY_SIZE:
        return None
    for clean in clip_tokenizer.CLEANING:
        facts: dict[str, Any] = {"context_length": int(tokenize.context_length), "clean": clean}
        ours = clip_tokenizer.ClipTokenizer(**facts)
        if np.array_equal(ours(PROOF_TEXTS), tokenize(list(PROOF_TEXTS)).numpy()):
            return facts
    return None
