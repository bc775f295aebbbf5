"""A model that runs from its exports, without torch: loading it, and what it does when an export does not work.

Nothing heavy is imported before an export is used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from photosearch.model.exports import TEXT, Exports, Record
from photosearch.model.manifest import ModelInfo, ModelSpec
from photosearch.model.runtime import Loaded, Options, OutOfMemory, Runtime
from photosearch.model.towers import image_tower, text_tower
from photosearch.model.upkeep import ExportUpkeep
from photosearch.native import share_cpp_runtime

log = logging.getLogger(__name__)


class ExportedRuntime:
    """The image tower from its export. Texts, which seldom come here, and whatever fails go to torch.

    with_torch: loads the model with torch on the CPU; called at most once.
    """

    device = "cpu"

    def __init__(
        self,
        encode_images: Callable[[np.ndarray], np.ndarray],
        info: ModelInfo,
        *,
        with_torch: Callable[[], Runtime],
        on_failure: Callable[[str], None],
    ) -> None:
        self._encode_images = encode_images
        self._with_torch = with_torch
        self._on_failure = on_failure
        self._torch: Runtime | None = None
        self._failed = False
        self.precision = info.precision
        self.batch = info.batch

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        if not self._failed:
            try:
                return self._encode_images(pixels)
            except OutOfMemory:
                raise
            except Exception as error:  # ONNX Runtime has its own kinds, and a driver or a file can fail in any way
                log.warning("the exported image tower failed; going on with PyTorch: %s", error)
                self._failed = True
                self._on_failure(str(error))
        torch = self._loaded()
        self.precision, self.batch = torch.precision, torch.batch
        return torch.encode_images(pixels)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return self._loaded().encode_texts(texts)

    def _loaded(self) -> Runtime:
        if self._torch is None:
            self._torch = self._with_torch()
        return self._torch


def load(spec: ModelSpec, options: Options, *, with_torch: Callable[[], Runtime]) -> Loaded | None:
    """The model from its exports; None where there are none to use, and torch has to load it."""
    assert options.exports is not None
    if not share_cpp_runtime():
        log.warning("exports are not used: usearch was imported before PhotoSearch")
        return None
    exports = Exports(options.exports)
    record = exports.record(exports.identity_of(spec))
    info = record.info(spec, device=options.device) if record else None
    if record is None or info is None or record.images is None:
        return None
    name = record.images
    folder = exports.tower(info.identity, name)
    if folder is None:
        return None
    try:
        tower = image_tower(folder, lanes=options.lanes)
    except Exception as error:  # as above
        exports.discard(info.identity, name, str(error))
        return None
    runtime = ExportedRuntime(
        tower,
        info,
        with_torch=with_torch,
        on_failure=lambda reason: exports.discard(info.identity, name, reason),
    )
    upkeep = ExportUpkeep(exports, info, options, torch_model=None)
    return Loaded(info=info, runtime=runtime, on_cpu=with_torch, upkeep=upkeep if upkeep.needed else None)


class ExportedModel:
    """What the process that asks can do itself with a model's exports: know it, and load its text tower."""

    def __init__(self, folder: Path, spec: ModelSpec, *, threads: int) -> None:
        self._exports = Exports(folder)
        self._spec = spec
        self._threads = threads

    def record(self) -> Record | None:
        """What was made and chosen; None where nothing was."""
        return self._exports.record(self._exports.identity_of(self._spec))

    def load_texts(self) -> Callable[[Sequence[str]], np.ndarray] | None:
        """None where there is none that works; one that does not is thrown away, with a line in the log."""
        identity = self._exports.identity_of(self._spec)
        record = self._exports.record(identity)
        if identity is None or record is None or record.texts is None or not share_cpp_runtime():
            return None
        folder = self._exports.tower(identity, TEXT)
        if folder is None:
            return None
        try:
            return text_tower(folder, record.texts, threads=self._threads)
        except Exception as error:  # ONNX Runtime has its own kinds
            self._exports.discard(identity, TEXT, str(error))
            return None

    def discard_texts(self, reason: str) -> None:
        """Throw it away; it is made again."""
        identity = self._exports.identity_of(self._spec)
        if identity is not None:
            self._exports.discard(identity, TEXT, reason)
