"""How long work tells what it is doing, and how it is stopped. Free of Qt; safe to use from any thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum

from photosearch.errors import Cancelled


class Phase(StrEnum):
    """What the indexer is doing."""

    SCANNING = "scanning"
    LOADING = "loading model"
    ENCODING = "encoding"
    PAUSED = "paused"
    ON_BATTERY = "waiting for mains power"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at the indexer. ``done`` of ``total`` counts photos of this run; ``total`` may still grow."""

    phase: Phase
    found: int = 0
    done: int = 0
    total: int = 0
    problems: int = 0
    photos_per_second: float | None = None
    seconds_left: float | None = None


def rate_text(photos_per_second: float | None) -> str:
    """``35/s``, ``20/min`` where it is slow; nothing while it is not known."""
    if not photos_per_second:
        return ""
    return f"{photos_per_second:.0f}/s" if photos_per_second >= 2 else f"{60 * photos_per_second:.0f}/min"


def time_left_text(seconds: float | None) -> str:
    """``about 4 min left``; nothing while there is no honest figure."""
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute left"
    if minutes < 60:
        return f"about {minutes} min left"
    hours, rest = divmod(minutes, 60)
    if hours > 24:
        return f"about {round(hours / 24)} days left"
    return f"about {hours} h {rest} min left" if rest and hours < 10 else f"about {hours} h left"


@dataclass(frozen=True, slots=True)
class LibraryChanged:
    """Photos came or went, or a folder changed its state; whoever shows them should look again."""

    added: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class IndexerFailed:
    """Indexing stopped for a reason the user can mend; ``sentence`` says which. It is tried again by itself.

    to_download: the model that has to be downloaded for it, where that is the reason.
    """

    sentence: str
    to_download: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know while work goes on: a folder went away, events of it were lost."""

    sentence: str


Event = Progress | LibraryChanged | IndexerFailed | Notice


class CancelToken:
    """Asks work to stop, from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        if self._event.is_set():
            raise Cancelled()

    def wait(self, seconds: float) -> bool:
        """Sleep up to ``seconds``; True at once when cancelled."""
        return self._event.wait(seconds)


class PauseSwitch:
    """Holds work back between two steps, from any thread."""

    def __init__(self, *, paused: bool = False) -> None:
        self._running = threading.Event()
        if not paused:
            self._running.set()

    @property
    def paused(self) -> bool:
        return not self._running.is_set()

    def pause(self) -> None:
        self._running.clear()

    def resume(self) -> None:
        self._running.set()

    def wait_for_resume(self, seconds: float) -> bool:
        """Sleep up to ``seconds``; True as soon as work may go on."""
        return self._running.wait(seconds)
