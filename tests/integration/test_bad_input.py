"""What the real command says to bad input: one clear sentence, the exit status of the contract, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from photosearch.paths import resource
from photosearch.vectors import VectorIndex
from tests.integration.command import Command
from tests.integration.conftest import picture

WORKING = (["index"], ["status"], ["search", "red"], ["problems"], ["folders"], ["models"])
"""Commands that open the catalog."""


def kept(command: Command) -> int:
    """Photos that can be searched for."""
    return command("status", "--json").json["searchable"]


def fingerprint(folder: Path) -> dict[Path, bytes]:
    """Every file that holds the truth, by content."""
    files = [folder / "catalog.sqlite3", *folder.glob("config/*"), *folder.glob("backups/*")]
    return {file: file.read_bytes() for file in files}


# Folders and pictures


def test_a_folder_that_cannot_be_indexed_is_named_with_the_reason(tmp_path):
    command = Command(tmp_path / "data")
    (tmp_path / "file.txt").write_text("no folder")
    (tmp_path / "locked").mkdir(mode=0o000)
    for folder, reason in (
        ("nowhere", "There is no folder"),
        ("file.txt", "is a file"),
        ("locked", "Permission denied"),
    ):
        for words in (["index"], ["folders", "add"]):
            sentence = command(*words, tmp_path / folder, obey=True).sentence(status=1)
            assert reason in sentence and str(tmp_path / folder) in sentence
    assert command("status", "--json").json["folders"] == []


def test_one_bad_folder_does_not_keep_the_others_from_being_indexed(tmp_path, new_data_dir):
    (tmp_path / "good").mkdir()
    picture(tmp_path / "good" / "a.jpg", 1)
    done = Command(new_data_dir)("index", tmp_path / "nowhere", tmp_path / "good", "--json")
    assert (done.status, done.json["encoded"], done.err.count(b"\n")) == (1, 1, 1)


def test_pictures_that_cannot_be_read_are_listed_with_a_reason_and_the_rest_goes_on(tmp_path, data, new_data_dir):
    folder = tmp_path / "pictures"
    folder.mkdir()
    picture(folder / "good.jpg", 1)
    whole = (folder / "good.jpg").read_bytes()
    (folder / "empty.jpg").touch()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("This is no picture.")
    (folder / "gigantic.png").write_bytes(_png_header(60_000, 60_000))
    picture(folder / "locked.jpg", 2)
    (folder / "locked.jpg").chmod(0)
    shutil.copyfile(data / "png_named.jpg", folder / "mislabelled.jpg")
    command = Command(new_data_dir)
    done = command("index", folder, "--json", obey=True)
    assert (done.status, done.json["encoded"], done.json["problems"]) == (0, 2, 5)
    assert done.err.decode() == "photosearch: 5 files could not be used; `photosearch problems` says why.\n"
    problems = {Path(p["path"]).name: p["code"] for p in command("problems", "--json").json}
    assert problems == {
        "empty.jpg": "empty", "cut.jpg": "damaged", "text.jpg": "not-a-picture", "gigantic.png": "too-large",
        "locked.jpg": "no-permission",
    }  # fmt: skip
    (folder / "locked.jpg").chmod(0o644)
    assert command("index", "--json", obey=True).json["encoded"] == 1


def _png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and ends."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


# Queries


@pytest.mark.parametrize("words", [[], [""], ["  ", "\n"], ["x" * 10_000], ["word "] * 2_000])
def test_a_query_of_nothing_or_of_a_whole_page_is_a_wrong_call(made_once, words):
    sentence = made_once("search", *words).sentence(status=2)
    assert "nothing to search for" in sentence or "Shorten it" in sentence


def test_a_query_that_is_not_text_is_answered(made_once):
    done = made_once("search", b"caf\xe9 \xff", "-n", "1", "--json")
    assert (done.status, len(done.json["hits"])) == (0, 1)


@pytest.mark.parametrize(
    ("words", "name", "reason"),
    [
        ("similar", "nowhere.jpg", "no such file"),
        ("similar", "folder", "is a folder"),
        ("similar", "pipe", "is a device"),
        ("search red --image", "no.jpg", "not a picture"),
    ],
)
def test_a_picture_that_cannot_be_searched_with_is_named_with_the_reason(made_once, tmp_path, words, name, reason):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "no.jpg").write_text("no picture")
    sentence = made_once(*words.split(), tmp_path / name).sentence(status=1)
    assert str(tmp_path / name) in sentence and reason in sentence


def test_searching_before_anything_is_indexed_says_how_to_begin(tmp_path):
    command = Command(tmp_path / "data")
    assert "photosearch index FOLDER" in command("search", "red").sentence(status=0)
    assert "Name one" in command("index").sentence(status=2)


# Models


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("bultin", "Did you mean builtin?"),
        ("ViT-B-23", "Did you mean ViT-B-32"),
        ("ViT-B-32", "which weights"),
        ("./nowhere", "there is no folder"),
        ("ViT-B-32/laion2b_s34b_b79k", "not on this computer"),
        ("ViT-B-32/nonsense", "nonsense"),
    ],
)
def test_a_model_that_cannot_be_used_is_named_with_what_to_do(tmp_path, name, says):
    picture(tmp_path / "a.jpg", 1)
    sentence = Command(tmp_path / "data")("--model", name, "index", tmp_path).sentence(status=1)
    assert says in sentence, sentence


@pytest.mark.parametrize("missing", ["open_clip_config.json", "open_clip_model.safetensors", "both", "torn"])
def test_a_model_folder_without_its_files_is_named_with_what_is_missing(tmp_path, missing, new_data_dir):
    model = tmp_path / "model"
    shutil.copytree(resource("models", "photosearch-mini"), model)
    if missing == "torn":
        os.truncate(model / "open_clip_model.safetensors", 1_000_000)
    else:
        for file in model.iterdir():
            if missing in (file.name, "both"):
                file.unlink()
    picture(tmp_path / "a.jpg", 1)
    command = Command(new_data_dir)
    sentence = command("--model", model, "index", tmp_path).sentence(status=1)
    assert str(model) in sentence
    assert command("index", tmp_path, "--json").json["encoded"] == 1  # the library itself is well


# The data folder


def test_a_data_folder_that_is_read_only_can_be_searched_and_says_why_it_cannot_be_written(library, pictures):
    photos = kept(library)
    before = fingerprint(library.data_dir)
    set_writable(library.data_dir, False)
    try:
        for words in (["index"], ["index", pictures], ["folders", "add", pictures], ["problems", "--retry"]):
            sentence = library(*words, obey=True).sentence(status=1)
            assert str(library.data_dir) in sentence and "--data-dir" in sentence
        found = library("search", "red", "-n", "100", "--json", obey=True)
        assert (found.status, len(found.json["hits"])) == (0, photos)
        assert library("status", "--json", obey=True).json["searchable"] == photos
        doctor = library("doctor", obey=True)
        assert (doctor.status, doctor.err) == (1, b"")
        assert "not writable" in doctor.out.decode()
    finally:
        set_writable(library.data_dir, True)
    assert fingerprint(library.data_dir) == before
    assert library("index", "--json").json["encoded"] == 0


def set_writable(folder: Path, writable: bool) -> None:
    for place, _, files in os.walk(folder):
        Path(place).chmod(0o755 if writable else 0o555)
        for file in files:
            Path(place, file).chmod(0o644 if writable else 0o444)


@pytest.mark.parametrize("place", ["file", "locked/data"])
def test_a_data_folder_that_cannot_be_made_is_named(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "locked").mkdir(mode=0o555)
    command = Command(tmp_path / place)
    for words in (["index", tmp_path], ["status"]):
        assert str(command.data_dir) in command(*words, obey=True).sentence(status=1)


@pytest.mark.parametrize("name", [b"not-utf8-\xff", "~nobody-of-that-name/data"])
def test_a_data_folder_of_an_impossible_name_is_a_wrong_call(tmp_path, name):
    assert "PhotoSearch cannot keep its data in" in Command(name)("index", tmp_path).sentence(status=2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Gives an empty file system of so many bytes; calling it again makes it larger."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = False

    def mount(size: int) -> Path:
        nonlocal mounted
        options = f"size={size}" if not mounted else f"remount,size={size}"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a small disk can be mounted by root only: {done.stderr.strip()}")
        mounted = True
        return place

    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    yield mount
    if mounted:
        subprocess.run(["umount", place], check=True)


def test_a_full_disk_stops_indexing_in_one_sentence_keeps_what_was_done_and_goes_on_later(tmp_path, small_disk):
    photos = 150  # far more than the disk holds
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(photos):
        picture(folder / f"{seed}.jpg", seed, width=800, height=600)
    command = Command(small_disk(700_000) / "data")
    sentence = command("index", folder).sentence(status=1)
    assert "is full" in sentence
    small_disk(50_000_000)
    before = kept(command)
    assert before < photos
    done = command("index", "--json")
    assert (done.status, done.json["encoded"]) == (0, photos - before)
    assert kept(command) == photos


def test_a_library_of_a_newer_version_is_refused_and_not_touched(library):
    with sqlite3.connect(library.data_dir / "catalog.sqlite3") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = fingerprint(library.data_dir)
    for words in WORKING:
        assert "newer PhotoSearch" in library(*words).sentence(status=1)
    doctor = library("doctor", "--json")
    assert doctor.status == 1
    assert [f["detail"] for f in doctor.json if f["health"] == "fault"] == [library("status").sentence(status=1)]
    assert fingerprint(library.data_dir) == before


def damage(file: Path, how: str) -> None:
    content = file.read_bytes()
    if how == "garbage":
        file.write_bytes(os.urandom(len(content)))
    elif how == "cut short":
        os.truncate(file, len(content) // 3)
    elif how == "empty":
        os.truncate(file, 0)
    elif how == "torn pages":
        file.write_bytes(content[:4096] + os.urandom(len(content) - 4096))
    elif how == "another database":
        file.unlink()
        with sqlite3.connect(file) as db:
            db.execute("CREATE TABLE music (name TEXT)")
        db.close()


@pytest.mark.parametrize("how", ["garbage", "cut short", "empty", "torn pages", "another database"])
def test_a_damaged_catalog_is_refused_untouched_and_mended_by_the_doctor(library, how):
    photos = kept(library)
    catalog = library.data_dir / "catalog.sqlite3"
    for suffix in ("-wal", "-shm"):
        catalog.with_name(catalog.name + suffix).unlink(missing_ok=True)
    damage(catalog, how)
    before = fingerprint(library.data_dir)
    for words in WORKING if how == "garbage" else (["index"], ["status"]):
        sentence = library(*words).sentence(status=1)
        assert "is damaged" in sentence and "doctor --repair" in sentence
    assert fingerprint(library.data_dir) == before
    if how == "garbage":
        doctor = library("doctor", "--json")
        assert doctor.status == 1
        assert "catalog" in {f["subject"] for f in doctor.json if f["health"] == "fault"}
    mended = library("doctor", "--repair")
    assert mended.status == 0
    assert "was replaced by its copy" in mended.err.decode()
    assert kept(library) == photos
    assert library("index", "--json").json["encoded"] == 0
    (aside,) = library.data_dir.glob("catalog-damaged-*.sqlite3")
    assert aside.read_bytes() == before[catalog]


@pytest.mark.parametrize(
    "how", ["garbage", "cut short", "empty", "gone", "manifest gone", "folder gone", "manifest lies"]
)
def test_a_damaged_or_missing_index_file_is_made_again_and_nobody_is_asked(library, how):
    photos = kept(library)
    (graph,) = library.data_dir.glob("indexes/*.usearch")
    if how == "folder gone":
        shutil.rmtree(graph.parent)
    elif how == "gone":
        graph.unlink()
    elif how == "manifest gone":
        graph.with_suffix(".json").unlink()
    elif how == "manifest lies":
        manifest = graph.with_suffix(".json")
        manifest.write_text(manifest.read_text().replace('"count": ', '"count": 9'))
    else:
        damage(graph, how)
    looked_at = library("status", "--json")
    assert (looked_at.status, looked_at.err, looked_at.json["index"]["count"]) == (0, b"", photos)
    if how == "garbage":
        assert len(library("search", "red", "-n", "100", "--json").json["hits"]) == photos
    again = library("index", "--json")
    assert (again.status, again.err, again.json["encoded"]) == (0, b"", 0)
    assert len(VectorIndex.load(graph, model=graph.stem, dim=256)) == photos  # mended on disk too


@pytest.mark.parametrize("how", ["garbage", "gone"])
def test_a_damaged_thumbnail_store_is_begun_anew(library, how):
    photos = kept(library)
    store = library.data_dir / "cache" / "thumbnails.sqlite3"
    for suffix in ("-wal", "-shm"):
        store.with_name(store.name + suffix).unlink(missing_ok=True)
    store.unlink() if how == "gone" else damage(store, how)
    assert library("status", "--json").json["photos"] == photos
    assert (library("index").status, kept(library)) == (0, photos)


@pytest.mark.parametrize("content", ["model = [[[\n", "\x00\x01", 'model = "a"\nmodel = "b"\n'])
def test_broken_settings_are_named_kept_and_not_used(library, content):
    settings = library.data_dir / "config" / "settings.toml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(content)
    done = library("status", "--json")
    assert (done.status, done.json["model"]) == (0, "builtin")
    assert done.err.decode().count("\n") == 1 and str(settings) in done.err.decode()
    assert settings.read_text() == content
    doctor = library("doctor", "--json")
    assert doctor.status == 0
    assert [f["health"] for f in doctor.json if f["subject"] == "settings"] == ["warning"]


# No display


def test_without_a_display_the_window_says_how_to_go_on(tmp_path):
    hidden = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""}
    for words in ([], [tmp_path]):
        sentence = Command(tmp_path / "data")(*words, environment=hidden).sentence(status=1)
        assert "photosearch index" in sentence
