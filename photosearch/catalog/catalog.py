"""``Catalog`` opens the catalog file and offers its parts: folders, files, photos, embeddings."""

from __future__ import annotations

from pathlib import Path

from photosearch.catalog import backup
from photosearch.catalog.database import Database
from photosearch.catalog.embeddings import Embeddings
from photosearch.catalog.files import Files
from photosearch.catalog.folders import Folders
from photosearch.catalog.pairs import Pairs
from photosearch.catalog.photos import Photos
from photosearch.catalog.schema import APPLICATION_ID, MIGRATIONS
from photosearch.errors import CatalogDamaged, DataFolderUnusable


class Catalog:
    """The truth of one library. Safe to use from several threads; writes are one at a time.

    With ``read_only`` nothing is created or changed, and a missing file is a FileNotFoundError. Raises the LibraryError
    tree.
    """

    def __init__(self, path: Path, *, backups: Path, read_only: bool = False) -> None:
        self.path = path
        self._backups = backups
        if backup.was_emptied(path, backups):
            raise CatalogDamaged(path, "it is empty")
        self.database = Database(
            path,
            application_id=APPLICATION_ID,
            migrations=MIGRATIONS,
            read_only=read_only,
            before_migration=lambda version: backup.keep_before_migration(path, backups, version=version),
        )
        self.folders = Folders(self.database)
        self.files = Files(self.database)
        self.pairs = Pairs(self.database)
        self.photos = Photos(self.database)
        self.embeddings = Embeddings(self.database)

    def back_up_daily(self) -> Path | None:
        """Keep today's copy if there is none yet; returns the new file. Raises the LibraryError tree."""
        try:
            return backup.keep_daily(self.database, self._backups)
        except OSError as error:
            raise DataFolderUnusable(self._backups, error.strerror or str(error)) from error

    def close(self) -> None:
        self.database.close()
