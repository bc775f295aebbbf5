"""Thumbnails for the grid: loaded in the background, the visible ones first, kept within a budget of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QImageReader

from photosearch.memory import give_back
from photosearch.ui.worker import Worker

CACHE_BYTES = 64 * 1024 * 1024
REST_MS = 120_000
"""So long after the last wish only what shows is kept."""
_AT_ONCE = 4
"""Jobs given to the pool at a time: few, so that what scrolled away meanwhile is not loaded first."""
_SIDES_PX = (96, 128, 160, 192, 224, 256, 288, 320, 384, 448, 512)
"""Thumbnails are kept at the smallest of these (long side) that is not enlarged when painted."""
_CODECS = ((0, b"\xff\xd8\xff", b"jpeg"), (8, b"WEBP", b"webp"), (0, b"\x89PNG\r\n\x1a\n", b"png"))
"""Where each of these formats has its mark, the mark, and Qt's name for it."""


class _HasThumbnails(Protocol):
    def thumbnail(self, photo_id: int) -> bytes | None: ...


def decode(data: bytes, *, side_px: int) -> QImage:
    """The picture in ``data``, its long side at most ``side_px``; a null image when it cannot be read. Any thread.

    Qt is told the format: looking for it, its plug-in for SVG takes a lock of signals while this thread holds the
    interpreter, and the window's thread, which holds such locks when it asks for the interpreter, then waits for ever.
    """
    codec = next((name for at, mark, name in _CODECS if data.startswith(mark, at)), None)
    if codec is None:
        return QImage()
    buffer = QBuffer()
    buffer.setData(QByteArray(data))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(codec))
    reader.setAutoDetectImageFormat(False)
    size = reader.size()
    if size.isValid() and max(size.width(), size.height()) > side_px:
        size.scale(QSize(side_px, side_px), Qt.AspectRatioMode.KeepAspectRatio)
        reader.setScaledSize(size.expandedTo(QSize(1, 1)))
    image = reader.read()
    if image.isNull():
        return image
    return image.convertToFormat(QImage.Format.Format_RGB32)


class Thumbnails(QObject):
    """``image`` answers at once; ``want`` says what is on screen, and ``loaded`` follows for each."""

    loaded = Signal(int, bool)
    """Photo id, and whether nothing could be shown of it before."""

    def __init__(
        self,
        worker: Worker,
        *,
        cache_bytes: int = CACHE_BYTES,
        rest_ms: int = REST_MS,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._worker = worker
        self._cache_bytes = cache_bytes
        self._library: _HasThumbnails | None = None
        self._images: OrderedDict[int, tuple[QImage, int]] = OrderedDict()
        """Image and the side it was made for."""
        self._bytes = 0
        self._wanted: list[int] = []
        self._sides: dict[int, int] = {}
        """What was wished last, and how large."""
        self._shown: frozenset[int] = frozenset()
        self._rest_timer = QTimer(self)
        self._rest_timer.setSingleShot(True)
        self._rest_timer.setInterval(rest_ms)
        self._rest_timer.timeout.connect(self.rest)
        self._running: set[int] = set()
        self._missing: set[int] = set()

    @property
    def bytes_kept(self) -> int:
        return self._bytes

    def use(self, library: _HasThumbnails | None) -> None:
        """Load from ``library`` from now on; what was kept of another is forgotten."""
        self._library = library
        self._worker.drop_all()
        self._running.clear()
        self._images.clear()
        self._bytes = 0
        self._missing.clear()
        self._wanted = []
        self._sides, self._shown = {}, frozenset()
        self._rest_timer.stop()

    def retry_missing(self) -> None:
        """Photos without a thumbnail may have one now."""
        self._missing.clear()

    def image(self, photo_id: int) -> QImage | None:
        """The thumbnail if it is here, perhaps of another size than wanted last."""
        kept = self._images.get(photo_id)
        if kept is None:
            return None
        self._images.move_to_end(photo_id)
        return kept[0]

    def is_missing(self, photo_id: int) -> bool:
        """The library was asked and has none."""
        return photo_id in self._missing

    def want(self, photo_ids: Sequence[int], *, side_px: int | Sequence[int], shown: int = 0) -> None:
        """Load these, first things first, for tiles whose long side is ``side_px`` device pixels (all, or each).

        The first ``shown`` are on screen: they stay, whatever they take. Replaces the wishes before: what is wanted no
        longer and has not begun is never loaded.
        """
        sides = [side_px] * len(photo_ids) if isinstance(side_px, int) else side_px
        self._sides = {photo_id: _side_for(side) for photo_id, side in zip(photo_ids, sides, strict=True)}
        self._shown = frozenset(photo_ids[:shown])
        self._wanted = [photo_id for photo_id in photo_ids if self._needs(photo_id)]
        self._rest_timer.start()
        self._feed()

    def _needs(self, photo_id: int) -> bool:
        if photo_id in self._missing:
            return False
        kept = self._images.get(photo_id)
        return kept is None or kept[1] < self._sides[photo_id]

    def _feed(self) -> None:
        library = self._library
        if library is None:
            return
        while self._wanted and len(self._running) < _AT_ONCE:
            photo_id = self._wanted.pop(0)
            if photo_id in self._running:
                continue
            self._running.add(photo_id)
            side = self._sides[photo_id]

            def load(photo_id: int = photo_id, side: int = side) -> QImage | None:
                data = library.thumbnail(photo_id)
                return decode(data, side_px=side) if data else None

            def arrived(outcome: object, photo_id: int = photo_id, side: int = side) -> None:
                self._arrived(library, photo_id, side, outcome)

            self._worker.start(load, arrived)

    def _arrived(self, library: _HasThumbnails, photo_id: int, side: int, outcome: object) -> None:
        self._running.discard(photo_id)
        if library is self._library:
            first = photo_id not in self._images
            if isinstance(outcome, QImage) and not outcome.isNull():
                self._keep(photo_id, outcome, side)
            else:
                self._missing.add(photo_id)
            self.loaded.emit(photo_id, first)
        self._feed()

    def _keep(self, photo_id: int, image: QImage, side: int) -> None:
        before = self._images.pop(photo_id, None)
        if before is not None:
            self._bytes -= before[0].sizeInBytes()
        self._images[photo_id] = (image, side)
        self._bytes += image.sizeInBytes()
        if self._bytes > self._cache_bytes:
            for oldest in [i for i in self._images if i not in self._shown and i != photo_id]:
                self._drop(oldest)
                if self._bytes <= self._cache_bytes:
                    break

    def _drop(self, photo_id: int) -> None:
        self._bytes -= self._images.pop(photo_id)[0].sizeInBytes()

    def rest(self) -> None:
        """The user rests: what does not show goes, and so does the memory that all of it took."""
        for photo_id in [i for i in self._images if i not in self._shown]:
            self._drop(photo_id)
        self._worker.start(give_back, lambda _outcome: None)


def _side_for(side_px: int) -> int:
    return next((side for side in _SIDES_PX if side >= side_px), _SIDES_PX[-1])
