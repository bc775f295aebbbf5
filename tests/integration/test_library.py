"""A library with real worker processes and, in part, in a process of its own that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from photosearch.errors import Cancelled, LibraryBusy
from photosearch.progress import CancelToken, Progress
from photosearch.records import Query
from tests.small_library import Heard, open_library, paint

_ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def paint_many(root, count: int) -> None:
    for n in range(count):
        paint(root / f"{n:03}.jpg", "red", mark=n, age=n)


def test_photos_are_indexed_in_worker_processes_and_found(app_paths_in_tmp, tmp_path):
    root = tmp_path / "photos"
    for colour in ("red", "green", "blue"):
        paint(root / f"{colour}.jpg", colour)
    encoders = []
    with open_library(app_paths_in_tmp, encoders=encoders) as library:
        library.add_folder(root)
        assert library.index().encoded == 3
        hit = library.search(Query(pictures=((root / "green.jpg").read_bytes(),))).hits[0]
        assert hit.path == root / "green.jpg"
        assert library.preview(hit.photo_id, max_px=16)
    with open_library(app_paths_in_tmp, encoders=encoders) as library:
        assert library.index().encoded == 0
        assert library.search(Query("blue")).hits[0].path == root / "blue.jpg"
    assert [e.images for e in encoders] == [4, 0]  # three photos and the pasted picture


def test_closing_while_indexing_keeps_what_was_committed_and_leaves_no_process(app_paths_in_tmp, tmp_path):
    root = tmp_path / "photos"
    paint_many(root, 60)
    heard = Heard()
    library = open_library(app_paths_in_tmp)
    library.add_folder(root)
    library.watch(heard)
    heard.wait(lambda: any(isinstance(e, Progress) and e.done for e in heard.events), "the first photos are done")
    library.close()
    assert not [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
    with open_library(app_paths_in_tmp) as again:
        done = again.status().searchable
        assert done > 0
        assert again.index().encoded == 60 - done
        assert again.status().searchable == again.status().index_count == 60


def test_a_run_can_be_cancelled_from_another_thread(app_paths_in_tmp, tmp_path):
    paint_many(tmp_path / "photos", 10)
    encoders = []
    with open_library(app_paths_in_tmp, encoders=encoders) as library:
        library.add_folder(tmp_path / "photos")
        encoders[0].gate.clear()
        cancel, ended = CancelToken(), []

        def run() -> None:
            try:
                library.index(cancel=cancel)
            except Cancelled:
                ended.append(True)

        thread = threading.Thread(target=run)
        thread.start()
        cancel.cancel()
        thread.join(20)
        encoders[0].gate.set()
        assert ended


_INDEX = """
import sys
from pathlib import Path
from photosearch.paths import app_paths
from photosearch.progress import Progress
from tests.small_library import open_library

def tell(event):
    if isinstance(event, Progress) and event.done:
        print(event.done, flush=True)

if __name__ == "__main__":
    library = open_library(app_paths(sys.argv[1]))
    print("open", flush=True)
    library.add_folder(Path(sys.argv[2]))
    library.index(on_event=tell)
    sys.stdin.read()
"""


@pytest.fixture
def other_process(tmp_path):
    """A process that has the library open and indexes it; its lines."""
    program = tmp_path / "index_in_a_process.py"
    program.write_text(_INDEX)
    started = []

    def start(*arguments: object) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=_ENVIRONMENT,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_process_that_is_killed_loses_at_most_what_it_was_just_doing(app_paths_in_tmp, tmp_path, other_process):
    root = tmp_path / "photos"
    paint_many(root, 60)
    process = other_process(app_paths_in_tmp.data, root)
    lines = iter(process.stdout.readline, "")
    assert next(lines) == "open\n"
    done = int(next(lines))
    with pytest.raises(LibraryBusy, match=f"process {process.pid}"):
        open_library(app_paths_in_tmp)
    with open_library(app_paths_in_tmp, read_only=True) as reader:
        assert reader.status().searchable >= done
        assert reader.search(Query("red")).hits
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL) if os.name == "posix" else process.kill()
    process.wait()
    psutil.wait_procs(workers, timeout=20)
    assert not [w for w in workers if w.is_running() and w.status() != psutil.STATUS_ZOMBIE]
    with open_library(app_paths_in_tmp) as again:
        kept = again.status().searchable
        assert kept >= done
        assert again.index().encoded == 60 - kept
        assert again.status().searchable == again.status().index_count == 60
        assert again.problems() == []
