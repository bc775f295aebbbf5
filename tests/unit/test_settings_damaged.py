"""A settings file that cannot be read: the defaults are used, it is said once, and nothing of it is lost."""

from __future__ import annotations

import tomllib

import pytest

from photosearch.settings import TABLE, Settings


@pytest.mark.parametrize("content", [b"tile_px = [[[\n", b"\xff\xfe", b"tile_px = 200\ntile_px = 300\n"])
def test_a_damaged_settings_file_is_named_and_kept_when_a_setting_is_changed(tmp_path, content):
    file = tmp_path / "settings.toml"
    file.write_bytes(content)
    settings = Settings(file)
    assert str(file) in settings.fault
    assert settings["tile_px"] == TABLE["tile_px"].default
    settings.set("tile_px", 240)
    assert tomllib.loads(file.read_text()) == {"tile_px": 240}
    assert (tmp_path / "settings-damaged.toml").read_bytes() == content
    assert settings.fault is None


def test_a_settings_file_that_is_not_there_is_no_fault(tmp_path):
    assert Settings(tmp_path / "settings.toml").fault is None
