"""Paths that users give, made into the one name a root folder has, and how roots lie to each other."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from photosearch.errors import FolderMissing, FolderOverlap, FolderUnreadable, NotAFolder
from photosearch.records import Folder


def refuse_overlap(root: Path, folders: Iterable[Folder]) -> None:
    """Raises FolderOverlap where one of the folders lies below ``root``: its files would be there twice."""
    for folder in folders:
        if folder.path != root and folder.path.is_relative_to(root):
            raise FolderOverlap(root, folder.path)


def nearest(path: Path, folders: Iterable[Folder]) -> Folder | None:
    """The folder that ``path`` is or lies in; of several, the innermost."""
    around = [f for f in folders if path.is_relative_to(f.path)]
    return max(around, key=lambda f: len(f.path.parts), default=None)


def absolute(path: Path) -> Path:
    """The path from the root, links resolved, so that one folder has one name. It need not exist."""
    try:
        path = path.expanduser()
    except RuntimeError:  # ~nobody: no such home
        pass
    return Path(os.path.realpath(path))


def usable_folder(path: Path) -> Path:
    """The folder's one name. Raises FolderMissing, NotAFolder, FolderUnreadable."""
    root = absolute(path)
    try:
        if not root.is_dir():
            raise NotAFolder(root) if root.exists() else FolderMissing(root)
        with os.scandir(root):
            pass
    except OSError as error:
        raise FolderUnreadable(root, error.strerror or str(error)) from error
    return root


def rel_of(path: Path, folder: Path) -> bytes:
    """A path below a folder as the catalog writes it: relative, with ``/``, undecoded."""
    return os.fsencode(path.relative_to(folder).as_posix())
