"""One window per data folder: a second start hands what it was asked to do to the first, and ends.

The socket's name holds the user and the data folder, so that users and libraries on one machine do not meet.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

log = logging.getLogger(__name__)

_LARGEST_MESSAGE = 256 * 1024
_WAIT_MS = 2000
_UNDERSTOOD = b"ok\n"


@dataclass(frozen=True, slots=True)
class Request:
    """What a start of the program asks for. A folder may have any name the system allows."""

    folders: tuple[Path, ...] = ()
    query: str = ""

    def to_line(self) -> bytes:
        return (
            json.dumps({"folders": [str(path) for path in self.folders], "query": self.query}).encode("ascii") + b"\n"
        )

    @classmethod
    def from_line(cls, line: bytes) -> Request:
        """Raises ValueError for anything but what to_line writes."""
        said = json.loads(line)
        folders, query = said["folders"], said["query"]
        if not isinstance(query, str) or not all(isinstance(folder, str) for folder in folders):
            raise ValueError("not a request")
        return cls(tuple(Path(folder) for folder in folders), query)


def server_name(data: Path) -> str:
    """The socket's name for a data folder."""
    user = str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()
    folder = hashlib.blake2b(os.fsencode(os.path.realpath(data)), digest_size=8).hexdigest()
    return f"photosearch-{user}-{folder}"


def hand_over(data: Path, request: Request) -> bool:
    """Give the request to the window that is open for ``data``; False when there is none."""
    socket = QLocalSocket()
    socket.connectToServer(server_name(data))
    if not socket.waitForConnected(_WAIT_MS):
        return False
    socket.write(request.to_line())
    socket.flush()
    answered = socket.waitForReadyRead(_WAIT_MS) and bytes(socket.readLine().data()) == _UNDERSTOOD
    socket.disconnectFromServer()
    return answered


class Listener(QObject):
    """Hears later starts of the program; ``asked`` carries a Request."""

    asked = Signal(object)

    def __init__(self, data: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._connected)
        name = server_name(data)
        if not self._server.listen(name):
            # hand_over found nobody behind the name: it was left by a program that was killed.
            QLocalServer.removeServer(name)
            if not self._server.listen(name):
                log.warning("no single instance: %s", self._server.errorString())

    def _connected(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.setParent(self)
            socket.readyRead.connect(lambda socket=socket: self._read(socket))
            socket.disconnected.connect(socket.deleteLater)
            if socket.bytesAvailable():
                self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            if socket.bytesAvailable() > _LARGEST_MESSAGE:
                socket.abort()
            return
        try:
            request = Request.from_line(bytes(socket.readLine(_LARGEST_MESSAGE).data()))
        except (ValueError, KeyError, TypeError) as error:
            log.warning("a request was not understood: %r", error)
            socket.abort()
            return
        socket.write(_UNDERSTOOD)
        socket.flush()
        self.asked.emit(request)

    def close(self) -> None:
        self._server.close()
