"""What is written to the terminal: whole, one line a thing, and never anything a terminal obeys."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
from pathlib import Path

import pytest

from photosearch.cli.output import counted, path_fields, print_json, say, write_raw_paths


@pytest.mark.parametrize(("number", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1_000, "1,000 files")])
def test_one_thing_is_not_things(number, text):
    assert counted(number, "file") == text


def test_a_remark_goes_to_stderr_and_leaves_the_result_alone(capsys):
    say("It rains.")
    assert capsys.readouterr() == ("", "photosearch: It rains.\n")


def test_a_name_that_is_text_is_given_as_it_is():
    assert path_fields(Path("/é/<b>\n.jpg")) == {"path": "/é/<b>\n.jpg"}


def test_a_name_that_is_not_text_is_described_and_given_as_bytes():
    raw = b"/photos/caf\xe9\n.jpg"
    fields = path_fields(Path(os.fsdecode(raw)))
    assert base64.b64decode(fields["path_bytes"]) == raw
    assert fields["path"] == "/photos/caf\\xe9\\n.jpg"


@pytest.mark.parametrize(
    "text", ["tab\t", "esc\x1b[31m", "csi\x9b", "del\x7f", "bidi\u202e", "line\u2028", "lone\udce9"]
)
def test_a_json_document_holds_no_character_that_a_terminal_obeys_and_loses_none(capsys, text):
    print_json({"name": text})
    written = capsys.readouterr().out
    assert all(c.isprintable() or c == "\n" for c in written)
    assert json.loads(written) == {"name": text}


def test_a_json_document_is_whole_on_a_terminal_that_is_not_utf8(monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding="latin-1"))
    print_json({"name": "港 🏖 é"})
    sys.stdout.flush()
    assert json.loads(buffer.getvalue()) == {"name": "港 🏖 é"}


def test_raw_paths_are_the_bytes_on_disk_each_ended_by_nul(capfdbinary):
    write_raw_paths([Path(os.fsdecode(b"/a\xff\n")), Path("/b")])
    assert capfdbinary.readouterr().out == b"/a\xff\n\0/b\0"
