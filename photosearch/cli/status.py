"""``photosearch status``: the account of the library."""

from __future__ import annotations

import argparse

from photosearch.cli.output import path_fields, print_json
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
    print(f"{status.searchable:,} of {status.photos:,} photos searchable, in {status.files:,} files.")
    for count, what in (
        (status.pending, "files wait to be indexed"),
        (status.problems, "files cannot be used (see `photosearch problems`)"),
        (status.away, "files are away: their drive is not connected"),
    ):
        if count:
            print(f"{count:,} {what}.")
    for folder in status.folders:
        print(f"  {display_path(folder.path)}  ({folder.state}, {folder.photos:,} photos)")
    print(f"Model {status.model}; data in {display_path(status.data_dir)}.")
    return 0


def folder_document(folder: Folder) -> dict:
    return {
        **path_fields(folder.path),
        "state": str(folder.state),
        "photos": folder.photos,
        "excludes": list(folder.excludes),
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
