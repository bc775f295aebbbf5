"""Thousands of random file operations in a watched tree: when it falls still, the catalog says what is on the disk."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from photosearch.library import Library
from photosearch.progress import IndexerFailed
from photosearch.records import FileState
from tests.small_library import Heard, decode_inline, open_library
from tests.storm import Storm, bound_by_permissions, on_disk

STILL_WITHIN_S = 10.0
pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX systems")


@pytest.fixture
def permissions_bind() -> Iterator[None]:
    with bound_by_permissions():
        yield


@pytest.fixture
def watched(app_paths_in_tmp, tmp_path, monkeypatch, permissions_bind) -> Iterator[tuple[Library, Heard]]:
    decode_inline(monkeypatch)
    monkeypatch.setattr("photosearch.indexer.watch.QUIET_SECONDS", 0.05)
    monkeypatch.setattr("photosearch.indexer.watch.LONGEST_WAIT_SECONDS", 0.3)  # so that many looks meet the storm
    library, heard = open_library(app_paths_in_tmp), Heard()
    (tmp_path / "photos").mkdir()
    library.add_folder(tmp_path / "photos")
    try:
        library.watch(heard)
        yield library, heard
    finally:
        library.close()


def test_after_hundreds_of_file_operations_the_catalog_says_what_is_on_the_disk(watched, tmp_path):
    _weather(*watched, tmp_path, operations=400, seed=11)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 4])
def test_after_ten_thousand_file_operations_the_catalog_says_what_is_on_the_disk(watched, tmp_path, seed):
    _weather(*watched, tmp_path, operations=10_000, seed=seed)


def _weather(library: Library, heard: Heard, tmp_path: Path, *, operations: int, seed: int) -> None:
    storm = Storm(tmp_path / "photos", tmp_path / "outside", seed=seed)
    pace = threading.Event()
    for number in range(operations):
        storm.step()
        if number % 20 == 0:
            pace.wait(0.02)  # the pace of the storm: without it, it would be over before the second look
    storm.settle()
    disk = on_disk(storm.root)
    still = time.monotonic()
    while (difference := _difference(library, disk)) and time.monotonic() - still < STILL_WITHIN_S:
        pace.wait(0.05)
    print(f"{operations} operations: {storm.done}; {len(disk)} files; right after {time.monotonic() - still:.1f} s")
    assert not difference, difference
    # What went missing in great numbers at once is kept until the user says so; then it is gone.
    library.forget_away(storm.root)
    assert _difference(library, disk, away=False) == {}
    with library._catalog.database.reading() as db:
        searchable = {r[0] for r in db.execute("SELECT DISTINCT photo_id FROM file WHERE state = 'known'")}
    index = library._model.index()
    assert index is not None and set(index.ids().tolist()) == searchable
    assert not [e for e in heard.events if isinstance(e, IndexerFailed)]


def _difference(library: Library, disk: dict[bytes, bytes], *, away: bool = True) -> dict[bytes, str]:
    """Where catalog and disk disagree. away: rows of missing files may be there, if they say so."""
    with library._catalog.database.reading() as db:
        rows = {
            row[0]: row[1:]
            for row in db.execute(
                "SELECT rel, state, hash, code FROM file LEFT JOIN photo ON photo.id = photo_id"
                " LEFT JOIN problem ON file_id = file.id"
            )
        }
    wrong = dict.fromkeys(disk.keys() - rows.keys(), "not in the catalog")
    for rel, (state, digest, code) in rows.items():
        if rel not in disk:
            if not (away and state == FileState.AWAY):
                wrong[rel] = f"{state}, and not on the disk"
        elif state == FileState.PROBLEM:
            if code == "no-permission":
                wrong[rel] = "thought to be locked"
        elif state != FileState.KNOWN:
            wrong[rel] = f"is {state}"
        elif digest != disk[rel]:
            wrong[rel] = "another content"
    return wrong
