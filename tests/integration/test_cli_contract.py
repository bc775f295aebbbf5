"""The command line keeps its contract: keys, forms, exit statuses, and what goes to stdout and what to stderr.

Every test runs the real command, with the built-in model, on a folder of small pictures.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from photosearch.media.formats import is_picture_name
from photosearch.paths import ENVIRONMENT_OVERRIDE
from tests.integration.command import PROGRAM, Command
from tests.integration.conftest import ODD_NAMES

BROKEN = 1
"""Pictures among ``pictures`` that cannot be read: the one cut short."""
REPORT = {
    "found", "new", "changed", "moved", "copied", "removed", "encoded", "problems", "seconds", "photos_per_second",
    "device", "model",
}  # fmt: skip
STATUS = {
    "folders", "files", "photos", "searchable", "pending", "problems", "away", "model", "index", "data_dir",
    "searchable_files", "waiting_files", "copies", "problems_by_code",
}  # fmt: skip
HIT = {"photo_id", "path", "strength", "similarity", "width", "height", "taken", "away", "reasons"}


def on_disk(folder: Path) -> set[bytes]:
    """The picture files below a folder, as bytes."""
    return {
        os.fsencode(Path(place, name))
        for place, _, names in os.walk(folder)
        for name in names
        if is_picture_name(os.fsencode(name))
    }


def real_path(hit: dict) -> bytes:
    return base64.b64decode(hit["path_bytes"]) if "path_bytes" in hit else os.fsencode(hit["path"])


def test_indexing_reports_what_it_did_and_a_second_run_encodes_nothing(new_data_dir, pictures):
    command = Command(new_data_dir)
    first = command("index", pictures, "--json")
    assert first.status == 0
    assert first.err.decode() == "photosearch: 1 file could not be used; `photosearch problems` says why.\n"
    report, files = first.json, len(on_disk(pictures))
    assert set(report) == REPORT
    assert (report["found"], report["new"], report["problems"]) == (files, files, BROKEN)
    assert (report["encoded"], report["device"], report["model"]) == (files - BROKEN, "cpu", "builtin")
    assert report["changed"] == report["moved"] == report["copied"] == report["removed"] == 0
    assert report["seconds"] > 0 and report["photos_per_second"] > 0

    second = command("index", "--json")
    assert (second.status, second.err) == (0, b"")
    assert set(second.json) == REPORT
    assert second.json["found"] == files
    assert {k: second.json[k] for k in ("new", "changed", "removed", "encoded")} == dict.fromkeys(
        ("new", "changed", "removed", "encoded"), 0
    )


def test_the_status_agrees_with_the_files_on_disk(made_once, pictures):
    done = made_once("status", "--json")
    assert (done.status, done.err) == (0, b"")
    status, files = done.json, len(on_disk(pictures))
    assert set(status) == STATUS
    assert (status["files"], status["problems"], status["pending"], status["away"]) == (files, BROKEN, 0, 0)
    assert status["photos"] == status["searchable"] == status["index"]["count"] == files - BROKEN
    assert (status["searchable_files"], status["waiting_files"], status["copies"]) == (files - BROKEN, 0, 0)
    assert status["problems_by_code"] == {"damaged": BROKEN}
    assert status["index"]["bytes"] > 0
    assert status["data_dir"] == str(made_once.data_dir)
    assert [(f["path"], f["state"], f["photos"]) for f in status["folders"]] == [(str(pictures), "here", files - 1)]


def test_real_photos_are_all_indexed_and_the_account_is_right(new_data_dir, photos):
    command = Command(new_data_dir)
    report = command("index", photos, "--json").json
    files = len(on_disk(photos))
    assert (report["found"], report["encoded"] + report["copied"], report["problems"]) == (files, files, 0)
    assert command("index", "--json").json["encoded"] == 0
    status = command("status", "--json").json
    assert (status["files"], status["pending"], status["problems"]) == (files, 0, 0)
    assert status["photos"] == status["searchable"] == status["index"]["count"] == files - report["copied"]
    assert (status["searchable_files"], status["copies"]) == (files, report["copied"])


def test_answers_are_the_same_photos_in_every_form(made_once, pictures):
    document = made_once("search", "something", "red", "-n", "1000", "--json")
    assert (document.status, document.err) == (0, b"")
    answer = document.json
    assert set(answer) == {"query", "pictures", "model", "seconds", "hits"}
    assert (answer["query"], answer["model"]) == ("something red", "builtin")
    hits = answer["hits"]
    assert all(set(hit) - {"path_bytes"} == HIT for hit in hits)
    assert all(0 <= hit["strength"] <= 1 for hit in hits)
    assert [h["similarity"] for h in hits] == sorted((h["similarity"] for h in hits), reverse=True)
    expected = on_disk(pictures) - {os.fsencode(pictures / "truncated.jpg")}
    assert {real_path(h) for h in hits} == expected

    raw = made_once("search", "something red", "-n", "1000", "-0")
    assert (raw.status, raw.err) == (0, b"")
    assert raw.out.endswith(b"\0")
    assert raw.out[:-1].split(b"\0") == [real_path(h) for h in hits]

    paths = made_once("search", "something red", "-n", "1000", "--paths")
    assert len(paths.lines) == len(hits)
    plain = [(line, h["path"]) for line, h in zip(paths.lines, hits, strict=True) if h["path"].isprintable()]
    assert len(plain) > 10 and all(line == path for line, path in plain)

    people = made_once("search", "something red", "-n", "3")
    assert [line.split("  ")[-1] for line in people.lines] == paths.lines[:3]


def test_names_never_reach_a_terminal_raw(library, pictures, tmp_path):
    odd = tmp_path / "folder\x1b[31m\nred"
    shutil.copytree(pictures / "below", odd)
    (odd / "cut\x1b]0;title\x07.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much")
    indexed = library("index", odd)
    outputs = [indexed, library("search", "red", "-n", "100"), library("search", "red", "-n", "100", "--paths")]
    outputs += [library(*words) for words in (["problems"], ["folders"], ["status"], ["problems", "--json"])]
    shutil.rmtree(odd)
    away = library("index")
    assert away.status == 1 and b"is away now" in away.err
    for done in [*outputs, away, library("folders", "remove", odd / "nothing"), library("similar", odd / "no\x1b.jpg")]:
        for text in (done.out.decode("utf-8"), done.err.decode("utf-8")):
            assert "Traceback" not in text
            assert all(c.isprintable() or c == "\n" for c in text), text


def test_a_photo_is_the_most_similar_to_itself(made_once, pictures):
    for name in (b"below/101.jpg", ODD_NAMES[0], ODD_NAMES[1], b"corners.heic"):
        file = os.fsencode(pictures / os.fsdecode(name))
        done = made_once("similar", file, "-n", "3", "--json")
        assert done.status == 0
        assert len(done.json["hits"]) == 3
        best = done.json["hits"][0]
        assert real_path(best) == file or best["similarity"] == done.json["hits"][1]["similarity"]
        assert best["similarity"] == pytest.approx(1, abs=1e-3)


def test_words_and_pictures_go_together(made_once, pictures):
    done = made_once("search", "red", "--image", pictures / "corners.bmp", "--json", "-n", "2")
    assert done.status == 0
    assert done.json["pictures"] == [str(pictures / "corners.bmp")]
    assert [re.sub(r"[-\d.]+", "#", r) for r in done.json["hits"][0]["reasons"]] == ["words #", "picture #"]


def test_folders_are_excluded_included_removed_and_added_without_encoding_again(library, pictures):
    def counts() -> tuple[int, int]:
        status = library("status", "--json").json
        return status["files"], status["index"]["count"]

    everything = counts()
    assert library("folders", "exclude", pictures / "below").status == 0
    assert library("index", "--json").json["removed"] in (0, 3)
    assert counts() == (everything[0] - 3, everything[1] - 3)
    assert library("folders", "list", "--json").json[0]["excludes"] == ["below"]
    assert library("folders", "include", pictures / "below").status == 0
    assert library("index", "--json").json["encoded"] == 0
    assert counts() == everything

    assert library("folders", "remove", pictures).status == 0
    assert counts() == (0, 0)
    assert library("folders").err.decode().startswith("photosearch: There is no folder in the library yet.")
    assert library("folders", "add", pictures).status == 0
    assert library("index", "--json").json["encoded"] == 0
    assert counts() == everything
    assert str(pictures) in library("folders").lines[0]


def test_a_folder_that_is_away_loses_nothing_until_it_is_forgotten(tmp_path, own_pictures, new_data_dir):
    command = Command(new_data_dir)
    photos = command("index", own_pictures, "--json").json["encoded"]
    own_pictures.rename(tmp_path / "unplugged")
    done = command("index", "--json")
    assert done.status == 1
    assert done.err.decode() == f"photosearch: {own_pictures} is away now; what is known of it is kept.\n"
    status = command("status", "--json").json
    assert (status["photos"], status["away"], status["index"]["count"]) == (photos, photos + BROKEN, photos)
    assert len(command("search", "red", "-n", "100", "--json").json["hits"]) == photos
    (tmp_path / "unplugged").rename(own_pictures)
    assert command("index", "--json").json["encoded"] == 0
    shutil.rmtree(own_pictures)
    assert command("index").status == 1
    assert command("folders", "forget", own_pictures).status == 0
    status = command("status", "--json").json
    assert (status["files"], status["photos"], status["index"]["count"]) == (0, 0, 0)


def test_problems_name_the_file_and_the_reason_and_may_be_tried_again(library, pictures):
    (problem,) = library("problems", "--json").json
    assert set(problem) == {"path", "code", "sentence", "advice", "seen_at"}
    assert (problem["path"], problem["code"]) == (str(pictures / "truncated.jpg"), "damaged")
    assert library("problems").lines == [
        f"1 file damaged. {problem['advice']}",
        f"  {pictures / 'truncated.jpg'}: {problem['sentence']}",
    ]
    retried = library("problems", "--retry")
    assert (retried.status, "1 file will be read again" in retried.err.decode()) == (0, True)
    assert library("index", "--json").json["problems"] == BROKEN


def test_the_models_of_a_library_are_listed(made_once, pictures):
    (model,) = made_once("models", "list", "--json").json
    assert set(model) == {"name", "identity", "dim", "photos", "in_use"}
    assert (model["name"], model["in_use"], model["photos"]) == ("builtin", True, len(on_disk(pictures)) - BROKEN)
    assert made_once("models").lines[0].startswith("* builtin")


def test_the_doctor_finds_a_sound_library_sound(made_once):
    done = made_once("doctor", "--json")
    assert (done.status, done.err) == (0, b"")
    assert all(set(f) == {"subject", "health", "detail", "advice"} for f in done.json)
    assert {f["health"] for f in done.json} <= {"ok", "warning"}
    assert {"program", "libraries", "catalog", "library", "index", "model"} - {f["subject"] for f in done.json} <= {
        "catalog"
    }
    assert all(f["advice"] for f in done.json if f["subject"] != "settings" and f["health"] != "ok")


def test_quiet_says_only_what_went_wrong_and_verbose_adds_the_log(library, pictures):
    quiet = library("index", "--quiet")
    assert (quiet.status, quiet.out, quiet.err) == (0, b"", b"")
    assert library("--quiet", "index", "/nowhere").sentence(status=1)
    verbose = library("index", "--verbose", "--json")
    assert verbose.status == 0 and verbose.json["encoded"] == 0
    assert "photosearch.indexer.indexer: index run" in verbose.err.decode()


def test_the_environment_may_name_the_data_folder(made_once, tmp_path):
    named = {ENVIRONMENT_OVERRIDE: str(made_once.data_dir)}
    done = subprocess.run([PROGRAM, "status", "--json"], capture_output=True, check=True, env=os.environ | named)
    assert json.loads(done.stdout) == made_once("status", "--json").json
    elsewhere = Command(tmp_path / "data")
    assert elsewhere("status", "--json", environment=named).json["files"] == 0  # the option is the stronger one


@pytest.mark.parametrize("form", ["--json", "-0"])
def test_a_reader_that_leaves_is_no_fault(made_once, form):
    process = made_once.start("search", "red", form)
    process.stdout.close()
    with process:
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_a_library_is_looked_at_while_another_process_indexes_but_not_written_twice(library, photos):
    process = library.start("index", photos / "captioned", "--json")
    with process:
        try:
            wait_for(lambda: library("status", "--json").json["pending"] > 0)
            sentence = library("index").sentence(status=1)
            assert f"process {process.pid}" in sentence
            assert library("search", "dog", "-n", "2", "--json").json["hits"]
        finally:
            out, _ = process.communicate(timeout=60)
        assert process.returncode == 0 and out


def wait_for(condition, *, seconds: float = 60.0) -> None:
    """Until the condition holds; each look takes as long as the command it asks."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen"


def test_help_and_version_need_no_library(tmp_path):
    command = Command(tmp_path / "data")
    assert command("--version").lines[0].startswith("PhotoSearch ")
    for words in ([], ["index"], ["search"], ["folders", "add"]):
        done = command(*words, "--help")
        assert (done.status, done.err) == (0, b"")
        assert "usage: photosearch" in done.lines[0]
    assert not (tmp_path / "data").exists()
