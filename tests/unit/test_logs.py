from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from photosearch import logs

LOG = logging.getLogger("photosearch.some.module")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger("photosearch")
    level, propagate, handlers = root.level, root.propagate, list(root.handlers)
    yield
    for handler in list(root.handlers):
        root.removeHandler(handler)
        if handler not in handlers:
            handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    root.propagate = propagate


def test_lines_go_to_the_file_with_time_level_and_module(tmp_path):
    file = tmp_path / "logs" / "photosearch.log"
    logs.set_up(file)
    LOG.warning("the drive %s is failing", "X")
    LOG.debug("a detail")
    (line,) = file.read_text().splitlines()
    assert "WARNING" in line
    assert line.endswith("photosearch.some.module: the drive X is failing")


def test_setting_up_again_replaces_what_was(tmp_path):
    logs.set_up(tmp_path / "first.log")
    logs.set_up(tmp_path / "second.log")
    LOG.info("once")
    assert (tmp_path / "first.log").read_text() == ""
    assert len((tmp_path / "second.log").read_text().splitlines()) == 1


def test_verbose_tells_details_on_stderr_and_otherwise_nothing_is_said_there(tmp_path, capsys):
    logs.set_up(None)
    LOG.error("unheard")
    assert capsys.readouterr() == ("", "")
    logs.set_up(tmp_path / "x.log", verbose=True)
    LOG.debug("a detail")
    out, err = capsys.readouterr()
    assert (out, "a detail" in err) == ("", True)
    assert "a detail" in (tmp_path / "x.log").read_text()


def test_names_that_are_no_text_can_be_logged(tmp_path):
    logs.set_up(tmp_path / "x.log")
    LOG.info("found %s", "caf\udce9.jpg")
    assert r"caf\udce9.jpg" in (tmp_path / "x.log").read_text(encoding="utf-8")


def test_the_log_does_not_grow_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "_MAX_BYTES", 2000)
    logs.set_up(tmp_path / "x.log")
    for number in range(300):
        LOG.info("line %d", number)
    files = sorted(tmp_path.iterdir())
    assert len(files) == logs._KEPT_FILES + 1
    assert all(f.stat().st_size <= 2000 for f in files)


def test_a_place_that_cannot_be_written_costs_only_the_log(tmp_path):
    (tmp_path / "file").write_text("in the way")
    logs.set_up(tmp_path / "file" / "below" / "x.log")
    LOG.info("unheard")


def test_a_fault_is_logged_with_its_traceback(tmp_path):
    file: Path = tmp_path / "x.log"
    logs.set_up(file)
    try:
        raise KeyError("why")
    except KeyError:
        LOG.exception("a fault of ours")
    assert "Traceback" in file.read_text()
