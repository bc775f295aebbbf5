from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from photosearch import errors
from photosearch.errors import (
    FolderError,
    LibraryError,
    PhotoError,
    PhotoSearchError,
    ProblemCode,
    WorldError,
    display_path,
)

PATH = Path("/photos/holiday")
SAMPLES = [
    errors.FolderMissing(PATH), errors.NotAFolder(PATH), errors.FolderUnreadable(PATH, "Permission denied"),
    errors.FolderOverlap(PATH, PATH / "x"), errors.FolderUnknown(PATH), errors.LibraryBusy(PATH, "process 7"),
    errors.LibraryTooNew(PATH, found=9, known=1), errors.CatalogDamaged(PATH, "malformed"),
    errors.DataFolderUnusable(PATH, "Permission denied"), errors.DiskFull(PATH),
    errors.SettingsUnwritable(PATH, "Permission denied"),
]  # fmt: skip


def _classes(root: type) -> set[type]:
    return {root} | {c for sub in root.__subclasses__() for c in _classes(sub)}


def test_every_error_is_drawn_in_the_tree():
    for error in _classes(PhotoSearchError):
        assert error.__module__ != "photosearch.errors" or error.__name__ in errors.__doc__, error


def test_every_public_error_is_in_one_tree():
    public = {v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, BaseException)}
    assert public == {c for c in _classes(PhotoSearchError) if c.__module__ == "photosearch.errors"}


@pytest.mark.parametrize("error", SAMPLES, ids=lambda e: type(e).__name__)
def test_an_error_of_the_world_names_its_path_and_is_a_sentence(error):
    assert isinstance(error, WorldError)
    assert isinstance(error, FolderError | LibraryError)
    assert error.path == PATH
    assert str(PATH) in str(error)
    assert str(error)[0].isupper() or str(error).startswith("/")
    assert str(error).endswith(".")


def test_every_folder_and_library_error_is_among_the_samples():
    leaves = {c for base in (FolderError, LibraryError) for c in _classes(base) if not c.__subclasses__()}
    assert {type(s) for s in SAMPLES} == {c for c in leaves if c.__module__ == "photosearch.errors"}


@pytest.mark.parametrize(
    "error",
    [PhotoError(ProblemCode.DAMAGED, "It is cut off."), errors.ModelUnavailable("x", "it is missing.")],
    ids=lambda e: type(e).__name__,
)
def test_errors_that_cross_processes_arrive_whole(error):
    arrived = pickle.loads(pickle.dumps(error))
    assert (type(arrived), str(arrived), vars(arrived)) == (type(error), str(error), vars(error))


def test_only_what_may_be_over_tomorrow_is_transient():
    assert {c for c in ProblemCode if c.transient} == {ProblemCode.NO_PERMISSION, ProblemCode.READ_FAILED}


def test_the_values_of_problem_codes_are_those_of_catalogs_out_there():
    assert {c.value for c in ProblemCode} == {
        "empty", "damaged", "not-a-picture", "no-codec", "too-large", "too-slow", "out-of-memory", "decoder-crashed",
        "no-permission", "read-failed", "not-a-file", "encoder-failed",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"plain \xc3\xa9\xe2\x98\x83.jpg", "plain é☃.jpg"),
        (b"caf\xe9.jpg", r"caf\xe9.jpg"),
        (b"two\nlines\t.jpg", r"two\nlines\t.jpg"),
        (b"\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("right-to-left \u202egpj.exe".encode(), r"right-to-left \u202egpj.exe"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_a_path_is_shown_as_one_harmless_line(name, shown):
    assert display_path(name) == display_path(Path(os.fsdecode(name))) == shown
    shown.encode("utf-8")
