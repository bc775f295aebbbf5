"""What is installed, what works, what is wrong and what to do about it. ``examine`` changes nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from photosearch import __version__
from photosearch.account import account_text
from photosearch.catalog import backup
from photosearch.errors import DataFolderUnusable, LibraryError, ModelUnavailable, PhotoSearchError, display_path
from photosearch.library.library import Library
from photosearch.library.lock import LibraryLock
from photosearch.media.formats import format_table
from photosearch.model import Encoder, resolve
from photosearch.paths import AppPaths
from photosearch.records import Watching
from photosearch.settings import Settings
from photosearch.vectors import RECALL_FLOOR, Recall

_LIBRARIES = (
    "torch", "torchvision", "open_clip_torch", "onnxruntime", "onnx", "usearch", "Pillow", "pi-heif",
    "PySide6-Essentials", "watchdog", "numpy",
)  # fmt: skip
_LOW_DISK_BYTES = 1_000_000_000
_NOTICED = {
    Watching.EVENTS: ", changes are noticed at once",
    Watching.POLLING: " and on a network or removable drive: it is looked through every few minutes",
}
_INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_watches")
_LOW_INOTIFY_LIMIT = 65_536


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``advice`` says what to do where it is not well."""

    subject: str
    health: Health
    detail: str
    advice: str = ""


def examine(paths: AppPaths, *, model: str | None = None) -> list[Finding]:
    """Look at the installation, the data folder, the catalog, the model and its device. Takes some seconds."""
    findings = [_program(), *_libraries(), _formats(), _folders(paths), *_settings(paths), *_disk(paths), _watching()]
    try:
        catalog_fault = backup.fault_in(paths.catalog) if paths.catalog.exists() else None
    except LibraryError as error:
        findings.append(Finding("catalog", Health.WARNING, str(error), "Try again when nothing else uses it."))
        catalog_fault = None
    if catalog_fault:
        findings.append(
            Finding(
                "catalog",
                Health.FAULT,
                f"{display_path(paths.catalog)}: {catalog_fault}",
                "`photosearch doctor --repair` puts the newest good copy back.",
            )
        )
    elif not paths.catalog.exists():
        findings.append(Finding("catalog", Health.OK, "none yet; it is made when a folder is indexed"))
    else:
        findings += _library(paths, model)
    findings += _model(paths, model)
    return findings


def _program() -> Finding:
    return Finding(
        "program", Health.OK, f"PhotoSearch {__version__}, Python {platform.python_version()}, {platform.platform()}"
    )


def _libraries() -> list[Finding]:
    found, missing = [], []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    findings = [Finding("libraries", Health.OK, ", ".join(found))]
    if missing:
        findings.append(
            Finding("libraries", Health.FAULT, f"missing: {', '.join(missing)}", "Install PhotoSearch again.")
        )
    if sys.version_info < (3, 12) and any(f.startswith("PySide6-Essentials 6.12") for f in found):
        findings.append(
            Finding(
                "libraries",
                Health.FAULT,
                "PySide6 6.12 ends programs on this Python after a while",
                "Install PySide6-Essentials 6.11.3, or use Python 3.12.",
            )
        )
    return findings


def _formats() -> Finding:
    table = format_table()
    readable = [name for name, _, available in table if available]
    absent = [name for name, _, available in table if not available]
    unread = f"; not read: {', '.join(absent)}" if absent else ""
    return Finding("formats", Health.OK, f"read: {', '.join(readable)}{unread}")


def _folders(paths: AppPaths) -> Finding:
    places = ", ".join(
        f"{what} {display_path(place)}"
        for what, place in (
            ("data", paths.data),
            ("cache", paths.cache),
            ("settings", paths.config),
            ("log", paths.log),
        )
    )
    locked = [p for p in (paths.data, paths.cache, paths.config) if p.exists() and not os.access(p, os.W_OK)]
    if locked:
        return Finding(
            "folders",
            Health.FAULT,
            f"{places}; not writable: {', '.join(display_path(p) for p in locked)}",
            "Make them writable, or choose another place with --data-dir.",
        )
    return Finding("folders", Health.OK, places)


def _settings(paths: AppPaths) -> list[Finding]:
    fault = Settings(paths.settings).fault
    return [Finding("settings", Health.WARNING, fault)] if fault else []


def _disk(paths: AppPaths) -> list[Finding]:
    place = paths.data
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return [Finding("disk", Health.WARNING, f"cannot be asked: {error.strerror}", "Check the drive.")]
    detail = f"{free / 1e9:.1f} GB free beside the library"
    if free < _LOW_DISK_BYTES:
        return [Finding("disk", Health.WARNING, detail, "Free some space: indexing stops when the disk is full.")]
    return [Finding("disk", Health.OK, detail)]


