"""``photosearch status``: the account of the library."""

from __future__ import annotations

import argparse

from photosearch.account import account_text
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
    print(account_text(status.account))
    print(f"{counted(status.photos, 'photo')} in {counted(status.files, 'file')}.")
    if status.problems:
        print("`photosearch problems` lists the files that cannot be used, and what would mend it.")
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
        "searchable_files": status.account.searchable,
        "waiting_files": status.account.waiting,
        "copies": status.account.copies,
        "problems_by_code": status.account.problems,
        "model": status.model,
        "index": {"count": status.index_count, "bytes": status.index_bytes},
        "data_dir": path_fields(status.data_dir)["path"],
    }
