from __future__ import annotations

import os

import pytest

from photosearch.errors import DataFolderUnusable
from photosearch.library import doctor
from photosearch.library.doctor import Health
from photosearch.paths import app_paths
from tests.fakes import ColourEncoder
from tests.small_library import open_library


@pytest.fixture(autouse=True)
def quick_model(monkeypatch) -> None:
    monkeypatch.setattr(doctor, "Encoder", ColourEncoder)


def by_subject(paths) -> dict[str, list[doctor.Finding]]:
    found: dict[str, list[doctor.Finding]] = {}
    for finding in doctor.examine(paths):
        found.setdefault(finding.subject, []).append(finding)
    return found


def test_a_sound_library_has_no_fault_and_is_as_it_was(indexed):
    paths = indexed.paths
    before = {p.name for p in paths.data.iterdir()}
    found = by_subject(paths)
    assert not [f for fs in found.values() for f in fs if f.health is Health.FAULT]
    assert "4 photos in 4 files. All 4 files searchable." in found["library"][0].detail
    assert {p.name for p in paths.data.iterdir()} == before


def test_where_there_is_no_library_yet_none_is_made(app_paths_in_tmp):
    found = by_subject(app_paths_in_tmp)
    assert "none yet" in found["catalog"][0].detail
    assert not app_paths_in_tmp.data.exists()


def test_every_fault_comes_with_advice(indexed):
    indexed.close()
    indexed.paths.catalog.write_bytes(b"garbage" * 1000)
    found = by_subject(indexed.paths)
    (fault,) = found["catalog"]
    assert fault.health is Health.FAULT
    assert "doctor --repair" in fault.advice


def test_problems_and_folders_that_are_away_are_warnings(indexed, root):
    (root / "empty.jpg").touch()
    os.utime(root / "empty.jpg", (1, 1))
    indexed.index()
    root.rename(root.with_name("unplugged"))
    indexed.index()
    found = by_subject(indexed.paths)
    assert [f.health for f in found["folder"]] == [Health.WARNING]
    assert "is away" in found["folder"][0].detail


def test_a_model_that_is_missing_is_a_fault_of_the_model_alone(indexed, tmp_path):
    found = doctor.examine(indexed.paths, model=str(tmp_path / "none"))
    assert [f.subject for f in found if f.health is Health.FAULT] == ["model"]


def test_a_repair_that_the_disk_has_no_room_for_is_told_and_keeps_all(indexed, monkeypatch):
    indexed.close()
    paths = indexed.paths
    paths.catalog.write_bytes(b"garbage")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(DataFolderUnusable, match="No space left"):
        doctor.repair(paths)
    assert paths.catalog.read_bytes() == b"garbage"
    monkeypatch.undo()
    doctor.repair(paths)
    with open_library(app_paths(paths.data)) as again:
        assert again.status().searchable == 4
