"""``photosearch index``: bring the library up to date, once or for as long as one likes."""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
import threading

from photosearch.cli.output import counted, print_json, say
from photosearch.cli.progress_bar import ProgressBar
from photosearch.errors import FolderError, display_path
from photosearch.library import Library
from photosearch.paths import AppPaths
from photosearch.progress import CancelToken, Event, IndexerFailed, LibraryChanged, Notice, Phase, Progress
from photosearch.records import FolderState, IndexReport


def run(options: argparse.Namespace, paths: AppPaths) -> int:
    with Library.open(paths, model=options.model) as library:
        refused = 0
        for folder in options.folders:
            try:
                library.add_folder(folder)
            except FolderError as error:
                say(str(error))
                refused += 1
        if refused and refused == len(options.folders):
            return 1
        if not library.folders():
            say("There is no folder to index yet. Name one: photosearch index FOLDER")
            return 2
        cancel = CancelToken()
        loading = False

        def stop(*_: object) -> None:
            cancel.cancel()
            if loading:
                raise KeyboardInterrupt  # nobody looks at the token while a model loads

        previous = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            with ProgressBar(shown=sys.stderr.isatty() and not options.quiet) as bar:

                def show(event: Event) -> None:
                    nonlocal loading
                    loading = isinstance(event, Progress) and event.phase is Phase.LOADING
                    bar.show(event)

                report = library.index(on_event=show, cancel=cancel)
            _print_report(report, options)
            for folder in library.folders():
                if folder.state is not FolderState.HERE:
                    say(f"{display_path(folder.path)} is {folder.state} now; what is known of it is kept.")
                    refused += 1
            if options.watch:
                _watch(library, cancel, quiet=options.quiet)
                return 130
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        return 1 if refused else 0


def _print_report(report: IndexReport, options: argparse.Namespace) -> None:
    if options.json:
        print_json(dataclasses.asdict(report))
    elif not options.quiet:
        changes = ", ".join(
            f"{count:,} {what}"
            for what, count in (
                ("new", report.new), ("changed", report.changed), ("moved", report.moved), ("copied", report.copied),
                ("removed", report.removed),
            )
            if count
        )  # fmt: skip
        print(
            f"{counted(report.found, 'picture')} found: {changes or 'nothing new'}. {report.encoded:,} encoded", end=""
        )
        print(f" in {report.seconds:.1f} s ({report.photos_per_second:.0f}/s)." if report.encoded else ".")
    if report.problems:
        say(f"{counted(report.problems, 'file')} could not be used; `photosearch problems` says why.")


def _watch(library: Library, cancel: CancelToken, *, quiet: bool) -> None:
    """Until interrupted; says what comes and goes."""
    said = threading.Lock()

    def show(event: Event) -> None:
        with said:
            if isinstance(event, IndexerFailed | Notice):
                say(event.sentence)
            elif isinstance(event, LibraryChanged) and (event.added or event.removed) and not quiet:
                say(f"{counted(event.added, 'photo')} added, {counted(event.removed, 'file')} gone.")

    if not quiet:
        say("Watching. Ctrl+C ends it.")
    library.watch(show)
    # Windows looks for Ctrl+C only between two waits.
    while not cancel.wait(1.0 if sys.platform == "win32" else 3600.0):
        pass
