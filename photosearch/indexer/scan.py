"""Walking one folder: which picture files are there, and which parts could not be looked at.

Links are not followed, neither to files nor to folders: inside the root their target is found anyway, outside it was
not chosen. Hidden entries, the inner folders of photo programs, and caches are left out.
"""

from __future__ import annotations

import os
import stat as stat_module
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from photosearch.media.formats import is_picture_name
from photosearch.progress import CancelToken

CASE_COUNTS = sys.platform not in ("darwin", "win32")
"""Whether file names that differ in case only are two, as a rule."""
_DOT = ord(".")
_SKIPPED_NAMES = frozenset(
    (b"@eadir", b"#recycle", b"$recycle.bin", b"system volume information", b"lost+found", b"node_modules",
     b"__pycache__", b"__macosx")
)  # fmt: skip
_SKIPPED_ENDINGS = (
    b".photoslibrary",
    b".photolibrary",
    b".aplibrary",
    b".migratedphotolibrary",
    b".lrdata",
    b".lrcat-data",
)


def walk(
    root: Path, *, under: bytes = b"", excludes: Iterable[bytes] = (), unreadable: list[bytes], cancel: CancelToken
) -> Iterator[tuple[bytes, os.stat_result]]:
    """The picture files at or below ``root/under``: relative path with ``/`` between the parts, and ``lstat``.

    unreadable: places that exist but could not be listed or looked at are appended to it; what is known below them
    stays as it is. A place that does not exist gives nothing. Raises Cancelled; OSError only for the root itself.
    """
    left_out = frozenset(excludes)
    if under:
        if leaves_out(under, left_out):
            return
        place = os.path.join(os.fsencode(root), under)
        try:
            status = os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            unreadable.append(under)
            return
        if not stat_module.S_ISDIR(status.st_mode):
            if stat_module.S_ISREG(status.st_mode) and is_picture_name(under.rsplit(b"/", 1)[-1]):
                yield under, status
            return
    seen: set[tuple[int, int]] = set()
    waiting = [under]
    endings: dict[bytes, bool] = {}
    while waiting:
        cancel.raise_if_cancelled()
        rel = waiting.pop()
        place = os.path.join(os.fsencode(root), rel) if rel else os.fsencode(root)
        try:
            status = os.stat(place)
            if status.st_ino and (status.st_dev, status.st_ino) in seen:
                continue  # a loop made of bind mounts
            seen.add((status.st_dev, status.st_ino))
            entries = _listed(place)
        except OSError:
            if not rel:
                raise
            unreadable.append(rel)  # a listing that breaks off in the middle says nothing of what is gone
            continue
        prefix = rel + b"/" if rel else b""
        for entry in entries:
            name = entry.name
            try:
                if entry.is_dir(follow_symlinks=False):
                    if not is_skipped(name) and prefix + name not in left_out:
                        waiting.append(prefix + name)
                    continue
                # The same as is_picture_name, for the 100,000 files of a library that end in one of a dozen ways.
                dot = name.rfind(b".")
                if dot <= 0 or name[0] == _DOT:
                    continue
                ending = name[dot:]
                picture = endings.get(ending)
                if picture is None:
                    picture = endings[ending] = is_picture_name(b"x" + ending)
                if picture and entry.is_file(follow_symlinks=False):
                    yield prefix + name, entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # gone between listing and looking
            except OSError:
                unreadable.append(prefix + name)


class Spelling:
    """How the folders themselves spell places, for one look. Where case is ignored, a renamed file is still found under
    its old name, and would be taken for two."""

    def __init__(self, root: Path) -> None:
        self._root = os.fsencode(root)
        self._listings: dict[bytes, dict[bytes, int]] = {}

    def of(self, rel: bytes) -> bytes:
        """The place as it is listed; as given where case counts, or where there is nothing of that name."""
        if CASE_COUNTS:
            return rel
        place, parts = self._root, []
        for part in rel.split(b"/"):
            try:
                names = self._listing(place)
                if part not in names:
                    number = os.lstat(place + b"/" + part).st_ino
                    part = next((name for name, inode in names.items() if inode == number), part)
            except OSError:
                return rel
            place += b"/" + part
            parts.append(part)
        return b"/".join(parts)

    def _listing(self, place: bytes) -> dict[bytes, int]:
        if place not in self._listings:
            self._listings[place] = {entry.name: entry.inode() for entry in _listed(place)}
        return self._listings[place]


def leaves_out(rel: bytes, excludes: Collection[bytes]) -> bool:
    """Whether no walk comes to this place: it, or a folder above it, is excluded or of the kind that is skipped."""
    return any(is_skipped(part) for part in rel.split(b"/")) or _is_excluded(rel, excludes)


def is_skipped(name: bytes) -> bool:
    """Whether a file or folder of this name is left out: hidden, or of a kind that no walk comes into."""
    lower = name.lower()
    return name.startswith(b".") or lower in _SKIPPED_NAMES or lower.endswith(_SKIPPED_ENDINGS)


def _is_excluded(rel: bytes, excludes: Collection[bytes]) -> bool:
    parts = rel.split(b"/")
    return any(b"/".join(parts[: i + 1]) in excludes for i in range(len(parts)))


def _listed(place: bytes) -> list[os.DirEntry[bytes]]:
    with os.scandir(place) as entries:
        return list(entries)
