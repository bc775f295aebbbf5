"""The encoder as the rest of the program sees it: texts and pixels in, unit vectors out. No torch in this process.

The model lives in a process of its own (``child``), started when something is asked and ended after a rest. When that
process dies, those who wait get EncoderLost and the next request starts another. Texts are answered in this process
where the model's text tower was exported (``text_tower``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from photosearch import interrupts
from photosearch.cores import available_cores
from photosearch.errors import Cancelled, EncoderLost, ModelUnavailable, PhotoSearchError, display_path
from photosearch.model import child
from photosearch.model.exported import ExportedModel
from photosearch.model.exports import Record
from photosearch.model.manifest import ModelInfo, ModelSpec
from photosearch.model.runtime import Load, Options, Say
from photosearch.model.text_tower import TextTower

log = logging.getLogger(__name__)

_END_SECONDS = 0.3
_LOAD_ATTEMPTS = 2
_CLEAN_UP_SECONDS = 2.0
"""What a process that downloads gets for taking away what is half fetched."""


class Encoder:
    """A model's two towers, in a process of their own. Safe to use from several threads.

    device: ``auto`` (a GPU that proves itself, else the CPU) or ``cpu``.
    allow_download: whether weights may be fetched; without it the process uses no network.
    idle_seconds: the process ends, and gives its memory back, when nothing was asked for so long.
    threads: for work on the CPU; by default half of the cores, for decoders need the others and threads that contend
    for a core wait for each other at every step. An export runs that many batches of pictures side by side, by default
    one for each core: these do not wait for each other (docs/decisions.md).
    exports: the folder that exported towers are kept in; without it torch runs everything.
    load: what loads the model, in the process; a function a module holds, so that the process can import it.
    """

    def __init__(
        self,
        spec: ModelSpec,
        *,
        device: str = "auto",
        allow_download: bool = False,
        idle_seconds: float = 300,
        threads: int | None = None,
        exports: Path | None = None,
        load: Load = child.load_model,
    ) -> None:
        self._spec = spec
        self._options = Options(
            device=device,
            threads=threads or max(1, available_cores() // 2),
            allow_download=allow_download,
            exports=exports,
            lanes=threads or available_cores(),
        )
        self._exported: ExportedModel | None = None
        self._text_tower: TextTower | None = None
        if exports is not None:
            self._exported = ExportedModel(exports, spec, threads=self._options.threads)
            self._text_tower = TextTower(self._exported, idle_seconds=idle_seconds)
        self._idle_seconds = idle_seconds
        self._load = load
        self._starting = threading.Lock()  # held while a process loads its model
        self._state = threading.Lock()  # held for moments; guards the three below
        self._closed = False
        self._process: _Process | None = None
        self._info: ModelInfo | None = None
        # One request on a pipe at a time; a text and images may be under way together.
        self._asking_texts = threading.RLock()
        self._asking_images = threading.Lock()

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def info(self) -> ModelInfo:
        """The model. Where it was not exported the first time starts the process and waits for it.

        Raises ModelUnavailable when the model cannot be loaded, EncoderLost when the encoder is closed meanwhile.
        """
        with self._state:
            info = self._info
        if info is None and (record := self.record) is not None:
            info = record.info(self._spec, device=self._options.device)
            with self._state:
                self._info = self._info or info
        if info is None:
            self._ready_process()
            with self._state:
                info = self._info
        assert info is not None
        return info

    @property
    def running(self) -> bool:
        """True while the process is there."""
        with self._state:
            process = self._process
        return process is not None and process.alive

    @property
    def record(self) -> Record | None:
        """What was exported of the model on this computer, and why it runs as it does; None where nothing was."""
        return self._exported.record() if self._exported is not None else None

    def warm_up(self) -> None:
        """Load what answers the first text. Raises as ``info``."""
        if self._text_tower is None or not self._text_tower.load():
            self._ready_process()

    def start_soon(self) -> None:
        """Start the process in the background, for pictures are about to come. What goes wrong is told to who asks."""

        def start() -> None:
            with contextlib.suppress(PhotoSearchError):
                self._ready_process()

        threading.Thread(target=start, name="photosearch-encoder-start", daemon=True).start()

    def start(self, say: Say = log.info) -> ModelInfo:
        """Start the process unless it runs; ``say`` hears of what takes long. Raises as ``info``."""
        self._ready_process(say)
        return self.info

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        """Embed preprocessed pictures.

        pixels: uint8 [n, height, width, 3] as ``info.preprocess.apply`` makes them; any n, ``info.batch`` is best.
        Returns float32 [n, dim], rows of unit length, in the order given. A picture for which the model gives no
        finite direction has a row of NaN.
        Raises EncoderLost when the process died or could not answer; ModelUnavailable when it cannot be loaded.
        """
        info = self.info
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != info.preprocess.shape:
            raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}, not uint8 [n, *{info.preprocess.shape}]")
        if not len(pixels):
            return np.empty((0, info.dim), np.float32)

        def send(process: _Process) -> Connection:
            process.images.send(pixels.shape)
            process.images.send_bytes(np.ascontiguousarray(pixels).data.cast("B"))
            return process.images

        with self._asking_images:
            return self._ask(send)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts. They are cut where the model's context ends; an empty one is allowed.

        Returns float32 [n, dim], rows of unit length, in the order given. Raises as ``encode_images``.
        """
        if not len(texts):
            return np.empty((0, self.info.dim), np.float32)
        if self._text_tower is not None:
            rows = self._text_tower.encode(texts)
            if rows is not None:
                return _finite(rows)
            with self._state:
                self._raise_if_closed()

        def send(process: _Process) -> Connection:
            process.texts.send(list(texts))
            return process.texts

        with self._asking_texts:
            return self._ask(send)

    def close(self) -> None:
        """End the process at once, whatever it does; those who wait get EncoderLost. May be called again."""
        with self._state:
            self._closed = True
            process, self._process = self._process, None
        if process is not None:
            process.end(patience=0)
        if self._text_tower is not None:
            self._text_tower.close()

    def _ask(self, send: Callable[[_Process], Connection]) -> np.ndarray:
        while True:
            process = self._ready_process()
            try:
                answer = send(process).recv()
            except (EOFError, OSError) as error:
                status = process.end(patience=_END_SECONDS)
                if status == child.RESTED:
                    continue  # it went to rest just when we asked
                raise EncoderLost(f"The encoder process ended without an answer ({_ending(status)}).") from error
            except BaseException:
                # Interrupted between question and answer: the answer would be taken for that of the next question.
                process.end(patience=0)
                raise
            _log_lines(answer[-1])
            if answer[0] == "rested":
                process.end(patience=_END_SECONDS)
                continue
            if answer[0] == "failed":
                raise EncoderLost(f"The encoder could not answer ({answer[1]}).")
            _, rows, ready, _ = answer
            self._note(ready)
            return _finite(rows)

    def _ready_process(self, say: Say = log.info) -> _Process:
        """The process, its model loaded. Raises ModelUnavailable or EncoderLost (closed)."""
        with self._starting:
            deaths = rests = 0
            while deaths < _LOAD_ATTEMPTS:
                with self._state:
                    self._raise_if_closed()
                    process = self._process
                if process is not None:
                    if process.alive:
                        return process
                    if self._asking_texts.acquire(blocking=False):  # else another thread reads that pipe
                        try:
                            process.log_last_words()
                        finally:
                            self._asking_texts.release()
                    process.end(patience=0)
                process = _Process(self._spec, self._options, self._idle_seconds, self._load)
                with self._state:
                    closed = self._closed
                    self._process = None if closed else process
                if closed:
                    process.end(patience=0)
                    self._raise_if_closed()
                try:
                    info = process.wait_until_ready(say)
                except _Rested:
                    status = process.end(patience=_END_SECONDS)
                    rests += 1
                    deaths += rests > 1  # once it made an export; the next one runs that, and has no cause to rest
                    continue
                except EOFError:
                    deaths += 1
                    status = process.end(patience=_END_SECONDS)
                    log.warning("the encoder process ended while loading %s (%s)", self._spec.name, _ending(status))
                    continue
                except BaseException:
                    process.end(patience=0)
                    raise
                self._accept(info, process)
                return process
            with self._state:
                self._raise_if_closed()
            raise ModelUnavailable(
                display_path(self._spec.name),
                f"its process ended while loading it, {_LOAD_ATTEMPTS} times ({_ending(status)})."
                " There may be too little memory for it.",
            )

    def _accept(self, info: ModelInfo, process: _Process) -> None:
        known = self._info.identity if self._info is not None else self._spec.identity
        if known is not None and info.identity != known:
            process.end(patience=0)
            raise ModelUnavailable(
                display_path(self._spec.name),
                "its files changed while PhotoSearch was running. Start PhotoSearch again.",
            )
        log.info("%s runs on %s in %s, %d images at once", info.identity, info.device, info.precision, info.batch)
        with self._state:
            self._info = info

    def _note(self, ready: child.Ready) -> None:
        """Keep what the process says of its device; it may have lost it."""
        with self._state:
            if self._info is not None:
                self._info = dataclasses.replace(
                    self._info, device=ready.device, precision=ready.precision, batch=ready.batch
                )

    def _raise_if_closed(self) -> None:
        if self._closed:
            raise EncoderLost("The encoder is closed.")


