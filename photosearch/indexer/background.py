"""The indexer's thread: a first look at everything, then whatever the watcher marks, and everything again each hour."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from photosearch.errors import Cancelled, PhotoSearchError
from photosearch.indexer.watch import DirtyPlaces, FolderWatcher
from photosearch.progress import CancelToken, Event, IndexerFailed, PauseSwitch, Phase, Progress
from photosearch.records import Folder, IndexReport

log = logging.getLogger(__name__)

ROOT_CHECK_SECONDS = 60.0
"""How often it is looked whether each root is still the same folder."""
FULL_LOOK_SECONDS = 3600.0
PAUSED_LOOK_SECONDS = 60.0
UNWATCHED_LOOK_SECONDS = 300.0
"""How often folders are looked through that cannot be listened to."""
RETRY_SECONDS = 60.0
"""After a fault that the user may mend (a full disk, a missing model)."""


class BackgroundIndexer:
    """Keeps the library up to date until it is closed.

    run: one run of the indexer, as ``Indexer.run``. folders: asked anew at every look. at_rest: called now and then
    while there is nothing to do.
    """

    def __init__(
        self,
        run: Callable[..., IndexReport],
        *,
        folders: Callable[[], list[Folder]],
        on_event: Callable[[Event], None],
        pause: PauseSwitch,
        at_rest: Callable[[], None] = lambda: None,
        root_check_seconds: float = ROOT_CHECK_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._do_run = run
        self._folders = folders
        self._on_event = on_event
        self._pause = pause
        self._at_rest = at_rest
        self._root_check_seconds = root_check_seconds
        self._retry_seconds = retry_seconds
        self._dirty = DirtyPlaces()
        self._cancel = CancelToken()
        self._rescan = threading.Event()
        self._rescan.set()
        self._thread = threading.Thread(target=self._run, name="indexer", daemon=True)
        self._thread.start()

    def rescan(self) -> None:
        """Look at every folder, soon."""
        self._rescan.set()
        self._dirty.wake.set()

    def stop(self) -> None:
        """Ask the thread to end after the transaction at hand, and do not wait."""
        self._cancel.cancel()
        self._pause.resume()
        self._rescan.set()
        self._dirty.wake.set()

    def close(self, *, seconds: float = 5.0) -> bool:
        """Stop, and wait; True when the thread has ended."""
        self.stop()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        watcher = FolderWatcher(self._dirty)
        last_full = last_roots = last_unwatched = 0.0
        try:
            while not self._cancel.cancelled:
                now = time.monotonic()
                asked = self._rescan.is_set()
                self._rescan.clear()  # before looking: a folder that is added meanwhile asks for another turn
                if asked or now - last_roots > self._root_check_seconds:
                    watcher.follow(self._folders())
                    last_roots = now
                if watcher.unwatched and now - last_unwatched > UNWATCHED_LOOK_SECONDS:
                    for folder_id in watcher.unwatched:
                        self._dirty.mark(folder_id, b"")
                    last_unwatched = now
                full = asked or now - last_full > FULL_LOOK_SECONDS
                places = None
                if full:
                    self._dirty.discard()
                    last_full = now
                else:
                    places = self._dirty.take()
                if (full or places) and not self._one_run(places):
                    self._rescan.wait(self._retry_seconds)  # or until the user asks
                    self._rescan.set()
                    continue
                self._at_rest()
                wait = self._dirty.seconds_to_wait()
                self._dirty.wake.wait(self._root_check_seconds if wait is None else max(wait, 0.01))
                self._dirty.wake.clear()
        except Cancelled:
            pass
        except Exception:  # thread boundary
            log.exception("the indexer's thread failed")
            self._on_event(
                IndexerFailed("Indexing stopped because of a fault in PhotoSearch; its log says more. Start it again.")
            )
        finally:
            watcher.close()

    def _one_run(self, places) -> bool:
        """One run; False where it should be tried again in a while."""
        if self._pause.paused:
            self._on_event(Progress(Phase.PAUSED))
            while self._pause.paused and not self._cancel.cancelled:
                self._at_rest()
                self._pause.wait_for_resume(PAUSED_LOOK_SECONDS)
        try:
            report = self._do_run(places=places, on_event=self._on_event, cancel=self._cancel)
            self._on_event(Progress(Phase.IDLE, found=report.found, problems=report.problems))
        except Cancelled:
            raise
        except PhotoSearchError as error:
            if self._cancel.cancelled:  # an encoder that is taken away while it loads, for one
                raise Cancelled() from error
            log.warning("index run stopped: %s", error)
            self._on_event(IndexerFailed(str(error)))
            self._on_event(Progress(Phase.IDLE))
            return False
        return True
