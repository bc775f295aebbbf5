"""Reads the command line, runs its command, and turns what happened into an exit status and at most one sentence."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence

from photosearch import logs
from photosearch.cli.output import say
from photosearch.cli.parser import WINDOW, build_parser, with_command
from photosearch.errors import Cancelled, QueryError, WorldError
from photosearch.paths import app_paths

log = logging.getLogger(__name__)

DONE, NOT_ALL, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130


def run(arguments: Sequence[str], *, open_window: Callable[..., int]) -> int:
    """Run one command; returns the exit status. ``open_window`` is ``ui.app.run``: only our caller may import it."""
    parser = build_parser()
    options = parser.parse_args(with_command(arguments, parser))
    paths = app_paths(options.data_dir)
    logs.set_up(paths.log, verbose=options.verbose)
    try:
        if options.command == WINDOW:
            return open_window(paths, folders=options.folders, query=options.query, model=options.model)
        command = importlib.import_module(f"photosearch.cli.{options.command}")
        return command.run(options, paths)
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
        say(f"A fault in PhotoSearch stopped this; the details are in {paths.log}.")
        if options.verbose:
            raise
        return NOT_ALL
