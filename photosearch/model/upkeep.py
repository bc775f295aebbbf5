"""Exports a model's towers, judges the ways to run them, and keeps the choice. Runs in the encoder process.

Two processes come by here. One that loaded the model with torch exports both towers in fp32; where it has seen enough
photos meanwhile it judges int8 too, with torch's own rows. One that runs an fp32 export judges int8 as soon as it has
seen enough photos, with its own rows, and needs no torch for that.
"""

from __future__ import annotations

import dataclasses
import errno
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from photosearch import memory
from photosearch.model import candidates
from photosearch.model.candidates import PHOTOS_WANTED
from photosearch.model.exports import FP32, INT8, TEXT, TORCH, Exports, Measured, Record, environment
from photosearch.model.manifest import ModelInfo
from photosearch.model.runtime import Options
from photosearch.model.towers import image_tower, text_tower

log = logging.getLogger(__name__)

PROOF_TEXTS = (
    "",
    "a dog",
    "Two children & a red kite on the beach at sunset, 1987",
    "Caf&eacute; in München — „Rotes Fahrrad“ 🚲",
    "雪の富士山 гора جبل",
    "it's what we'd call <blue>, isn't it? " * 20,
)
_TEXT_COSINE = 0.9999
_SMALL_BYTES = 200_000_000
"""A model of this size is exported in a second or two, which loading torch once more would take as well."""
_ROOM = 4
"""Both towers, one of them twice, and what is written on the way."""


@dataclass(frozen=True, slots=True)
class TorchModel:
    """What exporting needs of a model that torch has loaded on the CPU.

    tokens: of the proof texts, and tokenizer: how to make a ClipTokenizer that finds the same; None where none does.
    accelerated: whether a GPU runs the image tower, which then needs no export.
    let_go: gives the memory of its weights back; they are loaded again when something is asked.
    """

    weight_bytes: int
    accelerated: bool
    tokenizer: dict[str, Any] | None
    write_images: Callable[[Path], None]
    write_texts: Callable[[Path], None]
    let_go: Callable[[], None]
    encode_images: Callable[[np.ndarray], np.ndarray]
    encode_texts: Callable[[Sequence[str]], np.ndarray]