def _watching() -> Finding:
    try:
        limit = int(_INOTIFY_LIMIT.read_text())
    except (OSError, ValueError):
        return Finding("watching", Health.OK, "file events of this system are used")
    if limit < _LOW_INOTIFY_LIMIT:
        return Finding(
            "watching",
            Health.WARNING,
            f"the system lets {limit:,} folders be watched",
            "For larger trees raise fs.inotify.max_user_watches; until then they are looked through now and then.",
        )
    return Finding("watching", Health.OK, f"up to {limit:,} folders can be watched")


def _library(paths: AppPaths, model: str | None) -> list[Finding]:
    try:
        with Library.open(paths, model=model, read_only=True) as library:
            status = library.status()
            recall = library.index_recall()
    except ModelUnavailable:
        return []  # said of the model itself
    except PhotoSearchError as error:
        return [Finding("library", Health.FAULT, str(error))]
    findings = [
        Finding(
            "library",
            Health.OK,
            f"{status.photos:,} photos in {status.files:,} files. {account_text(status.account)}",
        ),
        _index(status.index_count, recall),
    ]
    if status.problems:
        findings.append(
            Finding(
                "problems",
                Health.WARNING,
                f"{status.problems:,} files cannot be used",
                "`photosearch problems` lists them, and what would mend it.",
            )
        )
    findings += [
        Finding(
            "folder",
            Health.OK if folder.state == "here" else Health.WARNING,
            f"{display_path(folder.path)} is {folder.state}{_NOTICED[folder.watching]}",
            "" if folder.state == "here" else "Connect its drive or mend its permissions; nothing was forgotten.",
        )
        for folder in status.folders
    ]
    return findings


def _index(count: int, recall: Recall | None) -> Finding:
    how = str(recall) if recall else "each search compares all of them"
    detail = f"{count:,} vectors, in line with the catalog; {how}"
    if recall and recall.share < RECALL_FLOOR:
        return Finding("index", Health.WARNING, detail, "`photosearch doctor --repair` makes it anew.")
    return Finding("index", Health.OK, detail)


def _model(paths: AppPaths, model: str | None) -> list[Finding]:
    settings = Settings(paths.settings)
    try:
        spec = resolve(str(model or settings["model"]), cache=paths.models)
        exports = paths.models if paths.models.exists() else None  # looked at, but none is made for the asking
        with Encoder(spec, device=str(settings["device"]), exports=exports) as encoder:
            info = encoder.start()
            record = encoder.record
    except PhotoSearchError as error:
        return [Finding("model", Health.FAULT, str(error), "Choose another with --model, or mend its folder.")]
    findings = [
        Finding(
            "model",
            Health.OK,
            f"{info.name} ({info.identity}), {info.dim} dimensions, on {info.device} with {info.precision},"
            f" {info.batch} pictures at once",
        )
    ]
    if record is not None:
        findings.append(Finding("model", Health.OK, record.sentence()))
    return findings


def repair(paths: AppPaths) -> list[str]:
    """Mend what can be mended; returns a sentence for each thing done. Nobody else may use the library meanwhile.

    A damaged catalog is replaced by its newest good copy and kept beside it; the caches are thrown away, to be made
    again. Raises the LibraryError tree.
    """
    done = []
    lock = LibraryLock(paths)
    try:
        if paths.catalog.exists() and backup.fault_in(paths.catalog):
            try:
                restored = backup.restore(paths.catalog, paths.backups)
            except OSError as error:
                raise DataFolderUnusable(paths.data, error.strerror or str(error)) from error
            for suffix in ("", "-wal", "-shm"):  # ids given out since that copy will be given to other photos
                paths.thumbnails.with_name(paths.thumbnails.name + suffix).unlink(missing_ok=True)
            what = (
                f"The catalog was replaced by its copy {restored.copy.name}"
                if restored.copy
                else "There was no good copy of the catalog; a new one begins at the next indexing"
            )
            done.append(f"{what}. The damaged file is kept as {display_path(restored.damaged)}.")
        if paths.indexes.exists():
            shutil.rmtree(paths.indexes)
            done.append("The index was thrown away; it is made again from the catalog.")
        if paths.models.exists():
            shutil.rmtree(paths.models)
            done.append("The exported models were thrown away; they are made again when the model is used.")
    finally:
        lock.release()
    return done
