"""Downloads weights from the Hugging Face hub into its cache on this computer, telling how far they are.

Encoder process only, and there only when the user asked for a download. open_clip finds the file in the cache later.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import hf_hub_download
from huggingface_hub.constants import ENDPOINT, HF_HUB_CACHE
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from huggingface_hub.file_download import repo_folder_name

from photosearch.model.runtime import Fetched

_TOLD_EVERY_SECONDS = 0.2
_LEFT_AFTER_SECONDS = 3600.0
"""Nobody has written to it for so long: it is no download that goes on, of another program for one."""
_WEIGHTS = "open_clip_pytorch_model.bin"
_SAFE_WEIGHTS = "open_clip_model.safetensors"


def fetch(hub_file: str, on_fetched: Callable[[Fetched], None]) -> Path:
    """The weights of a tag, in the hub's cache; what is there already is not fetched again.

    hub_file: ``owner/repository/file`` as open_clip lists it, the file's name empty where it is the usual one. Raises
    ConnectionError where the hub cannot be reached, and what its library raises: HfHubHTTPError, OSError, ValueError.
    """
    repository, _, name = hub_file.rpartition("/")
    clear_up(repository)
    for candidate in names(name):
        try:
            return Path(hf_hub_download(repository, candidate, tqdm_class=_meter(on_fetched)))
        except LocalEntryNotFoundError as error:
            host = urlsplit(ENDPOINT).hostname
            raise ConnectionError(f"{host} cannot be reached: check the connection to the network") from error
        except EntryNotFoundError:
            if candidate == (name or _WEIGHTS):
                raise
    raise AssertionError("unreachable: the last name is the one that was asked for")


def clear_up(repository: str) -> None:
    """Take away what downloads that were ended by force have left of this repository: its library never does."""
    blobs = Path(HF_HUB_CACHE) / repo_folder_name(repo_id=repository, repo_type="model") / "blobs"
    for file in blobs.glob("*.incomplete"):
        with contextlib.suppress(OSError):
            if time.time() - file.stat().st_mtime > _LEFT_AFTER_SECONDS:
                file.unlink()


def names(name: str) -> list[str]:
    """What open_clip takes (``download_pretrained_from_hf``): the same weights as safetensors before anything else."""
    file = PurePosixPath(name or _WEIGHTS)
    if file.name == _WEIGHTS:
        return [_SAFE_WEIGHTS, _WEIGHTS]
    return [str(file.with_suffix(".safetensors")), name] if file.suffix in (".bin", ".pth") else [name]


def _meter(on_fetched: Callable[[Fetched], None]) -> Any:
    """A class that stands in for ``tqdm``: as much of it as the hub's library uses for a file."""

    class Meter:
        def __init__(self, *, total: int | None = None, initial: int = 0, **_: object) -> None:
            self.n, self.total = initial, total
            self._told = 0.0
            self._lock = threading.Lock()  # the hub's faster way of transfer tells from threads of its own
            self._tell()

        def __enter__(self) -> Meter:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

        def update(self, n: float | None = 1) -> None:
            with self._lock:
                self.n += int(n or 0)
                due = time.monotonic() - self._told > _TOLD_EVERY_SECONDS
            if due:
                self._tell()

        def _tell(self) -> None:
            self._told = time.monotonic()
            on_fetched(Fetched(self.n, self.total or 0))

        def close(self) -> None:
            self._tell()

        def refresh(self, *_: object, **__: object) -> None:
            pass

        set_postfix_str = set_description = refresh
        # The transfer itself, which may be less than the file: what counts is how much of the file is here.
        update_transfer = set_transfer_postfix_str = refresh

    return Meter
