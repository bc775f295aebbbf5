"""The progress bars on stderr."""

from __future__ import annotations

from photosearch.model import Fetched
from photosearch.progress import Event, Phase, Progress, rate_text, time_left_text


def rest_text(progress: Progress) -> str:
    """What follows the bar: rate, time left, and how many files could not be used."""
    failed = f"{progress.problems:,} not usable" if progress.problems else ""
    parts = (rate_text(progress.photos_per_second), time_left_text(progress.seconds_left), failed)
    return ", ".join(part for part in parts if part)


class ProgressBar:
    """Shows progress events while it is open; shows nothing where ``shown`` is False."""

    def __init__(self, *, shown: bool) -> None:
        self._bar = None
        if shown:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rest]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("Looking", total=None, rest="")

    def __enter__(self) -> ProgressBar:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, event: Event) -> None:
        if self._bar is None or not isinstance(event, Progress):
            return
        words = {Phase.SCANNING: "Looking", Phase.LOADING: "Loading the model", Phase.ENCODING: "Indexing"}
        self._bar.update(
            self._task,
            description=words.get(event.phase, str(event.phase)),
            completed=event.done,
            total=event.total or None,
            rest=rest_text(event),
        )


class DownloadBar:
    """Shows how far a download is while it is open; shows nothing where ``shown`` is False."""

    def __init__(self, name: str, *, shown: bool) -> None:
        self._bar = None
        if shown:
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(name, total=None)

    def __enter__(self) -> DownloadBar:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, said: str | Fetched) -> None:
        if self._bar is not None and isinstance(said, Fetched):
            self._bar.update(self._task, completed=said.done, total=said.total or None)
