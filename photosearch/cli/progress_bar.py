"""The progress bars on stderr."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from photosearch.model import Fetched
from photosearch.progress import Event, Phase, Progress, rate_text, time_left_text


def rest_text(progress: Progress) -> str:
    """What follows the bar: rate, time left, and how many files could not be used."""
    failed = f"{progress.problems:,} not usable" if progress.problems else ""
    parts = (rate_text(progress.photos_per_second), time_left_text(progress.seconds_left), failed)
    return ", ".join(part for part in parts if part)


class _Bar:
    """Shows one task while it is open; shows nothing where ``shown`` is False.

    columns: what follows the bar, made of the module ``rich.progress``, which is loaded only then.
    """

    def __init__(self, description: str, columns: Callable[[Any], Sequence[Any]], *, shown: bool) -> None:
        self._bar = None
        if shown:
            from rich import progress
            from rich.console import Console

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                *columns(progress),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(description, total=None, rest="")

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()


class ProgressBar(_Bar):
    """Shows progress events."""

    def __init__(self, *, shown: bool) -> None:
        super().__init__(
            "Looking", lambda rich: (rich.MofNCompleteColumn(), rich.TextColumn("{task.fields[rest]}")), shown=shown
        )

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


class DownloadBar(_Bar):
    """Shows how far a download is."""

    def __init__(self, name: str, *, shown: bool) -> None:
        super().__init__(name, lambda rich: (rich.DownloadColumn(), rich.TimeRemainingColumn()), shown=shown)

    def show(self, said: str | Fetched) -> None:
        if self._bar is not None and isinstance(said, Fetched):
            self._bar.update(self._task, completed=said.done, total=said.total or None)
