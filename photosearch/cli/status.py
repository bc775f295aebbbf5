"""``photosearch status``: the account of the library."""

from __future__ import annotations

import argparse

from photosearch.cli.output import counted, path_fields, print_json
from photosearch.errors import display_path
from photosearch.library import Library
from photosearch.paths import AppPaths
from photosearch.records import Folder, Status


def run(options: argparse.Namespace, paths: AppPaths) -> int:
    with Library.open(paths, model=options.model, read_only=True) as library:
        status = library.status()
    if options.json:
        print_json(_document(status))
        return 0
    print(f"{status.searchable:,} of {counted(status.photos, 'photo')} searchable, in {counted(status.files, 'file')}.")
    for count, what in (
        (status.pending, "Waiting to be indexed"),
        (status.problems, "Not usable (see `photosearch problems`)"),
        (status.away, "Away, for their drive is not connected"),
    ):
        if count:
            print(f"{what}: {counted(count, 'file')}.")
    for folder in status.folders:
        print(f"  {display_path(folder.path)}  ({folder.state}, {counted(folder.photos, 'photo')})")
    print(f"Model {status.model}; data in {display_path(status.data_dir)}.")
    return 0


def folder_document(folder: Folder) -> dict:
    return {
        **path_fields(folder.path),
        "state": str(folder.state),
        "photos": folder.photos,
        "away": folder.away,
        "watching": str(folder.watching),
        "excludes": [display_path(e) for e in folder.excludes],
    }


def _document(status: Status) -> dict:
    return {
        "folders": [folder_document(f) for f in status.folders],
        "files": status.files,
        "photos": status.photos,
        "searchable": status.searchable,
        "pending": status.pending,
        "problems": status.problems,
        "away": status.away,
        "model": status.model,
        "index": {"count": status.index_count, "bytes": status.index_bytes},
        "data_dir": path_fields(status.data_dir)["path"],
    }
