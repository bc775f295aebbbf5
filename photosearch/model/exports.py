"""Exported towers in the cache folder: where they lie, whether they can be trusted, which one was chosen, and why.

Below ``models/``, one folder a model, named after its identity and the version of this form:

    record.json       what was chosen, on which evidence, made with which versions on which processor
    text/ fp32/ int8/ one tower each: ``tower.onnx``, ``weights.bin`` and a manifest with the checksum of both

A tower is written into a folder of another name and renamed when it is complete, the record is replaced in one step,
and one process at a time makes exports, so whatever is killed when leaves nothing that looks sound and is not. What
does not fit its checksum is thrown away and made again. Nothing here is truth: all of it can be deleted at any time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import logging
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import filelock

from photosearch.model.json_files import PARTIAL, read_json, sync, write_json
from photosearch.model.manifest import ModelInfo, ModelSpec
from photosearch.model.preprocess import Preprocess

log = logging.getLogger(__name__)

VERSION = 3
"""Raise it when the exported graphs or these files change their form: what is there is then made again."""
TEXT, FP32, INT8 = "text", "fp32", "int8"
TORCH = "torch"
GRAPH, WEIGHTS = "tower.onnx", "weights.bin"
_MANIFEST, _RECORD = "manifest.json", "record.json"
_MADE_WITH = ("torch", "open_clip_torch", "onnx", "onnxruntime")
# Instructions that decide which precision is fast, and what int8 does when sums grow large.
_CPU_FLAGS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8", "asimddp", "i8mm")
_RUNTIME_NAME = "ONNX Runtime"


@dataclass(frozen=True, slots=True)
class Measured:
    """A way to run the image tower, as it was measured here. ``cosine``: of its worst picture to PyTorch's fp32."""

    milliseconds: float
    cosine: float = 1.0
    top10: float = 1.0


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a model's towers on this computer. ``environment`` is ``environment()`` of the time.

    images: what runs the image tower on the CPU (``torch``, ``fp32``, ``int8``), None where it was not looked at.
    accelerator: whether a GPU runs it, None where nobody looked. texts: the tokenizer of the exported text tower; None
    where that is not exported. measured: by candidate. photos: how many real pictures int8 was judged with, 0 while it
    was not. refused: a sentence for each tower that is not to be tried again.
    """

    identity: str
    environment: Mapping[str, str]
    dim: int
    preprocess: Preprocess
    images: str | None = None
    batch: int = 1
    accelerator: bool | None = None
    texts: Mapping[str, Any] | None = None
    measured: Mapping[str, Measured] = field(default_factory=dict)
    photos: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def int8_is_open(self) -> bool:
        """True while nobody looked whether int8 pays and keeps the vectors."""
        return not self.photos and INT8 not in self.refused

    def info(self, spec: ModelSpec, *, device: str) -> ModelInfo | None:
        """The model as it will run without torch; None where torch runs its image tower with this device setting."""
        if self.images not in (FP32, INT8) or (device != "cpu" and self.accelerator is not False):
            return None
        return ModelInfo(
            identity=self.identity,
            name=spec.name,
            dim=self.dim,
            preprocess=self.preprocess,
            device="cpu",
            precision=f"{_RUNTIME_NAME} {self.images}",
            batch=self.batch,
        )

    def sentence(self) -> str:
        """What was chosen and why, for people."""
        parts = []
        for name, m in self.measured.items():
            part = f"{name if name == TORCH else f'{_RUNTIME_NAME} {name}'} {m.milliseconds:.1f} ms a picture"
            if name != TORCH:
                part += f" (cosine at least {m.cosine:.4f}, top 10 {m.top10:.2f})"
            parts.append(part)
        chosen = {None: "not chosen yet", TORCH: "PyTorch"}.get(self.images, f"{_RUNTIME_NAME} {self.images}")
        judged = f"; int8 judged with {self.photos} of your photos" if self.photos else ""
        texts = f"words: {'in this process' if self.texts else 'with PyTorch'}"
        refused = "".join(f"; {sentence}" for sentence in self.refused.values())
        return f"pictures: {chosen}{' of ' + ', '.join(parts) if parts else ''}{judged}; {texts}{refused}"


@functools.cache
def environment() -> dict[str, str]:
    """What an export and its measurements hold for: versions of the makers, the processor, and what GPUs there are."""
    facts = {"form": str(VERSION), "cpu": _processor(), "gpu": _gpus()}
    for name in _MADE_WITH:
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            facts[name] = ""
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = (facts.get("flags") or facts.get("features") or "").split()
    return " ".join([facts.get("model name", platform.machine()), *(f for f in _CPU_FLAGS if f in flags)])


def _gpus() -> str:
    """A sign of each GPU that torch might use, found without it. A change means: look again."""
    if sys.platform == "win32":
        return str(Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvcuda.dll").exists())
    with contextlib.suppress(OSError):
        return " ".join(sorted(e for e in os.listdir("/dev") if re.fullmatch(r"nvidia\d+|kfd", e)))  # noqa: PTH208
    return ""


class Exports:
    """The exports below one folder. Its readers answer None rather than raise: without an export there is torch."""

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._verified: set[tuple[Path, int, int]] = set()

    def folder(self, identity: str) -> Path:
        return self._root / f"{identity}-{VERSION}"

    # Which identity a name has, for models whose weights lie in another program's cache

    def identity_of(self, spec: ModelSpec) -> str | None:
        """The identity, where it is known without loading the model: its weights are the file that they were."""
        if spec.identity is not None:
            return spec.identity
        facts = read_json(self._name_file(spec))
        try:
            weights = Path(facts["weights"]).stat()
            same = [weights.st_size, weights.st_mtime_ns] == facts["size_and_mtime_ns"]
            return str(facts["identity"]) if same and facts["environment"] == environment() else None
        except (KeyError, TypeError, ValueError, OSError):
            return None

    def remember_identity(self, spec: ModelSpec, identity: str, weights: Path) -> None:
        """Raises OSError."""
        facts = weights.stat()
        self._root.mkdir(parents=True, exist_ok=True)
        write_json(
            self._name_file(spec),
            {
                "identity": identity,
                "weights": str(weights),
                "size_and_mtime_ns": [facts.st_size, facts.st_mtime_ns],
                "environment": environment(),
            },
        )

    def _name_file(self, spec: ModelSpec) -> Path:
        return self._root / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', spec.name)}.name.json"

    # Records

    def record(self, identity: str | None) -> Record | None:
        """What was chosen for a model; None where nothing was, or under other versions or on another processor."""
        facts: Any = read_json(self.folder(identity) / _RECORD) if identity else None
        try:
            plain: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in facts["preprocess"].items()}
            preprocess = Preprocess(**plain)
            measured = {name: Measured(**m) for name, m in facts["measured"].items()}
            record = Record(**{**facts, "preprocess": preprocess, "measured": measured})
        except (KeyError, TypeError, AttributeError):
            return None
        return record if record.environment == environment() and record.identity == identity else None

    def keep(self, record: Record) -> None:
        """Replace the record in one step. Raises OSError."""
        folder = self.folder(record.identity)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / _RECORD, dataclasses.asdict(record))

    # Towers

    def tower(self, identity: str, name: str) -> Path | None:
        """The folder of a sound tower. One that is not what its manifest says is thrown away, with a line in the log.

        Its bytes are read once in this process; after that, size and time have to be the same.
        """
        folder = self.folder(identity) / name
        try:
            expected = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["sha256"]
            for file in (GRAPH, WEIGHTS):
                facts = (folder / file).stat()
                key = (folder / file, facts.st_size, facts.st_mtime_ns)
                if key not in self._verified:
                    if _sha256(folder / file) != expected[file]:
                        raise ValueError(f"{file} has another checksum")
                    self._verified.add(key)
        except FileNotFoundError as error:
            if not folder.exists():
                return None
            self.discard(identity, name, str(error))
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.discard(identity, name, str(error))
        else:
            return folder
        return None

    def discard(self, identity: str, name: str, reason: str) -> None:
        """Throw a tower away that cannot be used; it is made again."""
        log.warning("the export %s of %s is not used and will be made again: %s", name, identity, reason)
        with contextlib.suppress(OSError):
            (self.folder(identity) / _RECORD).unlink(missing_ok=True)
            shutil.rmtree(self.folder(identity) / name, ignore_errors=True)

    def publish(self, identity: str, name: str, make: Callable[[Path], None]) -> Path:
        """Let ``make`` write a tower into an empty folder, then put that in its place, whole. Raises what it raises.

        Call it while ``working`` says that it is ours.
        """
        target = self.folder(identity) / name
        partial = target.with_name(f"{PARTIAL}{name}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            make(partial)
            sums = {file: _sha256(partial / file) for file in (GRAPH, WEIGHTS)}
            (partial / _MANIFEST).write_text(json.dumps({"sha256": sums}), encoding="utf-8")
            for file in (GRAPH, WEIGHTS, _MANIFEST):
                sync(partial / file)
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return target

    def drop(self, identity: str, name: str) -> None:
        """Give the room of a tower back that was not chosen."""
        shutil.rmtree(self.folder(identity) / name, ignore_errors=True)

    @contextlib.contextmanager
    def working(self, identity: str) -> Iterator[bool]:
        """Whether this process may make exports of a model now: one at a time does. Raises OSError.

        What a process left half done that was killed is cleared away, and so are exports of an older form.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self._root / f"{identity}.lock")
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            yield False
            return
        try:
            for old in [*self._root.glob(f"{identity}-*/"), *self.folder(identity).glob(f"{PARTIAL}*")]:
                if old != self.folder(identity):
                    shutil.rmtree(old, ignore_errors=True)
            yield True
        finally:
            lock.release()


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
