"""What every test gets: a fresh environment, real pictures, and a guard against what a test leaves behind.

A test that leaves a thread, a child process or an open database fails, because in the program each of them is a window
that does not close or a library that stays locked.
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from photosearch.library.everyday import EverydayWords, words_file
from photosearch.model import Encoder, resolve
from photosearch.paths import ENVIRONMENT_OVERRIDE, AppPaths, app_paths

ROOT = Path(__file__).resolve().parent.parent
LEAK_PATIENCE_SECONDS = 15.0
_OURS = "photosearch"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test material beside the checkout: real photos, hostile files. Tests are skipped without it."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the test material is not there: no folder `shared` beside the checkout")
    return folder.resolve()


@pytest.fixture(scope="session")
def photos(shared: Path) -> Path:
    """Hundreds of real photos; read only."""
    return shared / "photos"


@pytest.fixture(scope="session")
def data() -> Path:
    """The small files that belong to the tests; read only."""
    return ROOT / "tests" / "data"


@pytest.fixture(scope="session")
def exported_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in model's exports and everyday words, made as they are made: by the first process that runs it. Never
    changed.

    A library makes its own with its first photos, which takes seconds; where they are not the subject of a test, it
    begins with a copy of these (``with_exports``).
    """
    folder = tmp_path_factory.mktemp("builtin") / "models"
    with Encoder(resolve("builtin"), exports=folder) as encoder:
        info = encoder.start()
        assert encoder.record is not None
        file = words_file(folder, info.identity)
        EverydayWords(file, encode=encoder.encode_texts, keep=True, closing=threading.Event()).make()
        assert file.exists()
    return folder


@pytest.fixture
def new_data_dir(tmp_path: Path, exported_model: Path) -> Path:
    """The data folder of a library that holds nothing yet but the built-in model's exports."""
    return with_exports(tmp_path / "data", exported_model)


def with_exports(data_dir: Path, exports: Path) -> Path:
    """``data_dir``, made with the model's exports in it."""
    shutil.copytree(exports, app_paths(data_dir).models)
    return data_dir


@pytest.fixture
def app_paths_in_tmp(tmp_path: Path) -> AppPaths:
    """The folders of a library that does not exist yet."""
    return app_paths(tmp_path / "library")


_library_numbers = itertools.count()


@pytest.fixture(autouse=True)
def fresh_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test, nor a process it starts, reads or writes the library and settings of the person who runs it."""
    unused = tmp_path_factory.getbasetemp() / f"default-library-{next(_library_numbers)}"
    monkeypatch.setenv(ENVIRONMENT_OVERRIDE, str(unused))


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """PhotoSearch sends nothing anywhere and needs nothing from anywhere: no test reaches another machine."""
    connect = socket.socket.connect

    def connect_here_only(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0] if isinstance(address, tuple) else address
            if host not in ("127.0.0.1", "::1", "localhost"):
                raise AssertionError(f"a test tried to reach {address!r} over the network")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_here_only)
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(autouse=True)
def leaks_nothing() -> Iterator[None]:
    """Fails the test that leaves a thread, a child process or an open database behind.

    Set up before the test's own fixtures and torn down after them, so what they start and end does not count; what
    fixtures of a wider scope started is there before.
    """
    threads, children, databases = set(threading.enumerate()), _children(), _databases()

    def left() -> list[str]:
        return [
            *(f"the thread {t.name}" for t in threading.enumerate() if t not in threads and _counts(t)),
            *(f"the process {p.pid}: {_command(p)}" for p in _children() - children if p.is_running()),
            *(f"the open database {name}" for name in _databases() - databases),
        ]

    yield
    leaked = _wait_until_empty(left)
    if leaked:
        for process in _children() - children:
            process.kill()
        pytest.fail("the test left behind " + ", ".join(leaked), pytrace=False)


def _wait_until_empty(left: Callable[[], list[str]]) -> list[str]:
    """What is still there after a moment: ending takes time, and garbage may hold a file until it is collected."""
    limit = time.monotonic() + LEAK_PATIENCE_SECONDS
    leaked = left()
    if leaked:
        gc.collect()
    while leaked and time.monotonic() < limit:
        threading.Event().wait(0.02)
        leaked = left()
    return leaked


def _counts(thread: threading.Thread) -> bool:
    """Other people's daemon threads (tqdm's monitor, pytest's timer) are theirs to end; ours count even so."""
    if not thread.daemon:
        return True
    target = getattr(thread, "_target", None)
    modules = (type(thread).__module__, getattr(target, "__module__", None) or "")
    return thread.name.startswith(_OURS) or any(m.split(".")[0] == _OURS for m in modules)


def _children() -> set[psutil.Process]:
    """Living processes below this one, but for the two that multiprocessing keeps for the life of its parent."""
    me = os.getpid()
    found = set()
    for process in psutil.Process(me).children(recursive=True):
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            command = _command(process)
            kept = "multiprocessing.resource_tracker" in command
            # The fork server's own children have its command line: only the one right below us is the server.
            kept = kept or ("multiprocessing.forkserver" in command and process.ppid() == me)
        except psutil.NoSuchProcess:
            continue
        if not kept:
            found.add(process)
    return found


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return "?"


def _databases() -> set[str]:
    """Open SQLite files of this process. Only where that is quick and exact to find out."""
    if not Path("/proc/self/fd").is_dir():
        return set()
    found = set()
    for entry in os.scandir("/proc/self/fd"):
        try:
            target = Path(entry.path).readlink()
        except OSError:
            continue
        if target.suffix == ".sqlite3":
            found.add(str(target))
    return found
