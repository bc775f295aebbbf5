"""Loads open_clip models and runs them with PyTorch.

Imported in the encoder process only, after ``torchvision_cpu.prepare``.

A model folder and a NAME/TAG take the same way through ``open_clip.create_model_and_transforms``. A GPU is used when
its answers on a fixed pattern agree with the CPU's: drivers exist that compute nonsense without an error.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip import pretrained as open_clip_pretrained

from photosearch import memory
from photosearch.errors import ModelNotHere, ModelUnavailable, display_path
from photosearch.model import open_clip_load
from photosearch.model.exports import Exports
from photosearch.model.fetch import fetch
from photosearch.model.manifest import (
    ModelInfo,
    ModelSpec,
    did_you_mean,
    file_digest,
    folder_identity,
    identity_of,
)
from photosearch.model.preprocess import Preprocess
from photosearch.model.runtime import DeviceLost, Loaded, Options, OutOfMemory, Say
from photosearch.model.upkeep import ExportUpkeep
from photosearch.native import share_cpp_runtime

log = logging.getLogger(__name__)

_GPU_BATCH = 128
_CPU_BATCH_LIMIT = 64
# A text waits for the batch in front of it: on the CPU a batch is sized to take about this long.
_CPU_BATCH_SECONDS = 0.2
_PROOF_COSINE = 0.99
_PROOF_IMAGES = 4
_PROOF_TEXTS = ("a photo of a dog", "a street at night")
_TIMED_IMAGES = 8
_OUT_OF_MEMORY_SIGNS = ("out of memory", "can't allocate memory", "not enough memory")


class TorchRuntime:
    """The towers of an open_clip model on one torch device.

    again: loads the same model once more, where it is wanted after ``let_go``; raises OSError where it is another now.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        *,
        tokenize: Callable[[list[str]], torch.Tensor],
        preprocess: Preprocess,
        torch_device: str,
        dtype: torch.dtype,
        again: Callable[[], torch.nn.Module] | None = None,
    ) -> None:
        self._held: Any = model.to(device=torch_device, dtype=dtype)
        self._again = again
        self.tokenize = tokenize
        self._torch_device = torch.device(torch_device)
        self._dtype = dtype
        self._mean = torch.tensor(preprocess.mean, device=self._torch_device).view(1, 3, 1, 1)
        self._std = torch.tensor(preprocess.std, device=self._torch_device).view(1, 3, 1, 1)
        self.device = _device_name(torch_device)
        self.precision = "fp16" if dtype is torch.float16 else "fp32"
        self.batch = 1 if torch_device == "cpu" else _GPU_BATCH

    @property
    def _model(self) -> Any:
        if self._held is None:
            assert self._again is not None
            self._held = self._again().to(device=self._torch_device, dtype=self._dtype)
        return self._held

    def model(self) -> torch.nn.Module:
        """The model itself, which nobody keeps."""
        return self._model

    def let_go(self) -> None:
        """Do without the weights' memory until they are wanted. Loading them once more takes a moment."""
        if self._again is not None:
            self._held = None
            gc.collect()
            memory.give_back()

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [n, height, width, 3] to float32 [n, dim], unit rows; a row that has no direction is NaN."""
        return self._guarded(self._encode_images, pixels)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """n texts, of any length, to float32 [n, dim], unit rows."""
        return self._guarded(self._encode_texts, texts)

    def _encode_images(self, pixels: np.ndarray) -> torch.Tensor:
        # The same order of work as ToTensor and Normalize; on the device, so that bytes travel and not floats.
        values = self._on_device(pixels).permute(0, 3, 1, 2).contiguous().float() / 255
        return self._model.encode_image(((values - self._mean) / self._std).to(self._dtype))

    def _on_device(self, pixels: np.ndarray) -> torch.Tensor:
        """CUDA fetches page-locked memory by itself and at full speed; torch keeps such memory for the next batch."""
        values = torch.from_numpy(pixels)
        if self._torch_device.type == "cuda":
            return values.pin_memory().to(self._torch_device, non_blocking=True)
        return values.to(self._torch_device)

    def _encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        # Arguments of a command can hold half characters that no tokenizer takes.
        clean = [t.encode("utf-8", "replace").decode("utf-8") for t in texts]
        return self._model.encode_text(self.tokenize(clean).to(self._torch_device))

    def _guarded(self, encode: Callable[..., torch.Tensor], items: Sequence | np.ndarray) -> np.ndarray:
        failure: str
        try:
            with torch.inference_mode():
                rows = encode(items).float()
                return (rows / rows.norm(dim=-1, keepdim=True)).cpu().numpy()
        except MemoryError as error:
            failure = str(error) or "out of memory"
        except RuntimeError as error:
            failure = str(error).partition("\n")[0]
            if not _is_out_of_memory(error):
                if self._torch_device.type == "cpu":
                    raise
                raise DeviceLost(failure) from None
        # Outside of the handler: the traceback held the tensors that did not fit.
        if self._torch_device.type == "cuda":
            torch.cuda.empty_cache()
        raise OutOfMemory(failure)


def load(spec: ModelSpec, options: Options, say: Say) -> Loaded:
    """Load a model on the best device that proves itself. Raises ModelUnavailable."""
    torch.set_num_threads(options.threads)
    checkpoint = None
    if spec.kind == "pretrained":
        checkpoint = _checkpoint(spec, allow_download=options.allow_download, say=say)
    model, preprocess_config = _create(spec)
    tokenize = _tokenizer(spec)
    preprocess = Preprocess.from_open_clip(preprocess_config)
    identity = _identity(spec, checkpoint, preprocess_config)

    def again() -> torch.nn.Module:
        try:
            weights, config = _create(spec)
            if _identity(spec, checkpoint, config) == identity:
                return weights
        except ModelUnavailable as error:
            raise OSError(str(error)) from error
        raise OSError("the model's files have changed")

    def on_cpu(weights: torch.nn.Module | None = None) -> TorchRuntime:
        runtime = TorchRuntime(
            _create(spec)[0] if weights is None else weights,
            tokenize=tokenize,
            preprocess=preprocess,
            torch_device="cpu",
            dtype=torch.float32,
            again=again,
        )
        runtime.batch = _measured_batch(runtime, preprocess)
        return runtime

    def on_device(torch_device: str, dtype: torch.dtype) -> TorchRuntime:
        weights = _create(spec)[0]
        return TorchRuntime(weights, tokenize=tokenize, preprocess=preprocess, torch_device=torch_device, dtype=dtype)

    cpu = on_cpu(model)
    expected = _proof(cpu, preprocess)
    candidates = [] if options.device == "cpu" else _accelerators()
    runtime = proven(candidates, on_device, expected=expected, prove=lambda r: _proof(r, preprocess)) or cpu
    info = ModelInfo(
        identity=identity,
        name=spec.name,
        dim=expected.shape[1],
        preprocess=preprocess,
        device=runtime.device,
        precision=runtime.precision,
        batch=runtime.batch,
    )
    upkeep = None
    if options.exports is not None:
        upkeep = _upkeep(spec, options, checkpoint, info, cpu)
    return Loaded(info=info, runtime=runtime, on_cpu=on_cpu, upkeep=upkeep)


def _upkeep(
    spec: ModelSpec,
    options: Options,
    checkpoint: Path | None,
    info: ModelInfo,
    cpu: TorchRuntime,
) -> ExportUpkeep | None:
    """What exports the model, where that is not done yet. cpu: runs it in fp32."""
    assert options.exports is not None
    if not share_cpp_runtime():
        return None
    try:
        from photosearch.model import torch_export
    except Exception as error:  # ImportError, or OSError from a library that does not load
        log.warning("models cannot be exported: %s", error)
        return None
    exports = Exports(options.exports)
    if checkpoint is not None:
        torch_export.remember_name(exports, spec, info.identity, checkpoint)
    source = torch_export.source(
        cpu.model,
        cpu.tokenize,
        info.preprocess,
        accelerated=info.device != cpu.device,
        let_go=cpu.let_go,
        encode_images=cpu.encode_images,
        encode_texts=cpu.encode_texts,
    )
    upkeep = ExportUpkeep(exports, info, options, torch_model=source)
    return upkeep if upkeep.needed else None


def proven(
    candidates: Sequence[str],
    on_device: Callable[[str, torch.dtype], TorchRuntime],
    *,
    expected: np.ndarray,
    prove: Callable[[TorchRuntime], np.ndarray],
) -> TorchRuntime | None:
    """The first device, in half precision if that agrees, whose answers agree with ``expected``; None if none does."""
    for torch_device in candidates:
        for dtype in (torch.float16, torch.float32):
            try:
                runtime = on_device(torch_device, dtype)
                cosine = float((prove(runtime) * expected).sum(axis=1).min())
            except Exception as error:  # a driver can fail in any way; the CPU is always there
                log.warning("%s does not run the model in %s: %s", torch_device, dtype, error)
                continue
            if cosine >= _PROOF_COSINE:
                return runtime
            log.warning("%s disagrees with the CPU in %s (cosine %.3f)", torch_device, dtype, cosine)
    return None


def _accelerators() -> list[str]:
    found = []
    try:
        if torch.cuda.is_available():
            found.append("cuda:0")
        if torch.backends.mps.is_available():
            found.append("mps")
    except Exception as error:  # a broken driver
        log.warning("looking for a GPU failed: %s", error)
    return found


def _device_name(torch_device: str) -> str:
    return (
        f"{torch_device} {torch.cuda.get_device_name(torch_device)}"
        if torch_device.startswith("cuda")
        else torch_device
    )


def _is_out_of_memory(error: RuntimeError) -> bool:
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(sign in text for sign in _OUT_OF_MEMORY_SIGNS)


def _proof(runtime: TorchRuntime, preprocess: Preprocess) -> np.ndarray:
    """Rows for a fixed pattern: blurred noise in all colours, and two texts."""
    noise = np.random.default_rng(7).integers(0, 256, (_PROOF_IMAGES, 8, 8, 3), dtype=np.uint8)
    height, width, _ = preprocess.shape
    pixels = noise.repeat(-(-height // 8), axis=1).repeat(-(-width // 8), axis=2)[:, :height, :width]
    return np.concatenate(
        [runtime.encode_images(np.ascontiguousarray(pixels)), runtime.encode_texts(list(_PROOF_TEXTS))]
    )


def _measured_batch(runtime: TorchRuntime, preprocess: Preprocess) -> int:
    """Images the CPU encodes in about ``_CPU_BATCH_SECONDS``."""

    def seconds_each(n: int) -> float:
        pixels = np.zeros((n, *preprocess.shape), np.uint8)
        started = time.perf_counter()
        runtime.encode_images(pixels)
        return (time.perf_counter() - started) / n

    seconds_each(1)  # the first is slow: memory is taken and kernels are chosen
    each = seconds_each(1)
    if each * _TIMED_IMAGES < _CPU_BATCH_SECONDS:
        each = seconds_each(_TIMED_IMAGES)
    return max(1, min(_CPU_BATCH_LIMIT, int(_CPU_BATCH_SECONDS / each)))


def _create(spec: ModelSpec) -> tuple[torch.nn.Module, dict]:
    """The model, fp32 on the CPU, and its resolved preprocess configuration."""
    folder = spec.kind == "folder"
    name, tag = (f"local-dir:{spec.folder}", None) if folder else (str(spec.architecture), spec.tag)
    try:
        model: Any = open_clip_load.create(name, tag)
    except ModuleNotFoundError as error:
        raise _needs_package(spec, error.name or str(error)) from error
    except Exception as error:  # damaged files and odd configurations raise a dozen kinds
        if "transformers" in str(error):
            raise _needs_package(spec, "transformers") from error
        raise _unavailable(spec, f"its files are damaged or do not belong together ({_first_line(error)}).") from error
    return model.eval().requires_grad_(False), dict(model.visual.preprocess_cfg)


def _tokenizer(spec: ModelSpec) -> Callable[[list[str]], torch.Tensor]:
    name = f"local-dir:{spec.folder}" if spec.kind == "folder" else spec.architecture
    try:
        return open_clip.get_tokenizer(name)
    except ModuleNotFoundError as error:
        raise _needs_package(spec, error.name or str(error)) from error
    except Exception as error:  # files missing, no network, no package: each library says it its own way
        if "transformers" in str(error):
            raise _needs_package(spec, "transformers") from error
        raise _unavailable(spec, f"its tokenizer cannot be loaded ({_first_line(error)}).") from error


def _checkpoint(spec: ModelSpec, *, allow_download: bool, say: Say) -> Path:
    """The file with a tag's weights, fetched only where that is allowed. Raises ModelUnavailable."""
    assert spec.architecture is not None and spec.tag is not None
    tags = open_clip_pretrained.list_pretrained_tags_by_model(spec.architecture)
    config = open_clip_pretrained.get_pretrained_cfg(spec.architecture, spec.tag)
    if not config:
        hint = did_you_mean(spec.tag, tags) or f" It knows: {', '.join(tags) or 'none'}."
        raise _unavailable(spec, f"open_clip knows no weights {display_path(spec.tag)} for {spec.architecture}.{hint}")
    hub_file = config.get("hf_hub")
    if not hub_file and not allow_download:
        raise ModelNotHere(spec.name)  # open_clip would fetch it from its address, past the hub's offline switch
    if allow_download:
        _tokenizer(spec)  # what else it lacks is said before gigabytes are fetched
    try:
        if hub_file and allow_download:
            return fetch(hub_file, say)
        return Path(open_clip_pretrained.download_pretrained(config))
    except Exception as error:  # no network, no disk, wrong checksum: each library says it its own way
        if not allow_download:
            raise ModelNotHere(spec.name) from error
        raise _unavailable(spec, f"its weights could not be fetched ({_first_line(error)}).") from error


def _needs_package(spec: ModelSpec, package: str) -> ModelUnavailable:
    return _unavailable(spec, f"it needs the Python package {package}. Install that beside PhotoSearch, with pip.")


def _unavailable(spec: ModelSpec, reason: str) -> ModelUnavailable:
    return ModelUnavailable(display_path(spec.name), reason)


def _identity(spec: ModelSpec, checkpoint: Path | None, preprocess_config: Mapping) -> str:
    if spec.folder is not None:
        return folder_identity(spec.folder, name=display_path(spec.name))
    assert spec.architecture is not None and checkpoint is not None
    config = {
        "model_cfg": open_clip.get_model_config(spec.architecture),
        "preprocess_cfg": {k: list(v) if isinstance(v, tuple) else v for k, v in preprocess_config.items()},
    }
    return identity_of(spec.architecture, config, file_digest(checkpoint))


def _first_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:199] + "…"
