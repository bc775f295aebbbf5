"""Tiny coloured photos, a library around them, and decoding without processes: for tests whose subject is neither."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photosearch.catalog import Catalog, FileStat, IndexedPhoto
from photosearch.indexer.decode_pool import DecodePool
from photosearch.library import Library
from photosearch.paths import AppPaths
from photosearch.progress import Event
from photosearch.records import PhotoFacts
from tests.fakes import ColourEncoder

RGB = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (30, 50, 220), "yellow": (230, 220, 30)}
_LONG_AGO_S = 1_577_880_000
PATIENCE_S = 90.0


def paint(path: Path, colour: str, *, mark: int = 0, age: int = 0) -> Path:
    """A JPEG of one colour. Another ``mark`` is another content; a greater ``age`` is an older file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 24), RGB[colour]).save(path, "JPEG", comment=f"{colour} {mark}")
    os.utime(path, (_LONG_AGO_S - age, _LONG_AGO_S - age))
    return path


def edit(path: Path, colour: str, *, mark: int = 0) -> Path:
    """The same file, with other content and a later time."""
    return paint(path, colour, mark=mark, age=-1000)


class InlinePool:
    """A DecodePool without processes: a task is done when it was submitted."""

    workers = 2

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def start(self) -> None:
        pass

    def submit(self, function: Callable[..., Any], *args: Any) -> Future:
        future: Future = Future()
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        return self.outcome_of(self.submit(function, *args))

    def outcome_of(self, future: Future) -> Any:
        return DecodePool(1).outcome_of(future)

    def revive(self) -> None:
        pass

    def close(self) -> None:
        pass


def decode_inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker processes from here on: they cost a second each."""
    monkeypatch.setattr("photosearch.indexer.indexer.DecodePool", InlinePool)
    monkeypatch.setattr("photosearch.library.library.DecodePool", InlinePool)


def open_library(paths: AppPaths, *, encoders: list[ColourEncoder] | None = None, **options: Any) -> Library:
    """A library that sees colours; its encoder is appended to ``encoders``."""

    def make(spec, **kwargs):
        encoder = ColourEncoder(spec, **kwargs)
        if encoders is not None:
            encoders.append(encoder)
        return encoder

    return Library.open(paths, make_encoder=make, **options)


class Heard:
    """The events of a library, and waiting for what they announce."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Looks at the condition at every event, and now and then."""
        with self._news:
            # Some states change without an event; they are looked at a few times a second.
            for _ in range(int(PATIENCE_S * 10)):
                if condition():
                    return
                self._news.wait(0.1)
        pytest.fail(f"not within {PATIENCE_S:.0f} s: {what}; heard {self.events[-5:]}")


def facts(**changes: Any) -> PhotoFacts:
    return PhotoFacts(**{"format": "JPEG", "width": 32, "height": 24, **changes})


def stat(number: int, **changes: int) -> FileStat:
    return FileStat(**{"size": 1000 + number, "mtime_ns": number, "device": 1, "inode": 100 + number, **changes})


def unit(seed: int, dim: int = 8) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=dim)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class KnownFolder:
    """A folder in a catalog, without files on disk: rows are made by hand."""

    def __init__(self, catalog: Catalog, path: Path) -> None:
        catalog.folders.add(path)
        self.catalog = catalog
        self.id = next(f.id for f in catalog.folders.all() if f.path == path)
        self.model = catalog.embeddings.register("colours-1", name="colours", dim=8)

    def add(self, *rels: bytes) -> list[int]:
        """Pending files; returns their ids."""
        first = len(self.catalog.files.snapshot(self.id))
        self.catalog.files.add(self.id, [(rel, stat(first + i)) for i, rel in enumerate(rels)])
        rows = self.catalog.files.snapshot(self.id)
        return [rows[rel].id for rel in rels]

    def read(self, file_id: int, content: int, *, vector: bool = True, **changes: Any) -> int:
        """The file was read and holds photo number ``content``; returns the photo's id."""
        row = next(r for r in self.catalog.files.snapshot(self.id).values() if r.id == file_id)
        done = self.catalog.photos.commit(
            [
                IndexedPhoto(
                    file_id, row.stat.size, row.stat.mtime_ns, bytes([content]) * 16, facts(**changes),
                    unit(content) if vector else None,
                )
            ],
            model_id=self.model,
        )  # fmt: skip
        return done[file_id].photo_id

    def states(self) -> dict[bytes, str]:
        return {rel: row.state.value for rel, row in self.catalog.files.snapshot(self.id).items()}


def run_without_root_powers(code: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python code as someone whom permissions bind, also where the tests run as root (Linux)."""
    drop = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "for capability in (1, 2):\n"  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        "    libc.prctl(24, capability, 0, 0, 0)\n"  # PR_CAPBSET_DROP
        "if os.geteuid() == 0:\n"
        "    header = (ctypes.c_uint32 * 2)(0x20080522, 0)\n"
        "    data = (ctypes.c_uint32 * 6)()\n"
        "    libc.capget(header, data)\n"
        "    for at in (0, 1, 2):\n"
        "        data[at] &= ~0b110\n"
        "    assert libc.capset(header, data) == 0\n"
    )
    return subprocess.run(
        [sys.executable, "-c", drop + code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def full_disk(folder: Path, *, size: str) -> bool:
    """Mount a tiny disk at ``folder``; False where this is not allowed. ``unmount`` it."""
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("mount"):
        return False
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tiny", folder], capture_output=True, check=False
    )
    return done.returncode == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", folder], capture_output=True, check=True)
