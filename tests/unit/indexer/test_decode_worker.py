from __future__ import annotations

import os

import pytest

from photosearch.errors import PhotoError, ProblemCode
from photosearch.indexer import decode_worker
from photosearch.indexer.decode_worker import read_photo, read_pixels, read_preview, read_thumbnail
from photosearch.model import ModelSpec
from tests.fakes import SIDE_PX, ColourEncoder
from tests.small_library import paint, run_without_root_powers

PREPROCESS = ColourEncoder(ModelSpec(name="colours", kind="folder")).info.preprocess


def test_one_reading_makes_everything(tmp_path):
    photo = read_photo(paint(tmp_path / "a.jpg", "red"), frozenset(), PREPROCESS, 250)
    assert (photo.settled, photo.facts.width, photo.facts.height) == (True, 32, 24)
    assert photo.pixels.shape == (SIDE_PX, SIDE_PX, 3)
    assert photo.thumbnail.startswith(b"\xff\xd8")
    assert (photo.size, photo.mtime_ns) == (
        (tmp_path / "a.jpg").stat().st_size,
        (tmp_path / "a.jpg").stat().st_mtime_ns,
    )


def test_the_digest_is_of_the_content_not_of_the_name(tmp_path):
    one, copy, other = (
        read_photo(paint(tmp_path / name, "red", mark=mark), frozenset(), PREPROCESS, 250).digest
        for name, mark in (("a.jpg", 0), ("b.jpg", 0), ("c.jpg", 1))
    )
    assert one == copy != other


def test_a_file_that_grows_while_it_is_read_is_not_settled_and_not_decoded(tmp_path, monkeypatch):
    path = paint(tmp_path / "a.jpg", "red")
    fstat = os.fstat
    looks = []

    def growing(handle: int) -> os.stat_result:
        looks.append(handle)
        if len(looks) == 2:
            with path.open("ab") as more:
                more.write(b"more")
        return fstat(handle)

    monkeypatch.setattr(os, "fstat", growing)
    photo = read_photo(path, frozenset(), PREPROCESS, 250)
    assert (photo.settled, photo.facts, photo.pixels) == (False, None, None)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir()])
def test_a_missing_file_and_a_folder_are_no_files(tmp_path, make):
    make(tmp_path / "a.jpg")
    with pytest.raises(PhotoError) as told:
        read_photo(tmp_path / "a.jpg", frozenset(), PREPROCESS, 250)
    assert told.value.code is ProblemCode.NOT_A_FILE


def test_a_file_of_gigabytes_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(decode_worker, "_MAX_FILE_BYTES", 100)
    with pytest.raises(PhotoError) as told:
        read_pixels(paint(tmp_path / "a.jpg", "red"), PREPROCESS, 250)
    assert told.value.code is ProblemCode.TOO_LARGE


def test_a_picture_that_was_pasted_and_its_file_are_the_same_query(tmp_path):
    path = paint(tmp_path / "a.jpg", "red")
    assert (read_pixels(path, PREPROCESS, 250) == read_pixels(path.read_bytes(), PREPROCESS, 250)).all()


def test_previews_and_thumbnails_are_jpegs(tmp_path):
    path = paint(tmp_path / "a.jpg", "red")
    assert read_preview(path, 16, 250).startswith(b"\xff\xd8")
    assert read_thumbnail(path, 250).startswith(b"\xff\xd8")


_READ = """
import sys
from pathlib import Path
from photosearch.errors import PhotoError
from photosearch.indexer.decode_worker import read_thumbnail
try:
    read_thumbnail(Path(sys.argv[1]), 250)
except PhotoError as error:
    print(error.code, error.code.transient)
"""


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_file_without_permission_is_told_as_such(tmp_path):
    path = paint(tmp_path / "a.jpg", "red")
    path.chmod(0)
    done = run_without_root_powers(_READ, str(path))
    assert done.stdout.strip() == "no-permission True", done.stderr
