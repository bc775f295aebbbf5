"""A storm of file operations in a tree of tiny pictures, from a seed: what people, cameras and programs do."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import io
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from tests.small_library import RGB

_NAMES = ("a.jpg", "B.JPG", "c d.jpeg", "é.jpg", "new\nline.jpg", "notes.txt", "e.jpg", "f.jpg", "g.jpg", "h.jpg")
_FOLDERS = ("trip", "Trip two", "ärger", "deep", "x", "y")
_EXPECTED = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST,
             errno.EINVAL, errno.ELOOP, errno.EBUSY)  # fmt: skip
"""An operation may meet what an earlier one did: a locked folder, a name that is taken, a folder moved into itself."""


class Storm:
    """Random operations below ``root``; trees are moved out to ``outside`` and in again."""

    def __init__(self, root: Path, outside: Path, *, seed: int) -> None:
        self.root, self.outside = root, outside
        self.done: dict[str, int] = {}
        self._random = random.Random(seed)
        self._bodies = [_body(colour) for colour in RGB]
        self._made = 0
        self._writing: list[tuple[BinaryIO, bytes]] = []
        self._locked: list[Path] = []
        for place in (root, outside):
            place.mkdir(parents=True, exist_ok=True)
        self._operations: list[tuple[int, Callable[[], None]]] = [
            (18, self.create), (6, self.begin_slow_write), (18, self.write_on), (8, self.edit_in_place),
            (8, self.replace_atomically), (5, self.replace_by_another), (8, self.rename), (6, self.move_within),
            (4, self.move_out), (6, self.move_in), (9, self.delete), (4, self.copy), (3, self.touch),
            (5, self.make_folder), (4, self.rename_folder), (3, self.move_folder_within), (2, self.move_folder_out),
            (4, self.move_folder_in), (1, self.delete_folder), (2, self.copy_folder), (3, self.link), (2, self.loop),
            (1, self.hard_link), (2, self.lock_file), (1, self.lock_folder), (6, self.unlock), (1, self.hide_folder),
        ]  # fmt: skip

    def step(self) -> None:
        weights = [weight for weight, _ in self._operations]
        operation = self._random.choices(self._operations, weights)[0][1]
        try:
            operation()
        except shutil.Error:
            pass  # several at once, or a file onto itself
        except OSError as error:
            if error.errno not in _EXPECTED:
                raise
        self.done[operation.__name__] = self.done.get(operation.__name__, 0) + 1

    def settle(self) -> None:
        """Finish what is half done: no file is being written, none is locked."""
        while self._writing:
            self.write_on()
        while self._locked:
            self.unlock()

    # Files

    def create(self) -> None:
        self._new_place().write_bytes(self._content())

    def begin_slow_write(self) -> None:
        self._writing.append((self._new_place().open("wb"), self._content()))

    def write_on(self) -> None:
        if not self._writing:
            return
        at = self._random.randrange(len(self._writing))
        file, left = self._writing[at]
        some = self._random.randint(1, 300)
        file.write(left[:some])
        file.flush()
        if len(left) > some:
            self._writing[at] = file, left[some:]
        else:
            file.close()
            del self._writing[at]

    def edit_in_place(self) -> None:
        if file := self._file():
            file.write_bytes(self._content())

    def replace_atomically(self) -> None:
        if file := self._file():
            unfinished = file.with_name(f".{file.name}.part" if self._random.random() < 0.5 else f"{file.name}.part")
            unfinished.write_bytes(self._content())
            unfinished.replace(file)

    def replace_by_another(self) -> None:
        if (file := self._file()) and (other := self._file()):
            other.replace(file)

    def rename(self) -> None:
        if file := self._file():
            file.rename(file.with_name(self._random.choice(_NAMES)))

    def move_within(self) -> None:
        if file := self._file():
            file.rename(self._new_place())

    def move_out(self) -> None:
        if file := self._file():
            file.rename(self.outside / f"{self._number()}.jpg")

    def move_in(self) -> None:
        if files := [p for p in sorted(self.outside.iterdir()) if p.is_file()]:
            self._random.choice(files).rename(self._new_place())

    def delete(self) -> None:
        if file := self._file():
            file.unlink()

    def copy(self) -> None:
        if file := self._file():
            shutil.copy2(file, self._new_place())  # the copy has the time of its original

    def touch(self) -> None:
        if file := self._file():
            os.utime(file)

    def hard_link(self) -> None:
        if file := self._file():
            os.link(file, self._new_place())

    def link(self) -> None:
        if file := self._file():
            self._new_place().symlink_to(file)

    def lock_file(self) -> None:
        if file := self._file():
            file.chmod(0)
            self._locked.append(file)

    # Folders

    def make_folder(self) -> None:
        folder = self._folder() / self._random.choice(_FOLDERS) / self._random.choice(_FOLDERS)
        folder.mkdir(parents=True)
        for name in _NAMES[:3]:
            (folder / name).write_bytes(self._content())

    def rename_folder(self) -> None:
        if folder := self._folder_below():
            folder.rename(folder.with_name(self._random.choice(_FOLDERS)))

    def move_folder_within(self) -> None:
        if folder := self._folder_below():
            folder.rename(self._folder() / self._random.choice(_FOLDERS))

    def move_folder_out(self) -> None:
        if folder := self._folder_below():
            folder.rename(self.outside / f"folder-{self._number()}")

    def move_folder_in(self) -> None:
        if folders := [p for p in sorted(self.outside.iterdir()) if p.is_dir()]:
            self._random.choice(folders).rename(self._folder() / self._random.choice(_FOLDERS))

    def delete_folder(self) -> None:
        if folder := self._folder_below():
            shutil.rmtree(folder)

    def copy_folder(self) -> None:
        if (folder := self._folder_below()) and sum(1 for _ in folder.rglob("*")) < 40:
            target = self._folder() / self._random.choice(_FOLDERS)
            if not target.is_relative_to(folder):
                shutil.copytree(folder, target, symlinks=True)

    def hide_folder(self) -> None:
        """A program's cache, which is not looked into."""
        place = self._folder() / ".cache"
        place.mkdir()
        (place / "thumb.jpg").write_bytes(self._content())

    def loop(self) -> None:
        (self._folder() / self._random.choice(_FOLDERS)).symlink_to(self._folder(), target_is_directory=True)

    def lock_folder(self) -> None:
        if folder := self._folder_below():
            folder.chmod(0)
            self._locked.append(folder)

    def unlock(self) -> None:
        if self._locked:
            place = self._locked.pop(self._random.randrange(len(self._locked)))
            if not os.path.lexists(place):
                # What was locked was moved: open whatever is locked.
                for top in (self.root, self.outside):
                    _open_all(top)
            elif not place.is_symlink():
                place.chmod(0o755 if place.is_dir() else 0o644)

    # Choosing

    def _number(self) -> int:
        self._made += 1
        return self._made

    def _content(self) -> bytes:
        """A picture like no other; one in thirty is damaged."""
        body = self._random.choice(self._bodies)
        if self._random.random() < 1 / 30:
            return body[:100] + str(self._number()).encode()
        comment = f"number {self._number():06}".encode()
        return body[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + body[2:]

    def _file(self) -> Path | None:
        for _ in range(5):
            files = [e.path for e in _listed(self._folder()) if e.is_file(follow_symlinks=False)]
            if files:
                return Path(self._random.choice(files))
        return None

    def _folder(self) -> Path:
        """A folder on a random way down from the root."""
        place = self.root
        while self._random.random() < 0.7:
            below = [e.path for e in _listed(place) if e.is_dir(follow_symlinks=False)]
            if not below:
                break
            place = Path(self._random.choice(below))
        return place

    def _folder_below(self) -> Path | None:
        """Of three, the smallest: the tree shall not vanish with its largest branch again and again."""
        some = [place for place in (self._folder() for _ in range(3)) if place != self.root]
        return min(some, key=lambda place: sum(len(files) for _, _, files in os.walk(place)), default=None)

    def _new_place(self) -> Path:
        folder = self._folder()
        if self._random.random() < 0.5:
            return folder / self._random.choice(_NAMES)
        return folder / f"{self._number():05}.jpg"


def on_disk(root: Path) -> dict[bytes, bytes]:
    """BLAKE2b of every regular file with a picture's name that is not hidden, by relative path."""
    found = {}
    for place, folders, files in os.walk(os.fsencode(root)):
        folders[:] = [f for f in folders if not f.startswith(b".")]
        for name in files:
            path = Path(os.fsdecode(place + b"/" + name))
            if name.lower().endswith((b".jpg", b".jpeg")) and not name.startswith(b".") and not path.is_symlink():
                rel = os.fsencode(path.relative_to(root))
                found[rel] = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
    return found


def _listed(place: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(place) as entries:
            return sorted(entries, key=lambda e: e.name)
    except OSError:
        return []


def _open_all(top: Path) -> None:
    top.chmod(0o755)
    for entry in sorted(top.iterdir()):
        if entry.is_symlink():
            continue
        if entry.is_dir():
            _open_all(entry)
        elif not entry.stat().st_mode & 0o400:
            entry.chmod(0o644)


def _body(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16), RGB[colour]).save(out, "JPEG")
    return out.getvalue()


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """Permissions bind this thread, and those it starts, also where the tests run as root (Linux)."""
    if sys.platform != "linux" or os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    before = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, before) == 0
    bound = (ctypes.c_uint32 * 6)(*before)
    bound[0] &= ~0b110  # effective: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, bound) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0
