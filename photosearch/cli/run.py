"""Reads the command line, runs its command, and turns what happened into an exit status and at most one sentence."""

from __future__ import annotations

import importlib
import io
import logging
import os
import sys
from collections.abc import Callable, Sequence

from photosearch import logs
from photosearch.cli.output import say
from photosearch.cli.parser import WINDOW, build_parser, with_command
from photosearch.errors import Cancelled, QueryError, WorldError, display_path
from photosearch.paths import app_paths
from photosearch.settings import Settings

log = logging.getLogger(__name__)

DONE, NOT_ALL, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130


def run(arguments: Sequence[str], *, open_window: Callable[..., int]) -> int:
    """Run one command; returns the exit status. ``open_window`` is ``ui.app.run``: only our caller may import it."""
    parser = build_parser()
    options = parser.parse_args(with_command(arguments, parser))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 still gets every path
    try:
        paths = app_paths(options.data_dir)
    except WorldError as error:
        say(str(error))
        return WRONG_CALL
    logs.set_up(paths.log, verbose=options.verbose)
    if options.command not in (WINDOW, "doctor") and (fault := Settings(paths.settings).fault):
        say(fault)
    try:
        if options.command == WINDOW:
            return open_window(paths, folders=options.folders, query=options.query, model=options.model)
        command = importlib.import_module(f"photosearch.cli.{options.command}")
        status = command.run(options, paths)
        if sys.stdout is not None:  # there is none under Windows' pythonw
            sys.stdout.flush()  # here, where a reader that has gone is no fault
        return status
    except (Cancelled, KeyboardInterrupt):
        say("Interrupted. What was done so far is kept.")
        return INTERRUPTED
    except QueryError as error:
        say(str(error))
        return WRONG_CALL
    except WorldError as error:
        say(str(error))
        return NOT_ALL
    except BrokenPipeError:
        # Whoever read our output has had enough (`| head`); keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception:  # process boundary
        log.exception("%s failed", options.command)
        say(f"A fault in PhotoSearch stopped this; the details are in {display_path(paths.log)}.")
        if options.verbose:
            raise
        return NOT_ALL
