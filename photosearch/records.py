"""Plain values that cross the groups: what a picture says of itself, and what the library answers.

They live here, left of everything, because ``media`` makes them, ``catalog`` keeps them and ``ui`` shows them, and
those groups do not import each other.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, overload


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
    """What the grid needs of a photo before its thumbnail."""

    photo_id: int
    width: int
    height: int
    taken: str | None
    away: bool


class Timeline(Sequence[Tile]):
    """Tiles in columns: 100,000 of them take 5 MB instead of 30. Filled once, by ``of``; then it never changes.

    ids: int64; widths, heights: int32; away: bytes; taken: TAKEN_BYTES each, ASCII, filled up with zeros.
    """

    TAKEN_BYTES = 26

    def __init__(self) -> None:
        self.ids, self.widths, self.heights = array("q"), array("i"), array("i")
        self.away, self.taken = bytearray(), bytearray()

    @classmethod
    def of(cls, tiles: Iterable[Sequence]) -> Timeline:
        """From tiles, or rows of the same values."""
        made = cls()
        for photo_id, width, height, taken, away in tiles:
            made.ids.append(photo_id)
            made.widths.append(width)
            made.heights.append(height)
            made.away.append(bool(away))
            made.taken += (taken or "").encode("ascii", "replace")[: cls.TAKEN_BYTES].ljust(cls.TAKEN_BYTES, b"\0")
        return made

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, at: int) -> Tile: ...

    @overload
    def __getitem__(self, at: slice) -> list[Tile]: ...

    def __getitem__(self, at: int | slice) -> Tile | list[Tile]:
        if isinstance(at, slice):
            return [self[row] for row in range(*at.indices(len(self)))]
        row = range(len(self))[at]
        start = row * self.TAKEN_BYTES
        taken = self.taken[start : start + self.TAKEN_BYTES].rstrip(b"\0").decode("ascii")
        return Tile(self.ids[row], self.widths[row], self.heights[row], taken or None, bool(self.away[row]))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Timeline):
            mine, theirs = ((t.ids, t.widths, t.heights, t.away, t.taken) for t in (self, other))
            return mine == theirs
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


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
    """``searched``: among how many photos."""

    query: Query
    hits: tuple[Hit, ...]
    model: str
    searched: int
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
class Account:
    """What became of every file; each is in just one class: files = searchable + waiting + away + all problems.

    ``searchable``: its content, as it was when last read, can be found in the model in use. ``waiting``: to be read, or
    to be encoded for this model. ``problems``: by code. ``copies``: searchable files whose photo another one holds too.
    """

    files: int = 0
    searchable: int = 0
    waiting: int = 0
    away: int = 0
    problems: dict[str, int] = field(default_factory=dict)
    copies: int = 0


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
    account: Account
