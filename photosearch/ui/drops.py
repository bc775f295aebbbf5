"""What a drop or a paste means: pictures to search by, folders to add, words, or a reason why not.

Programs offer the same picture in several ways and in any order. Local files come first (their own pixels), then image
data, then a ``data:`` URL; an address on the web is refused, because PhotoSearch uses no network.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import QBuffer, QByteArray, QFile, QIODevice, QMimeData, QSize, Qt
from PySide6.QtGui import QImage, QImageReader, QImageWriter

from photosearch.errors import display_path
from photosearch.media.formats import is_picture_name
from photosearch.ui.session import QueryPicture

LARGEST_PASTED_PX = 1024
"""Long side to which pasted picture data is reduced: more than any model looks at."""
_LARGEST_DATA_URL = 32 * 1024 * 1024
_DATA_URL = re.compile(r"data:image/[a-z0-9.+-]+(?P<base64>;base64)?,(?P<data>[^\"'\s>]+)", re.IGNORECASE)
_REFUSED_REMOTE = (
    "That picture is on the web, and PhotoSearch uses no network. Save it to a file first, or copy the picture itself."
)
_NOT_HERE = "{} is not there any more."
_PICTURE_FILTERS = (b"jpeg", b"png", b"webp", b"gif", b"bmp", b"tiff")


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was offered. At most one of ``image``, ``data`` and ``refused`` is set, and only where no files came."""

    paths: tuple[Path, ...] = ()
    """Local files and folders, not looked at yet: ``look_at`` does."""
    image: QImage | None = None
    data: bytes | None = None
    """Encoded image bytes."""
    words: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class FoundOnDisk:
    """What dropped paths are; ``refused`` is set where none of them is there."""

    pictures: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    refused: str = ""


def offers_something(mime: QMimeData) -> bool:
    """Whether a drag is worth a welcome, without decoding anything."""
    return mime.hasUrls() or mime.hasImage() or mime.hasHtml() or mime.hasText()


def welcome(mime: QMimeData) -> str:
    """What a drop would do, told from names alone: the disk is not asked while something is dragged about."""
    local = [url.toLocalFile() for url in mime.urls() if url.isLocalFile()]
    if any(is_picture_name(Path(path).name) for path in local) or (not local and mime.hasImage()):
        return "Drop to find photos like this"
    return "Drop to add this folder" if local else "Drop to search with this"


def offers_picture(mime: QMimeData) -> bool:
    """Whether the clipboard holds a picture or files rather than words."""
    return any(url.isLocalFile() for url in mime.urls()) or mime.hasImage()


def read(mime: QMimeData) -> Dropped:
    """What ``mime`` means. Runs on the GUI thread (the data belongs to it), so it asks no disk and encodes nothing."""
    local = tuple(Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile())
    if local:
        return Dropped(paths=local)
    if mime.hasImage():
        image = mime.imageData()
        if isinstance(image, QImage) and not image.isNull():
            return Dropped(image=image)
    data = _data_url(mime)
    if data is not None:
        return Dropped(data=data)
    if any(not url.isLocalFile() for url in mime.urls()):
        return Dropped(refused=_REFUSED_REMOTE)
    words = " ".join(mime.text().split())[:500] if mime.hasText() else ""
    if re.match(r"https?://\S+$", words):
        return Dropped(refused=_REFUSED_REMOTE)
    return Dropped(words=words) if words else Dropped(refused="There is no picture in what was dropped.")


def look_at(paths: tuple[Path, ...]) -> FoundOnDisk:
    """Tell the files from the folders among ``paths``. Off the GUI thread: a network drive may take its time."""
    folders = tuple(path for path in paths if path.is_dir())
    pictures = tuple(path for path in paths if path.is_file())
    if folders or pictures:
        return FoundOnDisk(pictures, folders)
    return FoundOnDisk(refused=_NOT_HERE.format(display_path(paths[0])))


def _data_url(mime: QMimeData) -> bytes | None:
    offered = [url.toString() for url in mime.urls() if url.scheme() == "data"]
    if mime.hasHtml():
        offered.append(mime.html()[:_LARGEST_DATA_URL])
    if mime.hasText() and mime.text()[:5].lower() == "data:":
        offered.append(mime.text()[:_LARGEST_DATA_URL])
    for text in offered:
        found = _DATA_URL.search(text)
        if not found:
            continue
        raw = unquote_to_bytes(found["data"])
        try:
            return base64.b64decode(raw, validate=False) if found["base64"] else raw
        except binascii.Error:
            continue
    return None


def encoded(image: QImage) -> bytes:
    """Pasted picture data as PNG bytes of a sensible size. Any thread: it may take a while."""
    if max(image.width(), image.height()) > LARGEST_PASTED_PX:
        image = image.scaled(
            LARGEST_PASTED_PX,
            LARGEST_PASTED_PX,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"png")).write(image)
    return bytes(data.data())


def chip_image(source: Path | bytes, side_px: int) -> QImage:
    """A tiny picture of a query picture, null where Qt cannot read it. Any thread."""
    device: QIODevice
    if isinstance(source, bytes):
        device = QBuffer()
        device.setData(QByteArray(source))
    else:
        device = QFile(str(source))
    device.open(QIODevice.OpenModeFlag.ReadOnly)
    for codec in _PICTURE_FILTERS:  # one by one: why Qt must not look for it, thumbnails.decode tells
        device.seek(0)
        reader = QImageReader(device, QByteArray(codec))
        reader.setAutoDetectImageFormat(False)
        if reader.canRead():
            break
    else:
        return QImage()
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid():
        size.scale(QSize(side_px, side_px), Qt.AspectRatioMode.KeepAspectRatioByExpanding)
        reader.setScaledSize(size)
    image = reader.read()
    del reader  # before its device, which it may still use then
    return image


def file_pictures(paths: tuple[Path, ...]) -> list[QueryPicture]:
    """Query pictures of files."""
    return [QueryPicture(path, display_path(path.name)) for path in paths]
