"""``photosearch problems``: which files are not searchable, and why."""

from __future__ import annotations

import argparse
import datetime

from photosearch.account import by_reason, reason_of
from photosearch.cli.output import counted, path_fields, print_json, say
from photosearch.errors import display_path
from photosearch.library import Library
from photosearch.paths import AppPaths


def run(options: argparse.Namespace, paths: AppPaths) -> int:
    with Library.open(paths, model=options.model, read_only=not options.retry) as library:
        problems = library.problems()
        if options.retry:
            library.retry_problems()
    if options.json:
        print_json(
            [
                {
                    **path_fields(p.path),
                    "code": p.code,
                    "sentence": p.sentence,
                    "advice": reason_of(p.code).advice,
                    "seen_at": datetime.datetime.fromtimestamp(p.seen_at, datetime.UTC).isoformat(timespec="seconds"),
                }
                for p in problems
            ]
        )
    else:
        for code, files in by_reason(problems):
            print(f"{counted(len(files), 'file')} {reason_of(code).words}. {reason_of(code).advice}")
            for problem in files:
                print(f"  {display_path(problem.path)}: {problem.sentence}")
    if options.retry and not options.quiet:
        say(f"{counted(len(problems), 'file')} will be read again by the next `photosearch index`.")
    return 0
