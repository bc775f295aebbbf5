"""The encoder process: loads a model, answers texts and images, and never outlives its parent.

Two pipes lead here, one for texts and one for images, and a waiting text is answered before the next batch of images.
Messages: on either pipe the parent sends a header, for images followed by the pixels as bytes; the answer is a tuple
that starts with ``ok`` or ``failed``. At the start the child says ``line`` any number of times, then ``ready`` or
``unavailable``, on the pipe for texts, and at an end of its own ``rested``. Log lines travel with the answers, for this
process has no log of its own.

A process that ends by itself has rested, or has made an export that another process runs better than it could.
"""

from __future__ import annotations

import dataclasses
import logging
import multiprocessing
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

import numpy as np

from photosearch.errors import ModelUnavailable, display_path
from photosearch.model import exported
from photosearch.model.manifest import ModelSpec
from photosearch.model.runtime import Load, Loaded, Options, Say, Upkeep
from photosearch.model.steady import SteadyRuntime
from photosearch.priority import step_back

RESTED = 75
"""Exit status of a process that ended by itself: what is asked goes to a new one."""

_IDLE_SECONDS = 1.0
"""After so long without a request there is time for work on the model itself."""
_KEPT_LOG_LINES = 50

LogLine = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Ready:
    """What the child says of the device after each answer."""

    device: str
    precision: str
    batch: int


def load_model(spec: ModelSpec, options: Options, say: Say) -> Loaded:
    """The loader of real models: from an export where there is one, else with torch."""
    if options.exports is not None:
        on_cpu = dataclasses.replace(options, device="cpu", exports=None)
        loaded = exported.load(spec, options, with_torch=lambda: load_with_torch(spec, on_cpu, say).runtime)
        if loaded is not None:
            return loaded
    return load_with_torch(spec, options, say)


def load_with_torch(spec: ModelSpec, options: Options, say: Say) -> Loaded:
    """torch is imported here, and so in this process only, where no export does without it."""
    try:
        from photosearch.model import torchvision_cpu

        torchvision_cpu.prepare()  # before anything imports torchvision, as open_clip does
        from photosearch.model import torch_runtime
    except Exception as error:  # ImportError, or OSError from a library that does not load
        raise ModelUnavailable(
            display_path(spec.name), f"PyTorch or open_clip cannot be imported ({error}). Install PhotoSearch again."
        ) from error
    return torch_runtime.load(spec, options, say)


def main(
    texts: Connection, images: Connection, spec: ModelSpec, options: Options, idle_seconds: float, load: Load
) -> None:
    """Entry point of the process. Returns never: it exits when the parent is gone or nothing was asked for a while."""
    status = 1
    try:
        _settle_in(options)
        lines = _LogLines()
        status = _Server(texts, images, lines, idle_seconds).run(spec, options, load)
    except (EOFError, OSError):
        status = 0  # the parent closed a pipe: it wants nothing more
    finally:
        # Without the interpreter's long way out: torch takes its time there, and nothing here needs it.
        os._exit(status)


def _settle_in(options: Options) -> None:
    """Become a quiet background process that dies with its parent."""
    if options.allow_download:
        _stop_as_on_ctrl_c()
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group; the parent decides
    threading.Thread(target=_die_with_parent, daemon=True).start()
    step_back()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    sys.stdout = sys.stderr = os.fdopen(nowhere, "w", encoding="utf-8")
    environment = {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",  # or the hub would learn who asks, where one signed in to it
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": str(options.threads),
        "OPENBLAS_NUM_THREADS": str(options.threads),  # what torch multiplies with on some processors
        "PYTORCH_ENABLE_MPS_FALLBACK": "1",
    }
    if not options.allow_download:
        environment |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    if options.device == "cpu":
        environment |= {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": ""}
    os.environ.update(environment)


def _stop_as_on_ctrl_c() -> None:
    """SIGINT wakes a download that is to stop, and on its way out the hub's library takes away what is half fetched."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "pthread_sigmask"):  # processes of ours are born with it blocked (interrupts.held_back)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


class _LogLines(logging.Handler):
    """Keeps log lines and warnings of libraries until they are sent."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: list[LogLine] = []
        logging.basicConfig(level=logging.WARNING, handlers=[self], force=True)
        logging.getLogger("photosearch").setLevel(logging.INFO)
        warnings.resetwarnings()  # the parent may run with warnings as errors; libraries are not ours to mend
        logging.captureWarnings(True)

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._lines) < _KEPT_LOG_LINES:
            ours = record.name.startswith("photosearch")
            self._lines.append((record.levelno if ours else logging.DEBUG, record.name, self.format(record)))

    def add(self, level: int, text: str) -> None:
        self._lines.append((level, __name__, text))

    def take(self) -> list[LogLine]:
        lines, self._lines = self._lines, []
        return lines


