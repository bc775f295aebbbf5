"""Plain values that cross the groups: what a picture says of itself, and what the library answers.

They live here, left of everything, because ``media`` makes them, ``catalog`` keeps them and ``ui`` shows them, and
those groups do not import each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What a picture file says of itself. Sizes are upright (EXIF orientation applied), in pixels."""

    format: str
    width: int
    height: int
    taken: str | None = None
    """Local time, ISO 8601 without zone: ``2014-03-02T01:00:00`` or with ``.123``."""
    taken_offset: str | None = None
    """Offset from UTC as the file states it: ``+02:00``."""
    taken_source: str | None = None
    """Where ``taken`` came from: ``exif``, ``exif-digitized``, ``xmp``, ``iptc``, ``exif-modified`` or ``file``."""
    camera: str | None = None
    lens: str | None = None
    exposure_seconds: float | None = None
    f_number: float | None = None
    iso: int | None = None
    focal_length_mm: float | None = None
    latitude: float | None = None
    longitude: float | None = None
    title: str | None = None
    description: str | None = None
    keywords: tuple[str, ...] = ()
    rating: int | None = None


class FolderState(StrEnum):
    HERE = "here"
    AWAY = "away"
    UNREADABLE = "unreadable"


class Watching(StrEnum):
    """How changes in a folder are noticed: the system tells of them, or it is looked through every few minutes."""

    EVENTS = "events"
    POLLING = "polling"


class FileState(StrEnum):
    """``PENDING``: seen on disk, not read yet. ``AWAY``: its folder is not there now; nothing is forgotten."""

    PENDING = "pending"
    KNOWN = "known"
    AWAY = "away"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Folder:
    """A root folder the user chose."""

    id: int
    path: Path
    state: FolderState
    excludes: tuple[str, ...]
    """Folders below it that are left out, relative, with ``/``."""
    photos: int
    away: int = 0
    """Files that are missing and kept: all of them where the folder is away, else those of a sudden great loss."""
    device: int | None = None
    inode: int | None = None
    watching: Watching = Watching.EVENTS


@dataclass(frozen=True, slots=True)
class Place:
    """One file that holds a photo."""

    path: Path
    state: FileState
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo (a content): its facts and the files that hold it, present ones first."""

    id: int
    facts: PhotoFacts
    places: tuple[Place, ...]

    @property
    def path(self) -> Path:
        return self.places[0].path

    @property
    def away(self) -> bool:
        return all(p.state is FileState.AWAY for p in self.places)


class Tile(NamedTuple):
    """What the grid needs of a photo before its thumbnail. A tuple, for there are 100,000 of them."""

    photo_id: int
    width: int
    height: int
    taken: str | None
    away: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer, best first. ``similarity`` is the raw cosine; ``strength`` (0 to 1) is what it means."""

    photo_id: int
    path: Path
    strength: float
    similarity: float
    width: int
    height: int
    taken: str | None
    away: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for, in words, pictures or both; an empty query is an error.

    ``pictures`` are files, encoded image bytes (a pasted picture), or ids of photos in the library.
    """

    words: str = ""
    pictures: tuple[Path | bytes | int, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    query: Query
    hits: tuple[Hit, ...]
    model: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is not searchable, and why."""

    path: Path
    code: str
    sentence: str
    seen_at: float
    """Seconds since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What one run of ``index`` did. ``found`` counts picture files on disk; the rest count files by what happened."""

    found: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    copied: int = 0
    removed: int = 0
    encoded: int = 0
    problems: int = 0
    seconds: float = 0.0
    photos_per_second: float = 0.0
    device: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """The account of the library. ``searchable`` photos, and what keeps the other files from being so."""

    folders: tuple[Folder, ...]
    files: int
    photos: int
    searchable: int
    pending: int
    problems: int
    away: int
    model: str
    index_count: int
    index_bytes: int
    data_dir: Path
