"""A library in memory with the verbs of the real one, for tests of the window. It can hold answers back."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QColor, QImage, QImageWriter

from photosearch.errors import FolderMissing, PhotoError, ProblemCode
from photosearch.paths import AppPaths
from photosearch.progress import Event, LibraryChanged
from photosearch.records import (
    Account,
    FileState,
    Folder,
    FolderState,
    Hit,
    Photo,
    PhotoFacts,
    Place,
    Problem,
    Query,
    SearchResult,
    Status,
    Tile,
)

SHAPES = ((400, 300), (300, 400), (600, 300), (300, 300))


def jpeg(width: int, height: int, color: str) -> bytes:
    """A small picture of one colour."""
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor(color))
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    assert QImageWriter(buffer, QByteArray(b"jpeg")).write(image)
    return bytes(data.data())


class FakeLibrary:
    """``count`` photos in ``folder``, newest first by id; ``answers`` by the words of the query."""

    def __init__(self, folder: Path | None, count: int = 40) -> None:
        self.folder = folder
        self.settings = FakeSettings()
        self.paused = False
        self.calls: list[tuple] = []
        self.answers: dict[str, list[tuple[int, float]] | Exception] = {}
        self.held: dict[str, threading.Event] = {}
        """A search for these words waits until its event is set."""
        self.searched: list[Query] = []
        self.away: set[int] = set()
        self.names: dict[int, str] = {}
        self.faults: list[Problem] = []
        self.excluded: tuple[str, ...] = ()
        self.missing = 0
        self.pending = 0
        self.unseen = 0
        """Photos of which the model knows nothing yet."""
        self.activity = 0
        self.broken: set[int] = set()
        self.on_event: Callable[[Event], None] = lambda event: None
        self.listened_to = threading.Event()
        """What is told by ``on_event`` before is heard by nobody."""
        self.closed = threading.Event()
        self.threads: set[int] = set()
        self.ids = list(range(1, count + 1))

    @classmethod
    def opener(cls, library: FakeLibrary) -> Callable:
        def open_it(paths: AppPaths, *, model: str | None = None) -> FakeLibrary:
            return library

        return open_it

    def _note(self, *call: object) -> None:
        self.calls.append(call)
        self.threads.add(threading.get_ident())

    def _path(self, photo_id: int) -> Path:
        return (self.folder or Path("/nowhere")) / self.names.get(photo_id, f"IMG_{photo_id:04}.jpg")

    def _tile(self, photo_id: int) -> Tile:
        width, height = SHAPES[photo_id % len(SHAPES)]
        month = 12 - photo_id // 20 % 12
        return Tile(photo_id, width, height, f"2014-{month:02}-05T10:00:00", photo_id in self.away)

    def folders(self) -> list[Folder]:
        if self.folder is None:
            return []
        return [Folder(1, self.folder, FolderState.HERE, self.excluded, len(self.ids), self.missing)]

    def add_folder(self, path: Path) -> Folder:
        self._note("add_folder", path)
        if not path.is_dir():
            raise FolderMissing(path)
        self.folder = path
        self.on_event(LibraryChanged(added=len(self.ids)))
        return self.folders()[0]

    def remove_folder(self, path: Path) -> None:
        self._note("remove_folder", path)
        self.folder, self.ids = None, []

    def exclude(self, path: Path) -> None:
        self._note("exclude", path)
        self.excluded = (path.name,)

    def include(self, path: Path) -> None:
        self._note("include", path)
        self.excluded = ()

    def forget_away(self, path: Path) -> int:
        self._note("forget_away", path)
        gone, self.missing = self.missing, 0
        return gone

    def watch(self, on_event: Callable[[Event], None]) -> None:
        self.on_event = on_event
        self.listened_to.set()

    def rescan(self) -> None:
        self._note("rescan")

    def pause(self) -> None:
        self._note("pause")
        self.paused = True

    def resume(self) -> None:
        self._note("resume")
        self.paused = False

    def note_activity(self) -> None:
        self.activity += 1

    def prefer(self, photo_ids: Sequence[int]) -> None:
        self._note("prefer", list(photo_ids))

    def warm_up(self) -> None:
        self._note("warm_up")

    def search(self, query: Query, *, count: int = 200) -> SearchResult:
        self._note("search", query)
        self.searched.append(query)
        if query.words in self.held:
            assert self.held[query.words].wait(20), "the test never let this answer go"
        answer = self.answers.get(query.words, [(i, 1 - n / 10) for n, i in enumerate(self.ids[:10])])
        if isinstance(answer, Exception):
            raise answer
        return SearchResult(
            query, tuple(self._hit(*one) for one in answer[:count]), "fake", len(self.ids) - self.unseen, 0.012
        )

    def _hit(self, photo_id: int, strength: float) -> Hit:
        tile = self._tile(photo_id)
        return Hit(
            photo_id, self._path(photo_id), strength, strength / 2, tile.width, tile.height, tile.taken, tile.away, ()
        )

    def timeline(self) -> list[Tile]:
        return [self._tile(photo_id) for photo_id in self.ids] if self.folder else []

    def thumbnail(self, photo_id: int) -> bytes | None:
        self.threads.add(threading.get_ident())
        if photo_id in self.broken:
            return None
        tile = self._tile(photo_id)
        return jpeg(tile.width, tile.height, "#406080")

    def preview(self, photo_id: int, *, max_px: int) -> bytes:
        self._note("preview", photo_id)
        if photo_id in self.broken:
            raise PhotoError(ProblemCode.DAMAGED, "The file is damaged.")
        tile = self._tile(photo_id)
        return jpeg(tile.width * 2, tile.height * 2, "#804020")

    def photo(self, photo_id: int) -> Photo:
        self.threads.add(threading.get_ident())
        if photo_id not in self.ids:
            raise KeyError(photo_id)
        tile = self._tile(photo_id)
        state = FileState.AWAY if tile.away else FileState.KNOWN
        facts = PhotoFacts("jpeg", tile.width, tile.height, taken=tile.taken, camera="Canon EOS R5")
        return Photo(photo_id, facts, (Place(self._path(photo_id), state, 12345, 0),))

    def models(self) -> list[tuple[str, str, int, int, bool]]:
        return [("builtin", "regnet-1", 256, len(self.ids), True), ("ViT-B-32/openai", "vit-2", 512, 3, False)]

    def problems(self) -> list[Problem]:
        return list(self.faults)

    def retry_problems(self) -> None:
        self._note("retry_problems")
        self.faults.clear()

    def status(self) -> Status:
        count = len(self.ids) if self.folder else 0
        return Status(
            folders=tuple(self.folders()), files=count, photos=count, searchable=count - self.unseen,
            pending=self.pending, problems=len(self.faults), away=len(self.away), model="fake", index_count=count,
            index_bytes=0, data_dir=Path("/nowhere"), account=self._account(count),
        )  # fmt: skip

    def _account(self, count: int) -> Account:
        problems = Counter(fault.code for fault in self.faults)
        files = count + self.pending + len(self.faults)
        return Account(files, count - self.unseen, self.pending + self.unseen, 0, dict(problems))

    def close(self) -> None:
        self.closed.set()

    def called(self, name: str) -> list[tuple]:
        return [call for call in self.calls if call[0] == name]


class FakeSettings(dict):
    """The settings the window asks for."""

    def __init__(self) -> None:
        super().__init__(tile_px=190)

    def set(self, name: str, value: object) -> None:
        self[name] = value
