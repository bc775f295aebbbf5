"""A data folder that fills up or may not be written any more while the library watches, and two starts at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from photosearch.indexer import background
from photosearch.library import Library, doctor
from photosearch.paths import app_paths
from photosearch.progress import IndexerFailed
from photosearch.records import Query
from tests.integration.command import LIMIT_SECONDS, Command
from tests.integration.conftest import picture
from tests.small_library import Heard, decode_inline, full_disk, open_library, paint, unmount


@pytest.fixture
def tiny_disk(tmp_path) -> Iterator[Path]:
    place = tmp_path / "disk"
    if not full_disk(place, size="3m"):
        pytest.skip("mounting needs root")
    yield place
    unmount(place)


@pytest.fixture
def on_tiny_disk(tiny_disk, tmp_path, monkeypatch) -> Iterator[tuple[Library, Path, Heard]]:
    """A library of one photo whose data are on a disk of 3 MB, watching."""
    decode_inline(monkeypatch)
    monkeypatch.setattr("photosearch.indexer.watch.QUIET_SECONDS", 0.1)
    monkeypatch.setattr("photosearch.indexer.pipeline.SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(
        "photosearch.library.library.BackgroundIndexer", partial(background.BackgroundIndexer, retry_seconds=0.3)
    )
    root, heard = tmp_path / "photos", Heard()
    paint(root / "before.jpg", "red")
    library = open_library(app_paths(tiny_disk / "library"))
    try:
        library.add_folder(root)
        library.watch(heard)
        heard.wait(lambda: names(library) == {"before.jpg"}, "the first photo is found")
        yield library, root, heard
    finally:
        library.close()


def names(library: Library) -> set[str]:
    return {h.path.name for h in library.search(Query("red")).hits}


def sentences(heard: Heard) -> set[str]:
    return {e.sentence for e in heard.events if isinstance(e, IndexerFailed)}


def test_a_disk_that_fills_up_in_the_middle_is_told_and_work_goes_on_when_there_is_room(on_tiny_disk, tiny_disk):
    library, root, heard = on_tiny_disk
    filler = tiny_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    for n in range(100):
        paint(root / f"later-{n}.jpg", "red", mark=n + 1)
    heard.wait(lambda: bool(sentences(heard)), "it is told")
    assert all("is full" in s for s in sentences(heard))
    assert "before.jpg" in names(library)
    assert library.photo(library.timeline()[-1].photo_id).facts.format == "JPEG"
    filler.unlink()
    heard.wait(lambda: len(names(library)) == 101, "all photos are found when there is room again")
    assert not [f for f in doctor.examine(library.paths) if f.subject == "catalog" and f.health is doctor.Health.FAULT]


def test_a_data_folder_that_may_not_be_written_any_more_is_told_and_work_goes_on_when_it_may(on_tiny_disk):
    """No file system is made read-only under a program that writes: SQLite is told that it is, and says so then."""
    library, root, heard = on_tiny_disk
    database = library._catalog.database
    assert database._writer is not None
    with database._write_lock:
        database._writer.execute("PRAGMA query_only = ON")
    paint(root / "later.jpg", "red", mark=1)
    heard.wait(lambda: bool(sentences(heard)), "it is told")
    assert all("Make it writable" in s for s in sentences(heard))
    assert names(library) == {"before.jpg"}
    with database._write_lock:
        database._writer.execute("PRAGMA query_only = OFF")
    heard.wait(lambda: names(library) == {"before.jpg", "later.jpg"}, "it goes on")


@pytest.mark.parametrize("rounds", [2, pytest.param(10, marks=pytest.mark.long)])
def test_of_two_that_start_at_once_one_works_and_the_other_says_who_does(tmp_path, rounds, new_data_dir):
    folder, command = tmp_path / "photos", Command(new_data_dir)
    folder.mkdir()
    refused = 0
    for number in range(rounds):
        picture(folder / f"{number}.jpg", number)
        both = [command.start("index", folder, "--quiet") for _ in range(2)]
        ended = [(p.communicate(timeout=LIMIT_SECONDS)[1].decode(), p.returncode) for p in both]
        assert any(status == 0 for _, status in ended), ended
        for text, status in ended:
            assert "Traceback" not in text
            if status:
                refused += 1
                assert "is working on the library" in text and text.count("\n") == 1
        assert command("status", "--json").json["searchable"] == number + 1
    assert refused, "they never met"
    findings = command("doctor", "--json").json
    assert not [f for f in findings if f["subject"] in ("catalog", "library") and f["health"] == "fault"]
