"""``photosearch folders``: what belongs to the library."""

from __future__ import annotations

import argparse

from photosearch.cli.output import counted, print_json, say
from photosearch.cli.status import folder_document
from photosearch.errors import FolderError, display_path
from photosearch.library import Library
from photosearch.paths import AppPaths


def run(options: argparse.Namespace, paths: AppPaths) -> int:
    if options.action in (None, "list"):
        with Library.open(paths, model=options.model, read_only=True) as library:
            folders = library.folders()
        if getattr(options, "json", False):
            print_json([folder_document(f) for f in folders])
            return 0
        for folder in folders:
            print(f"{display_path(folder.path)}  ({folder.state}, {counted(folder.photos, 'photo')})")
            for exclude in folder.excludes:
                print(f"  without {display_path(exclude)}")
        if not folders:
            say("There is no folder in the library yet. Add one: photosearch folders add FOLDER")
        return 0
    failed = False
    with Library.open(paths, model=options.model) as library:
        verbs = {
            "add": library.add_folder,
            "remove": library.remove_folder,
            "exclude": library.exclude,
            "include": library.include,
            "forget": library.forget_away,
        }
        for folder in options.folders:
            try:
                verbs[options.action](folder)
            except FolderError as error:
                say(str(error))
                failed = True
    return 1 if failed else 0
