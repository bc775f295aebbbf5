"""Another program on the same screen: something to drag from, and the owner of the clipboard.

Started as a script: ``python neighbour.py drag|copy X OFFER…``. An OFFER is ``files=PATH``, ``urls=ADDRESS``,
``image=FILE``, ``html=TEXT`` or ``text=TEXT``. It prints ``ready``, then (drag) ``dropped ACTION`` after each drag,
and ends with its standard input.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from PySide6.QtCore import QMimeData, QPoint, QSocketNotifier, Qt, QUrl
from PySide6.QtGui import QDrag, QImage, QMouseEvent
from PySide6.QtWidgets import QApplication, QLabel


def offered(offers: Sequence[str]) -> QMimeData:
    mime, urls = QMimeData(), []
    for offer in offers:
        kind, value = offer.split("=", 1)
        match kind:
            case "file":
                urls.append(QUrl.fromLocalFile(value))
            case "url":
                urls.append(QUrl(value))
            case "image":
                mime.setImageData(QImage(value))
            case "html":
                mime.setHtml(value)
            case "text":
                mime.setText(value)
    if urls:
        mime.setUrls(urls)
    return mime


class Source(QLabel):
    """Pressed and moved, it begins a drag."""

    def __init__(self, offers: Sequence[str]) -> None:
        super().__init__("drag me")
        self._offers = offers
        self._dragging = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        self._dragging = True
        drag = QDrag(self)
        drag.setMimeData(offered(self._offers))
        action = drag.exec(Qt.DropAction.CopyAction | Qt.DropAction.MoveAction)
        self._dragging = False
        print("dropped", action.name, flush=True)


def main() -> int:
    what, x, *offers = sys.argv[1:]
    app = QApplication(["neighbour"])
    source = Source(offers)
    source.setGeometry(int(x), 300, 120, 120)
    source.move(QPoint(int(x), 300))
    if what == "drag":
        source.show()
    else:
        QApplication.clipboard().setMimeData(offered(offers))
    end = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    end.activated.connect(app.quit)
    print("ready", flush=True)
    return app.exec()


if __name__ == "__main__":
    raise SystemExit(main())
