"""Starts the window: one per data folder, shown before the library is open, and ended cleanly whatever it is doing."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject, QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication

from photosearch import __version__
from photosearch.errors import NoDisplay, display_path
from photosearch.paths import AppPaths
from photosearch.ui import icons, theme
from photosearch.ui.session import SORRY, Session
from photosearch.ui.single_instance import Listener, Request, hand_over
from photosearch.ui.window import Window

log = logging.getLogger(__name__)

_CLOSE_LIMIT_MS = 6000
"""A library that does not close in this time (a drive that hangs) is left: what is committed is safe."""
_POOLS_LIMIT_MS = 300


def open_library(paths: AppPaths, *, model: str | None = None) -> object:
    """Open the real library. Runs on a worker's thread, and so does the import: the window is on screen meanwhile."""
    from photosearch.library import Library

    return Library.open(paths, model=model)


def repair_library(paths: AppPaths) -> None:
    """Put the newest good copy of a damaged catalog back. Runs on a worker's thread."""
    from photosearch.library.doctor import repair

    repair(paths)


def require_display(platform: str = sys.platform, environment: dict[str, str] | None = None) -> None:
    """Raises NoDisplay where Qt would end the process because there is no screen."""
    seen = os.environ if environment is None else environment
    if platform in ("win32", "darwin") or seen.get("QT_QPA_PLATFORM"):
        return
    if not (seen.get("DISPLAY") or seen.get("WAYLAND_DISPLAY")):
        raise NoDisplay(
            "There is no screen to open the window on. Use `photosearch index FOLDER` and `photosearch search WORDS`"
            " here, or start PhotoSearch from a desktop."
        )


@contextmanager
def answering_display() -> Iterator[None]:
    """Raises NoDisplay where no X server answers behind DISPLAY, for Qt would end the process with a core dump.

    Qt connects inside: the connection is held until then, because a bare X server starts over after its last client.
    """
    if sys.platform != "linux" or {"QT_QPA_PLATFORM", "WAYLAND_DISPLAY"} & os.environ.keys():
        yield
        return
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:  # then Qt has its say
        yield
        return
    x11.XOpenDisplay.argtypes, x11.XOpenDisplay.restype = [ctypes.c_char_p], ctypes.c_void_p
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    connection = x11.XOpenDisplay(None)
    if not connection:
        raise NoDisplay(
            f"The screen {display_path(os.environ['DISPLAY'])} does not answer, or does not let you in. Start"
            " PhotoSearch from your desktop, or use `photosearch index FOLDER` and `photosearch search WORDS` here."
        )
    try:
        yield
    finally:
        x11.XCloseDisplay(connection)


class _Guard(QObject):
    """Faults of ours in a slot: into the log, and one apology in the status line."""

    def __init__(self, apologise: Callable[[str], None]) -> None:
        super().__init__()
        self._apologise = apologise
        self._before = sys.excepthook

    def __enter__(self) -> _Guard:
        sys.excepthook = self._caught
        return self

    def __exit__(self, *_: object) -> None:
        sys.excepthook = self._before

    def _caught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.error("a fault in the window", exc_info=(kind, error, trace))
        try:
            self._apologise(SORRY)
        except RuntimeError:  # the window is gone already
            pass


class _Signals(QObject):
    """SIGINT and SIGTERM close the window as its own button does.

    Python runs signal handlers only between its own instructions, and an idle window runs none; so the signal is
    written to a socket that wakes Qt.
    """

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self._read, self._write = socket.socketpair()
        for end in (self._read, self._write):
            end.setblocking(False)
        self._before_fd = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _nothing) for number in (signal.SIGINT, signal.SIGTERM)}
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(lambda *_: self._heard(then))

    def _heard(self, then: Callable[[], None]) -> None:
        try:
            self._read.recv(64)
        except BlockingIOError:
            return
        then()

    def close(self) -> None:
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._before_fd)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._read.close()
        self._write.close()


def _nothing(_number: int, _frame: object) -> None:
    """A handler must exist for the wake-up to be written."""


def run(paths: AppPaths, *, folders: Sequence[Path] = (), query: str = "", model: str | None = None) -> int:
    """Show the window until it is closed; returns the exit status.

    folders are added to the library, query is searched for. Where a window of this library is open already, it gets
    both, and this returns 0. Raises NoDisplay.
    """
    require_display()
    with answering_display():
        app = QApplication(["photosearch"])
    app.setApplicationName("PhotoSearch")
    app.setApplicationDisplayName("PhotoSearch")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("photosearch")
    request = Request(tuple(folder.expanduser().absolute() for folder in folders), query)
    if hand_over(paths.data, request):
        return 0
    app.setQuitOnLastWindowClosed(False)
    app.setWindowIcon(icons.app_icon())
    theme.keeper()
    session = Session(open_library, paths, folders=request.folders, model=model, repairer=repair_library)
    listener = Listener(paths.data)
    window = Window(session, paths)
    listener.asked.connect(window.asked)
    session.closed.connect(app.quit)
    overdue = QTimer()
    overdue.setSingleShot(True)
    overdue.timeout.connect(app.quit)
    session.state_changed.connect(lambda: overdue.start(_CLOSE_LIMIT_MS) if session.is_closed else None)
    signals = _Signals(window.leave)
    if query:
        session.set_query(words=query)
    window.show()
    session.open()
    with _Guard(window.status.notice):
        status = app.exec()
    listener.close()
    signals.close()
    if not session.workers.finish(_POOLS_LIMIT_MS):
        # A thread hangs in a call that cannot be stopped (a dead network drive); Qt would wait for it for ever.
        log.warning("a background thread did not end; the process ends without it")
        logging.shutdown()
        os._exit(status)
    return status
