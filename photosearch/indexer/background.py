"""The indexer's thread: a first look at everything, then whatever the watcher marks, and everything again each hour."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from photosearch.errors import Cancelled, ModelNotHere, PhotoSearchError, display_path
from photosearch.indexer.watch import DirtyPlaces, FolderWatcher
from photosearch.progress import CancelToken, Event, IndexerFailed, Notice, PauseSwitch, Phase, Progress
from photosearch.records import Folder, FolderState, IndexReport

log = logging.getLogger(__name__)

ROOT_CHECK_SECONDS = 60.0
"""How often it is looked whether each root is still the same folder."""
FULL_LOOK_SECONDS = 3600.0
PAUSED_LOOK_SECONDS = 60.0
POLL_SECONDS = 300.0
"""How often folders are looked through that cannot be listened to."""
_POLL_SHARE = 20
"""Looking through them may take this part of the time at most: a large network drive is asked less often."""
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
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._do_run = run
        self._folders = folders
        self._on_event = on_event
        self._pause = pause
        self._at_rest = at_rest
        self._root_check_seconds = root_check_seconds
        self._retry_seconds = retry_seconds
        self._poll_seconds = poll_seconds
        self._dirty = DirtyPlaces()
        self._cancel = CancelToken()
        self._unheard: frozenset[int] = frozenset()
        self._rescan = threading.Event()
        self._rescan.set()
        self._news = _News(self._dirty, self._rescan)
        self._thread = threading.Thread(target=self._run, name="indexer", daemon=True)
        self._thread.start()

    def rescan(self) -> None:
        """Look at every folder, soon."""
        self._rescan.set()
        self._dirty.wake.set()

    @property
    def unheard(self) -> frozenset[int]:
        """Ids of the folders that are looked through every few minutes, for they cannot be listened to."""
        return self._unheard

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
        watcher = FolderWatcher(self._dirty, notice=lambda sentence: self._on_event(Notice(sentence)))
        last_full = last_roots = next_poll = 0.0
        polling = False
        try:
            known: list[Folder] | None = None
            while not self._cancel.cancelled:
                now = time.monotonic()
                asked = self._rescan.is_set()
                self._rescan.clear()  # before looking: a folder that is added meanwhile asks for another turn
                due = now - last_roots > self._root_check_seconds
                if asked or watcher.roots_changed.is_set() or due:
                    folders = self._folders()
                    known = folders if known is None else known
                    watcher.follow(folders)
                    self._unheard = frozenset(watcher.unwatched)
                    last_roots = now
                if watcher.unwatched and now > next_poll:
                    next_poll, polling = now + self._poll_seconds, True
                    for folder_id in list(watcher.unwatched):
                        self._dirty.mark(folder_id, b"")
                full = asked or now - last_full > FULL_LOOK_SECONDS
                places = None
                if full:
                    self._dirty.discard()
                    last_full = now
                else:
                    places = self._dirty.take()
                if full or places:
                    done = self._one_run(places)
                    known = self._tell_of(known or [], self._folders())
                    if polling:
                        took = min(time.monotonic() - now, FULL_LOOK_SECONDS / _POLL_SHARE)
                        next_poll, polling = time.monotonic() + max(self._poll_seconds, _POLL_SHARE * took), False
                    if not done:
                        self._rescan.wait(self._retry_seconds)  # or until the user asks
                        self._rescan.set()
                        continue
                self._at_rest()
                wait = self._dirty.seconds_to_wait()
                if wait is None:
                    wait = self._root_check_seconds
                    if watcher.unwatched:
                        wait = min(wait, self._poll_seconds)
                self._dirty.wake.wait(max(wait, 0.01))
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

    def _tell_of(self, before: list[Folder], now: list[Folder]) -> list[Folder]:
        """Say which folders came and went since the last look, and returns how they are now."""
        known = {f.id: f for f in before}
        for folder in now:
            then = known.get(folder.id)
            if then is not None and (sentence := what_became_of(then, folder)):
                self._on_event(Notice(sentence))
        return now

    def _one_run(self, places) -> bool:
        """One run; False where it should be tried again in a while."""
        if self._pause.paused:
            self._on_event(Progress(Phase.PAUSED))
            while self._pause.paused and not self._cancel.cancelled:
                self._at_rest()
                self._pause.wait_for_resume(PAUSED_LOOK_SECONDS)
        try:
            report = self._do_run(places=places, news=self._news, on_event=self._on_event, cancel=self._cancel)
            self._on_event(Progress(Phase.IDLE, found=report.found, problems=report.problems))
        except Cancelled:
            raise
        except PhotoSearchError as error:
            if self._cancel.cancelled:  # an encoder that is taken away while it loads, for one
                raise Cancelled() from error
            log.warning("index run stopped: %s", error)
            to_download = error.name if isinstance(error, ModelNotHere) else ""
            self._on_event(IndexerFailed(str(error), to_download=to_download))
            self._on_event(Progress(Phase.IDLE))
            return False
        return True


class _News:
    """What the watcher marked, and whether somebody asked for a look at everything, while a run goes on."""

    def __init__(self, dirty: DirtyPlaces, rescan: threading.Event) -> None:
        self._dirty, self._rescan = dirty, rescan

    def waits(self) -> bool:
        return self._rescan.is_set() or self._dirty.seconds_to_wait() == 0.0

    def take(self) -> dict[int, frozenset[bytes]] | None:
        """None leaves everything as it is: the thread's next turn looks at all folders."""
        return None if self._rescan.is_set() else self._dirty.take()


def what_became_of(before: Folder, now: Folder) -> str | None:
    """A sentence on a folder that came or went, or lost many files at once; None where it did not."""
    name = display_path(now.path)
    if now.state is not before.state:
        return {
            FolderState.AWAY: f"{name} is not there now. Its photos are kept and shown as away until it is back.",
            FolderState.UNREADABLE: f"{name} cannot be read now. Its photos are kept; give yourself permission to"
            " read it.",
            FolderState.HERE: f"{name} is back.",
        }[now.state]
    if now.state is FolderState.HERE and now.away > before.away and (not before.away or now.away >= 2 * before.away):
        return (
            f"{now.away:,} files of {name} are suddenly missing. They are kept and shown as away. If they are gone for"
            f" good, `photosearch folders forget` or the folders dialog forgets them."
        )
    return None
