"""``photosearch [FOLDER …]``: open the window."""

from __future__ import annotations

import argparse

from photosearch.paths import AppPaths


def run(options: argparse.Namespace, paths: AppPaths) -> int:
    from photosearch.ui.app import run as run_window  # Qt is loaded only for the window

    return run_window(paths, folders=options.folders, query=options.query, model=options.model)
