"""``photosearch search``: photos by words, pictures or both."""

from __future__ import annotations

import argparse

from photosearch.cli.output import path_fields, print_json, say, write_raw_paths
from photosearch.errors import display_path
from photosearch.library import Library
from photosearch.paths import AppPaths
from photosearch.records import Query, SearchResult

_WIDTH_OF_BAR = 5


def run(options: argparse.Namespace, paths: AppPaths) -> int:
    return answer(Query(" ".join(options.words), tuple(options.image)), options, paths)


def answer(query: Query, options: argparse.Namespace, paths: AppPaths) -> int:
    """Search and print in the form that was asked for. Unreadable query pictures name themselves."""
    with Library.open(paths, model=options.model, read_only=True) as library:
        result = library.search(query, count=options.count)
        status = None if result.hits else library.status()
    if options.json:
        print_json(_document(result))
    elif options.null:
        write_raw_paths([hit.path for hit in result.hits])
    else:
        for hit in result.hits:
            if options.paths:
                print(display_path(hit.path))
            else:
                bar = "■" * round(hit.strength * _WIDTH_OF_BAR)
                print(f"{bar:·<{_WIDTH_OF_BAR}}  {(hit.taken or '')[:10]:10}  {display_path(hit.path)}")
    if status and not status.photos:
        say("Nothing is indexed yet. Begin with: photosearch index FOLDER")
    elif status and not result.searched:
        say(f"No photo is indexed with the model {status.model} yet. Begin with: photosearch index --model NAME")
    elif status and not options.quiet:
        say("Nothing was found.")
    return 0


def _document(result: SearchResult) -> dict:
    return {
        "query": result.query.words,
        "pictures": [path_fields(p)["path"] for p in result.query.pictures if not isinstance(p, int | bytes)],
        "model": result.model,
        "seconds": result.seconds,
        "hits": [
            {
                "photo_id": hit.photo_id,
                **path_fields(hit.path),
                "strength": hit.strength,
                "similarity": hit.similarity,
                "width": hit.width,
                "height": hit.height,
                "taken": hit.taken,
                "away": hit.away,
                "reasons": list(hit.reasons),
            }
            for hit in result.hits
        ],
    }