class Download:
    """Fetching a NAME/TAG model, unless it is here, and proving that it loads. Uses the network: the user must have
    asked. What is half fetched when it is stopped is taken away, on Windows by the next one (``fetch.clear_up``).

    load: as for Encoder.
    """

    def __init__(self, spec: ModelSpec, *, load: Load = child.load_model) -> None:
        self._encoder = Encoder(spec, device="cpu", allow_download=True, load=load)

    def run(self, say: Say = log.info) -> ModelInfo:
        """``say`` hears how far it is. Raises ModelUnavailable, Cancelled."""
        try:
            with self._encoder as encoder:
                return encoder.start(say)
        except EncoderLost as error:
            raise Cancelled() from error

    def cancel(self) -> None:
        """Stop it, from any thread, or before it runs."""
        self._encoder.close()


def _finite(rows: np.ndarray) -> np.ndarray:
    """A row with a number that is none is marked as a whole."""
    rows[~np.isfinite(rows).all(axis=1)] = np.nan
    return rows


class _Rested(Exception):
    """The process ended by itself, for another to take its place."""


class _Process:
    """One encoder process and the pipes to it."""

    def __init__(self, spec: ModelSpec, options: Options, idle_seconds: float, load: Load) -> None:
        # spawn, on every platform: a fork of a process with threads, a window or open databases is not sound.
        context = multiprocessing.get_context("spawn")
        self.texts, texts_there = context.Pipe()
        self.images, images_there = context.Pipe()
        self._process = context.Process(
            target=child.main,
            args=(texts_there, images_there, spec, options, idle_seconds, load),
            name="photosearch-encoder",
            daemon=True,
        )
        self._downloads = options.allow_download
        self._reaping = threading.Lock()
        self._status: int | None = None
        try:
            with interrupts.held_back():
                self._process.start()
        finally:
            # The other ends are the child's alone, so that a pipe closes when it dies.
            texts_there.close()
            images_there.close()

    @property
    def alive(self) -> bool:
        with self._reaping:
            return self._status is None and self._process.is_alive()

    def wait_until_ready(self, say: Say) -> ModelInfo:
        """Raises ModelUnavailable as the child says it, _Rested when it ends by itself, EOFError when it dies."""
        while True:
            try:
                kind, *rest = self.texts.recv()
            except OSError as error:
                raise EOFError from error
            if kind == "line":
                say(rest[0])
                continue
            _log_lines(rest[-1])
            if kind == "rested":
                raise _Rested
            if kind == "unavailable":
                raise rest[0]
            return rest[0]

    def end(self, *, patience: float) -> int | None:
        """See the process end, by force after ``patience`` seconds. Returns its exit status (negative: a signal)."""
        with self._reaping:
            if self._status is None:
                if self._downloads and sys.platform != "win32" and self._process.is_alive():
                    assert self._process.pid is not None
                    os.kill(self._process.pid, signal.SIGINT)
                    patience = max(patience, _CLEAN_UP_SECONDS)
                if patience:
                    self._process.join(patience)
                if self._process.is_alive():
                    self._process.kill()
                self._process.join(_END_SECONDS)
                self._status = self._process.exitcode
            return self._status

    def log_last_words(self) -> None:
        """What a process that ended by itself has left to say. Nobody else may read the pipe for texts meanwhile."""
        with contextlib.suppress(EOFError, OSError):
            while self.texts.poll():
                answer = self.texts.recv()
                if answer[0] == "rested":
                    _log_lines(answer[-1])


def _ending(status: int | None) -> str:
    if status is None:
        return "it does not end"
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def _log_lines(lines: Any) -> None:
    for level, name, text in lines:
        logging.getLogger(name if name.startswith("photosearch") else f"photosearch.model.{name}").log(
            level, "encoder: %s", text
        )
