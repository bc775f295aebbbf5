"""What the desktop does for us: open a file with its program, show it in the file manager, take a drag.

The command lines are built by plain functions, so that all three platforms are tested on each.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QDesktopServices

log = logging.getLogger(__name__)

_FILE_MANAGER = ("org.freedesktop.FileManager1", "/org/freedesktop/FileManager1", "org.freedesktop.FileManager1")


def open_file(path: Path) -> bool:
    """Open with the program the user chose for such files; False where there is none."""
    return QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


def show_command(path: Path, platform: str = sys.platform) -> list[str] | None:
    """The command that shows ``path`` selected in the file manager; None where it is asked another way."""
    if platform == "darwin":
        return ["open", "-R", str(path)]
    if platform == "win32":
        return ["explorer", f"/select,{path}"]
    return None


def show_in_file_manager(path: Path) -> bool:
    """Show a file selected where it lies; False where that cannot be asked for. Any thread: it may take a moment."""
    command = show_command(path)
    if command is None:
        return _show_by_dbus(path)
    try:
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError as error:
        log.warning("%s: %s", command[0], error)
        return False
    return True


def _show_by_dbus(path: Path) -> bool:
    """Ask the file manager over the session bus (freedesktop.org File Manager Interface)."""
    from PySide6.QtDBus import QDBus, QDBusConnection, QDBusMessage  # not there on every platform

    bus = QDBusConnection.sessionBus()
    if not bus.isConnected():
        return False
    message = QDBusMessage.createMethodCall(*_FILE_MANAGER, "ShowItems")
    message.setArguments([[QUrl.fromLocalFile(str(path)).toString(QUrl.ComponentFormattingOption.FullyEncoded)], ""])
    reply = bus.call(message, QDBus.CallMode.Block, 1500)
    return reply.type() == QDBusMessage.MessageType.ReplyMessage


def files_mime(paths: Sequence[Path]) -> QMimeData:
    """Files for the clipboard or a drag: as addresses, and as text for programs that take only that."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    mime.setText("\n".join(str(path) for path in paths))
    return mime
