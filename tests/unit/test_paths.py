from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from photosearch.errors import DataFolderUnusable
from photosearch.paths import ENVIRONMENT_OVERRIDE, AppPaths, app_paths, pictures_folder, resource


def _all(paths: AppPaths) -> list[Path]:
    properties = [n for n, v in vars(AppPaths).items() if isinstance(v, property)]
    return [getattr(paths, n) for n in (*(f.name for f in dataclasses.fields(paths)), *properties)]


def test_one_override_moves_everything(tmp_path):
    for place in _all(app_paths(tmp_path / "here")):
        assert place.is_relative_to(tmp_path / "here")
    assert list(tmp_path.iterdir()) == []


def test_the_environment_moves_everything_and_an_argument_goes_before_it(tmp_path, monkeypatch):
    monkeypatch.setenv(ENVIRONMENT_OVERRIDE, str(tmp_path / "environment"))
    assert app_paths().data == tmp_path / "environment"
    assert app_paths(tmp_path / "argument").data == tmp_path / "argument"


def test_an_override_may_be_relative_or_below_the_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert app_paths("library").data == tmp_path / "library"
    if os.name == "posix":
        assert app_paths("~/library").data == tmp_path / "library"


@pytest.mark.skipif(os.name != "posix", reason="homes of POSIX")
def test_the_home_of_nobody_is_refused():
    with pytest.raises(DataFolderUnusable, match="no such home"):
        app_paths("~nobody-of-this-name/library")


def test_without_an_override_the_platforms_own_places_are_used(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT_OVERRIDE)
    paths = app_paths()
    assert len({paths.data, paths.cache, paths.config, paths.logs}) >= 2
    assert all(p.is_absolute() and "photosearch" in str(p).lower() for p in _all(paths))


def test_no_two_things_are_kept_in_the_same_place(tmp_path):
    places = _all(app_paths(tmp_path))
    assert len(set(places)) == len(places)


def test_shipped_resources_and_the_pictures_folder_have_a_place():
    assert resource("icons").parent == resource()
    assert resource().is_dir()
    assert pictures_folder().is_absolute()