class ExportUpkeep:
    """See the module. ``torch_model`` is None in a process that runs an export."""

    def __init__(self, exports: Exports, info: ModelInfo, options: Options, *, torch_model: TorchModel | None) -> None:
        self._exports = exports
        self._info = info
        self._options = options
        self._torch = torch_model
        self._let_go = torch_model.let_go if torch_model is not None else lambda: None
        self._record = exports.record(info.identity) or Record(info.identity, environment(), info.dim, info.preprocess)
        self._news = False
        if torch_model is not None and options.device != "cpu":
            self._news = self._record.accelerator is not torch_model.accelerated
            self._record = dataclasses.replace(self._record, accelerator=torch_model.accelerated)
        self._pixels: list[np.ndarray] = []
        self._rows: list[np.ndarray] = []
        self._over = False

    @property
    def needed(self) -> bool:
        """False where everything is made and judged."""
        return self.when_idle or self._judges_int8

    @property
    def at_once(self) -> bool:
        return self._torch is not None and self._torch.weight_bytes <= _SMALL_BYTES and self.when_idle

    @property
    def when_idle(self) -> bool:
        return not self._over and (self._exports_texts or self._exports_images or self._news)

    @property
    def due(self) -> bool:
        # As in renting skis: exporting takes about as long as encoding so many pictures with torch.
        return not self._over and len(self._rows) >= PHOTOS_WANTED and (self.when_idle or self._judges_int8)

    @property
    def _exports_texts(self) -> bool:
        return self._torch is not None and self._record.texts is None and TEXT not in self._record.refused

    @property
    def _exports_images(self) -> bool:
        return self._torch is not None and not self._torch.accelerated and self._record.images is None

    @property
    def _judges_int8(self) -> bool:
        return (
            self._record.images is not None
            and self._record.int8_is_open
            and not (self._torch is not None and self._torch.accelerated)
        )

    def saw(self, pixels: np.ndarray, rows: np.ndarray) -> None:
        """Keeps the first pictures, for judging int8 with what this library really holds."""
        if self._over or len(self._rows) >= PHOTOS_WANTED:
            return
        for picture, row in zip(pixels, rows, strict=True):
            if np.isfinite(row).all() and len(self._rows) < PHOTOS_WANTED:
                self._pixels.append(picture.copy())
                self._rows.append(row)

    def run(self) -> bool:
        """Make what is missing. Without room, or where nothing may be written, the model goes on as it is."""
        self._over = True
        before = self._record.images
        try:
            with self._exports.working(self._info.identity) as ours:
                if not ours:
                    log.info("another process is exporting %s", self._info.identity)
                    return False
                self._make()
                self._exports.keep(self._record)
                self._news = False
        except OSError as error:
            log.warning(
                "%s cannot be exported (%s); it goes on with %s", self._info.identity, error, self._info.precision
            )
            return False
        finally:
            with_torch = self._torch is not None
            self._pixels, self._rows, self._torch = [], [], None  # their memory is wanted
        self._over = not self._judges_int8  # which is done where PyTorch goes on, too, when it has seen enough photos
        log.info("%s: %s", self._info.identity, self._record.sentence())
        return self._record.images in (FP32, INT8) and (with_torch or self._record.images != before)

    def _make(self) -> None:
        self._let_go()  # what an export needs of torch's model is one tower, int8 nothing; what is there holds both
        if self._torch is not None:
            self._check_room(self._torch.weight_bytes)
            if self._exports_texts:
                self._attempt(TEXT, self._make_texts)
            if self._exports_images:
                self._attempt(FP32, self._make_fp32)
                if self._record.images is None:
                    self._change(images=TORCH)
        if self._judges_int8 and len(self._rows) >= PHOTOS_WANTED:
            self._attempt(INT8, self._make_int8)
        if self._record.images is not None and self._record.measured:
            images = candidates.chosen(self._record.measured, self._record.refused)
            lanes = 1 if images == TORCH else self._options.lanes
            batch = candidates.batch_for(self._record.measured[images].milliseconds, lanes=lanes)
            self._change(images=images, batch=batch)
            unused = {FP32, INT8} - {images} - ({FP32} if self._record.int8_is_open else set())
            for name in unused:
                self._exports.drop(self._info.identity, name)

    def _attempt(self, name: str, make: Callable[[], None]) -> None:
        """What fails here fails again: it is kept as refused for these versions, and the model runs without it."""
        try:
            make()
        except OSError:
            raise  # of the disk, not of the model
        except Exception as error:  # exporters and quantizers raise anything
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            self._refuse(name, f"{name} could not be made ({reason})")

    def _make_texts(self) -> None:
        assert self._torch is not None
        if self._torch.tokenizer is None:
            raise ValueError("the model has a tokenizer of another library")
        folder = self._exports.publish(self._info.identity, TEXT, self._torch.write_texts)
        expected = self._torch.encode_texts(PROOF_TEXTS)
        self._let_go()
        tower = text_tower(folder, self._torch.tokenizer, threads=self._options.threads)
        alone = np.concatenate([tower([text]) for text in PROOF_TEXTS])  # each as long as itself
        cosine = min(float((rows * expected).sum(axis=1).min()) for rows in (tower(PROOF_TEXTS), alone))
        del tower
        memory.give_back()
        if not cosine >= _TEXT_COSINE:
            self._exports.drop(self._info.identity, TEXT)
            raise ValueError(f"cosine {cosine:.4f} to PyTorch")
        self._change(texts=self._torch.tokenizer)

    def _make_fp32(self) -> None:
        from photosearch.model import onnx_files

        assert self._torch is not None
        generated = candidates.generated_pictures(self._info.preprocess)
        torch_milliseconds = candidates.milliseconds_each(self._torch.encode_images, generated)
        self._measured(TORCH, Measured(torch_milliseconds))
        folder = self._exports.publish(self._info.identity, FP32, self._torch.write_images)
        pixels = np.concatenate([generated, *(p[np.newaxis] for p in self._pixels)])
        reference = np.concatenate([self._torch.encode_images(generated), *(r[np.newaxis] for r in self._rows)])
        self._let_go()
        self._judge(FP32, folder, pixels, reference)
        if FP32 not in self._record.refused:
            self._change(images=FP32)
        if not onnx_files.int8_pays(folder):
            self._refuse(INT8, f"{INT8} would gain nothing with convolutions", warn=False)

    def _make_int8(self) -> None:
        from photosearch.model import onnx_files

        fp32 = self._exports.tower(self._info.identity, FP32)
        if fp32 is None:
            raise ValueError("there is no sound fp32 export to make it of")
        folder = self._exports.publish(self._info.identity, INT8, lambda into: onnx_files.write_int8(fp32, into))
        self._judge(INT8, folder, np.stack(self._pixels), np.stack(self._rows))
        self._change(photos=len(self._rows))

    def _judge(self, name: str, folder: Path, pixels: np.ndarray, reference: np.ndarray) -> None:
        encode = image_tower(folder, lanes=self._options.lanes)
        milliseconds = candidates.milliseconds_each(encode, pixels)
        measured = candidates.compared(encode(pixels), reference, milliseconds=milliseconds)
        del encode
        memory.give_back()
        self._measured(name, measured)
        refusal = candidates.refusal(name, measured)
        if refusal:
            self._refuse(name, refusal)

    def _measured(self, name: str, measured: Measured) -> None:
        self._change(measured={**self._record.measured, name: measured})

    def _refuse(self, name: str, sentence: str, *, warn: bool = True) -> None:
        if warn:
            log.warning("%s goes on without its export: %s", self._info.identity, sentence)
        self._change(refused={**self._record.refused, name: sentence})

    def _change(self, **facts: Any) -> None:
        self._record = dataclasses.replace(self._record, **facts)

    def _check_room(self, weight_bytes: int) -> None:
        folder = self._exports.folder(self._info.identity)
        while not folder.exists():
            folder = folder.parent
        if shutil.disk_usage(folder).free < _ROOM * weight_bytes:
            raise OSError(errno.ENOSPC, "there is too little room on the disk")
