"""``photosearch similar``: photos that look like a picture."""

from __future__ import annotations

import argparse

from photosearch.cli.search import answer
from photosearch.paths import AppPaths
from photosearch.records import Query


def run(options: argparse.Namespace, paths: AppPaths) -> int:
    return answer(Query(pictures=(options.image,)), options, paths)
