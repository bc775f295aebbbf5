"""``photosearch models``: which models this library knows, and fetching one."""

from __future__ import annotations

import argparse
import sys

from photosearch.cli.output import counted, print_json, say
from photosearch.cli.progress_bar import DownloadBar
from photosearch.library import Library
from photosearch.model import Download, resolve
from photosearch.paths import AppPaths


def run(options: argparse.Namespace, paths: AppPaths) -> int:
    if options.action == "download":
        spec = resolve(options.name)
        say(f"Downloading {spec.name}, unless it is here already. Ctrl+C stops it.")
        try:
            with DownloadBar(spec.name, shown=sys.stderr.isatty()) as bar:
                info = Download(spec).run(bar.show)
        except KeyboardInterrupt:
            say("Stopped. Nothing of the model is kept.")
            return 130
        say(f"{info.name} is on this computer now. Use it with --model {info.name}.")
        return 0
    with Library.open(paths, model=options.model, read_only=True) as library:
        rows = library.models()
    if getattr(options, "json", False):
        keys = ("name", "identity", "dim", "photos", "in_use")
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
        return 0
    for name, identity, dim, photos, in_use in rows:
        print(f"{'*' if in_use else ' '} {name}  {identity}  {dim} dimensions, {counted(photos, 'photo')}")
    if not rows:
        say("No photo is indexed yet; the built-in model is used unless you name another with --model.")
    return 0
