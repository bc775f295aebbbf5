"""The program's own icons: SVG strokes from ``resources/icons``, drawn in a colour of the palette.

Nothing depends on the desktop's icon theme, so the window looks the same where there is none.
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from photosearch.paths import resource

_INK = "currentColor"
_APP_ICON_SIZES_PX = (16, 24, 32, 48, 64, 128, 256)


@lru_cache(maxsize=64)
def _source(name: str) -> str:
    return resource("icons", f"{name}.svg").read_text(encoding="utf-8")


@lru_cache(maxsize=256)
def _image(name: str, color: str, side_px: int) -> QImage:
    """Kept, for a page of photos that are away draws one for each; as an image, which may outlive the application."""
    image = QImage(side_px, side_px, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    svg = _source(name).replace(_INK, color)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, side_px, side_px))
    painter.end()
    return image


def _draw(name: str, color: str, side_px: int) -> QPixmap:
    return QPixmap.fromImage(_image(name, color, side_px))


def pixmap(name: str, color: QColor, *, side: int, ratio: float = 1.0) -> QPixmap:
    """The icon ``name`` in ``color``, ``side`` logical pixels wide; ``ratio`` is its screen's density."""
    drawn = _draw(name, color.name(), max(1, round(side * ratio)))
    drawn.setDevicePixelRatio(ratio)
    return drawn


def icon(name: str, color: QColor, *, disabled: QColor | None = None) -> QIcon:
    """The icon ``name`` in ``color`` at the sizes buttons and menus use, on plain and dense screens."""
    made = QIcon()
    for side in (16, 20, 24, 32, 40, 48):
        made.addPixmap(_draw(name, color.name(), side))
        if disabled is not None:
            made.addPixmap(_draw(name, disabled.name(), side), QIcon.Mode.Disabled)
    return made


def app_icon() -> QIcon:
    """The program's icon."""
    made = QIcon()
    for side in _APP_ICON_SIZES_PX:
        made.addPixmap(_draw("photosearch", _INK, side))
    return made


def app_pixmap(side: int, ratio: float = 1.0) -> QPixmap:
    """The program's icon as a picture of ``side`` logical pixels."""
    drawn = _draw("photosearch", _INK, round(side * ratio))
    drawn.setDevicePixelRatio(ratio)
    return drawn
