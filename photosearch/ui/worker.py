"""The window's background threads: the only module that touches thread pools.

One pool per purpose, so that no purpose waits for another: a search must not queue behind a hundred thumbnails, a
preview not behind a folder that takes its time on a sleeping drive. A job is plain data and a function; its outcome
comes back to the GUI thread through a queued signal, and goes nowhere when the job was dropped meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import count
from typing import Any

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal, Slot

from photosearch.errors import PhotoSearchError

log = logging.getLogger(__name__)

Work = Callable[[], Any]
Then = Callable[[Any], None]


class _Job(QRunnable):
    def __init__(self, number: int, work: Work, wanted: dict[int, Then], done: Any) -> None:
        super().__init__()
        self._number, self._work, self._wanted, self._done = number, work, wanted, done

    def run(self) -> None:
        if self._number not in self._wanted:
            return  # dropped while it waited
        try:
            outcome = self._work()
        except (PhotoSearchError, KeyError) as error:  # answers in their own right; who asked shows them
            outcome = error
        except Exception as error:  # thread boundary: nothing above catches it
            # What nobody waits for any more may fail: the library it asks is being closed under it.
            log.log(
                logging.ERROR if self._number in self._wanted else logging.DEBUG,
                "job %d failed",
                self._number,
                exc_info=True,
            )
            outcome = error
        try:
            self._done.emit(self._number, outcome)
        except RuntimeError:  # the worker was deleted: the program is ending
            pass


class Worker(QObject):
    """Runs work on ``threads`` threads of its own; ``then(outcome)`` follows on the GUI thread.

    The outcome is what ``work`` returned, or the exception it raised.
    """

    _done = Signal(int, object)

    def __init__(self, threads: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(threads)
        self._pool.setExpiryTimeout(-1)  # a thread that comes and goes would open its own database connection each time
        self._numbers = count(1)
        self._wanted: dict[int, Then] = {}
        self._done.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def start(self, work: Work, then: Then, *, priority: int = 0) -> int:
        """Queue ``work``; returns the number to drop it by. Jobs of higher priority run first."""
        number = next(self._numbers)
        self._wanted[number] = then
        self._pool.start(_Job(number, work, self._wanted, self._done), priority)
        return number

    def drop(self, number: int) -> None:
        """Forget a job: it is not run if it waits still, and its outcome goes nowhere."""
        self._wanted.pop(number, None)

    def drop_all(self) -> None:
        self._wanted.clear()

    @property
    def busy(self) -> bool:
        return bool(self._wanted)

    def finish(self, limit_ms: int) -> bool:
        """Wait until nothing runs; False when something still did after ``limit_ms``."""
        return self._pool.waitForDone(limit_ms)

    @Slot(int, object)
    def _deliver(self, number: int, outcome: object) -> None:
        then = self._wanted.pop(number, None)
        if then is not None:
            then(outcome)


class Workers(QObject):
    """The pools of the window, by purpose."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.searches = Worker(1, self)  # one: a newer query always replaces the older, they never race
        self.thumbnails = Worker(2, self)  # decoding is light and mostly waits for the disk
        self.previews = Worker(1, self)  # one: the photo in front first, its neighbours after it
        self.errands = Worker(2, self)  # folders, problems, facts: one may sleep on a slow drive while the other works
        self.downloads = Worker(2, self)  # of models; one downloads, the other stops it
        self.lifetime = Worker(1, self)  # opening and closing the library, behind nothing else

    def drop_all(self) -> None:
        for worker in self._all():
            worker.drop_all()

    def finish(self, limit_ms: int) -> bool:
        """Wait for every pool; False when one still works after ``limit_ms`` each."""
        ended = [worker.finish(limit_ms) for worker in self._all()]  # each gets its time, whatever the others do
        return all(ended)

    def _all(self) -> tuple[Worker, ...]:
        return (self.searches, self.thumbnails, self.previews, self.errands, self.downloads, self.lifetime)
