"""The catalog: SQLite as the truth about folders, files, photos, embeddings and problems. All SQL is here."""

from photosearch.catalog.catalog import Catalog
from photosearch.catalog.files import FileRow, FileStat, UsualRow, WorkItem
from photosearch.catalog.photos import IndexedPhoto
from photosearch.catalog.thumbnails import ThumbnailStore

__all__ = ["Catalog", "FileRow", "FileStat", "IndexedPhoto", "ThumbnailStore", "UsualRow", "WorkItem"]