class _Server:
    def __init__(self, texts: Connection, images: Connection, lines: _LogLines, idle_seconds: float) -> None:
        self._texts = texts
        self._images = images
        self._lines = lines
        self._idle_seconds = idle_seconds
        self._runtime: SteadyRuntime
        self._upkeep: Upkeep | None = None

    def run(self, spec: ModelSpec, options: Options, load: Load) -> int:
        """Load, then serve. Returns the exit status."""
        try:
            loaded = load(spec, options, lambda said: self._texts.send(("line", said)))
        except ModelUnavailable as error:
            self._lines.add(logging.INFO, traceback.format_exc())
            self._texts.send(("unavailable", error, self._lines.take()))
            return 0
        except Exception as error:  # the border of the process: what is not known here is told to the parent
            self._lines.add(logging.ERROR, traceback.format_exc())
            reason = f"loading it failed ({type(error).__name__}: {error})."
            self._texts.send(("unavailable", ModelUnavailable(display_path(spec.name), reason), self._lines.take()))
            return 0
        self._runtime, self._upkeep = SteadyRuntime(loaded.runtime, loaded.on_cpu), loaded.upkeep
        if self._upkeep is not None and self._upkeep.at_once and self._upkeep.run():
            return self._rest()
        self._texts.send(("ready", loaded.info, self._lines.take()))
        while True:
            has_work = self._upkeep is not None and self._upkeep.when_idle
            ready = wait(
                [self._texts, self._images], min(_IDLE_SECONDS, self._idle_seconds) if has_work else self._idle_seconds
            )
            if self._texts in ready:
                self._serve_texts()
            elif ready:
                self._serve_images()
            elif not has_work:
                return self._rest()
            if self._upkeep is not None and ((has_work and not ready) or self._upkeep.due) and self._upkeep.run():
                return self._rest()

    def _rest(self) -> int:
        self._texts.send(("rested", self._lines.take()))
        self._images.send(("rested", []))
        return RESTED

    def _serve_waiting_texts(self) -> None:
        while self._texts.poll():
            self._serve_texts()

    def _serve_texts(self) -> None:
        asked = self._texts.recv()
        self._answer(self._texts, lambda: self._runtime.encode_texts(asked))

    def _serve_images(self) -> None:
        shape = self._images.recv()
        pixels = np.empty(shape, np.uint8)
        self._images.recv_bytes_into(pixels.data.cast("B"))
        rows = self._answer(
            self._images, lambda: self._runtime.encode_images(pixels, between=self._serve_waiting_texts)
        )
        if rows is not None and self._upkeep is not None:
            self._upkeep.saw(pixels, rows)

    def _answer(self, pipe: Connection, work: Callable[[], np.ndarray]) -> np.ndarray | None:
        try:
            rows = work()
        except (EOFError, OSError):
            raise  # a pipe is closed, for a text was served in between
        except Exception as error:  # the border of the process
            self._lines.add(logging.ERROR, traceback.format_exc())
            pipe.send(("failed", f"{type(error).__name__}: {error}", self._lines.take()))
            return None
        runtime = self._runtime
        ready = Ready(runtime.device, runtime.precision, runtime.batch)
        pipe.send(("ok", np.ascontiguousarray(rows, np.float32), ready, self._lines.take()))
        return rows
