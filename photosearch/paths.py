"""Every folder and file PhotoSearch uses of its own, and where its shipped resources are.

One override moves everything (``--data-dir``, ``PHOTOSEARCH_DATA_DIR``): data, cache, config and logs then lie together
in that folder. Nothing else in the program knows where anything is kept.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from photosearch.errors import DataFolderUnusable

ENVIRONMENT_OVERRIDE = "PHOTOSEARCH_DATA_DIR"
_APP = "PhotoSearch"


@dataclass(frozen=True, slots=True)
class AppPaths:
    """The four folders of one library, and the files in them."""

    data: Path
    cache: Path
    config: Path
    logs: Path

    @property
    def catalog(self) -> Path:
        return self.data / "catalog.sqlite3"

    @property
    def lock(self) -> Path:
        return self.data / "library.lock"

    @property
    def indexes(self) -> Path:
        return self.data / "indexes"

    @property
    def backups(self) -> Path:
        return self.data / "backups"

    @property
    def thumbnails(self) -> Path:
        return self.cache / "thumbnails.sqlite3"

    @property
    def models(self) -> Path:
        """Exported towers and everyday words, which can be made again."""
        return self.cache / "models"

    @property
    def settings(self) -> Path:
        return self.config / "settings.toml"

    @property
    def window_state(self) -> Path:
        return self.config / "window.ini"

    @property
    def log(self) -> Path:
        return self.logs / "photosearch.log"


def app_paths(override: str | os.PathLike | None = None) -> AppPaths:
    """The folders to use: under ``override``, else the environment's override, else the platform's own places.

    Raises DataFolderUnusable for the home of a user that does not exist, and for a name that is not UTF-8.
    """
    chosen = override or os.environ.get(ENVIRONMENT_OVERRIDE)
    if chosen:
        try:
            root = Path(chosen).expanduser().absolute()
        except RuntimeError as error:
            raise DataFolderUnusable(Path(chosen), "there is no such home folder") from error
        return _checked(AppPaths(data=root, cache=root / "cache", config=root / "config", logs=root / "logs"))
    dirs = platformdirs.PlatformDirs(_APP, appauthor=False)
    return _checked(
        AppPaths(
            data=dirs.user_data_path, cache=dirs.user_cache_path, config=dirs.user_config_path, logs=dirs.user_log_path
        )
    )


def _checked(paths: AppPaths) -> AppPaths:
    try:
        str(paths.data).encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataFolderUnusable(paths.data, "its name is not UTF-8, and not all libraries can open that") from error
    return paths


def pictures_folder() -> Path:
    """Where the desktop keeps the user's pictures (it need not exist)."""
    return platformdirs.user_pictures_path()


def resource(*parts: str) -> Path:
    """A shipped file or folder: inside the installed package, or in ``resources/`` beside it in a checkout."""
    packaged = Path(__file__).parent / "resources"
    root = packaged if packaged.is_dir() else Path(__file__).parent.parent / "resources"
    return root.joinpath(*parts)
