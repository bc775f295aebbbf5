"""One process at a time writes to a library: a lock that the system releases when its owner ends, however it ends."""

from __future__ import annotations

import os

from filelock import FileLock, Timeout

from photosearch.errors import DataFolderUnusable, LibraryBusy
from photosearch.paths import AppPaths


class LibraryLock:
    """Held from creation until ``release``. Raises LibraryBusy with the owner, or DataFolderUnusable."""

    def __init__(self, paths: AppPaths) -> None:
        owner_file = paths.lock.with_suffix(".owner")
        # Not a lock of its thread: the window opens a library in one and closes it in another.
        self._lock = FileLock(paths.lock, thread_local=False)
        try:
            paths.data.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            owner_file.write_text(str(os.getpid()), encoding="ascii")
        except Timeout as error:
            raise LibraryBusy(paths.data, _owner(owner_file)) from error
        except OSError as error:
            self._lock.release()
            raise DataFolderUnusable(paths.data, error.strerror or str(error)) from error

    def release(self) -> None:
        self._lock.release()


def _owner(file) -> str:
    try:
        return f"process {int(file.read_text(encoding='ascii'))}"
    except (OSError, ValueError):
        return "another process"
