from __future__ import annotations

import threading
import tomllib

import pytest

from photosearch.errors import SettingInvalid, SettingsUnwritable
from photosearch.settings import TABLE, Settings

rows = pytest.mark.parametrize("setting", TABLE.values(), ids=list(TABLE))


@rows
def test_every_setting_has_help_and_a_default_that_passes_its_own_check(setting):
    assert setting.help.endswith(".")
    assert setting.check(setting.default) == setting.default
    assert (setting.smallest is None) == (setting.largest is None)
    assert not setting.choices or setting.default in setting.choices


@rows
def test_every_setting_refuses_another_type_with_its_name(setting):
    for value in (None, 1.5, [], "yes" if not isinstance(setting.default, str) else 1):
        with pytest.raises(SettingInvalid, match=setting.name):
            setting.check(value)


@rows
def test_every_setting_keeps_to_its_range_and_choices(setting):
    outside = []
    if setting.smallest is not None:
        outside = [setting.smallest - 1, setting.largest + 1]
        assert setting.check(setting.smallest) == setting.smallest
        assert setting.check(setting.largest) == setting.largest
    elif setting.choices:
        outside = ["surely not a choice"]
    for value in outside:
        with pytest.raises(SettingInvalid, match=setting.name):
            setting.check(value)


@rows
def test_every_setting_is_kept_in_the_file(tmp_path, setting):
    file = tmp_path / "config" / "settings.toml"
    value = next(
        v
        for v in (
            setting.largest,
            *reversed(setting.choices),
            *([not setting.default] if setting.default in (True, False) else []),
            "x",
        )
        if v is not None
    )
    Settings(file).set(setting.name, value)
    assert Settings(file)[setting.name] == value
    assert tomllib.loads(file.read_text()) == {setting.name: value}


def test_true_is_no_number_and_one_is_no_truth():
    with pytest.raises(SettingInvalid):
        TABLE["tile_px"].check(True)
    with pytest.raises(SettingInvalid):
        TABLE["paused"].check(1)


def test_without_a_file_everything_is_as_the_table_says(tmp_path):
    settings = Settings(tmp_path / "settings.toml")
    assert {name: settings[name] for name in TABLE} == {name: s.default for name, s in TABLE.items()}
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_not_in_the_table_is_a_mistake_of_ours(tmp_path):
    settings = Settings(tmp_path / "settings.toml")
    with pytest.raises(KeyError):
        settings["no such setting"]
    with pytest.raises(KeyError):
        settings.set("no such setting", 1)


def test_unknown_names_and_bad_values_are_ignored_and_stay_in_the_file(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('from_the_future = "x"\ntile_px = 5000\ndevice = "toaster"\n[table]\nx = 1\n', encoding="utf-8")
    settings = Settings(file)
    assert (settings["tile_px"], settings["device"]) == (TABLE["tile_px"].default, TABLE["device"].default)
    settings.set("tile_px", 200)
    assert tomllib.loads(file.read_text()) == {
        "from_the_future": "x", "tile_px": 200, "device": "toaster", "table": {"x": 1},
    }  # fmt: skip


def test_a_refused_value_changes_nothing(tmp_path):
    file = tmp_path / "settings.toml"
    settings = Settings(file)
    settings.set("tile_px", 200)
    with pytest.raises(SettingInvalid, match="from 80 to 420"):
        settings.set("tile_px", 10)
    assert settings["tile_px"] == Settings(file)["tile_px"] == 200


def test_several_settings_are_changed_together_or_not_at_all(tmp_path):
    file = tmp_path / "settings.toml"
    settings = Settings(file)
    with pytest.raises(SettingInvalid, match="from 1 to 2000"):
        settings.change({"device": "cpu", "max_megapixels": 0})
    assert not file.exists()
    assert settings["device"] == "auto"
    settings.change({"device": "cpu", "max_megapixels": 500})
    assert tomllib.loads(file.read_text()) == {"device": "cpu", "max_megapixels": 500}


def test_writing_leaves_the_old_file_or_the_new_one(tmp_path, monkeypatch):
    file = tmp_path / "settings.toml"
    settings = Settings(file)
    settings.set("tile_px", 200)
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("photosearch.settings.tomli_w.dump", full)
    with pytest.raises(SettingsUnwritable, match="No space") as caught:
        settings.set("tile_px", 300)
    assert str(file) in str(caught.value)
    assert settings["tile_px"] == 200
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["settings.toml"]


def test_setting_what_is_set_already_writes_nothing(tmp_path):
    file = tmp_path / "settings.toml"
    settings = Settings(file)
    settings.set("tile_px", 200)
    file.unlink()
    settings.set("tile_px", 200)
    assert not file.exists()


def test_several_threads_may_change_settings(tmp_path):
    settings = Settings(tmp_path / "settings.toml")

    def change(name: str, values: list) -> None:
        for value in values:
            settings.set(name, value)

    threads = [
        threading.Thread(target=change, args=("tile_px", list(range(100, 120)))),
        threading.Thread(target=change, args=("max_megapixels", list(range(1, 21)))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = Settings(tmp_path / "settings.toml")
    assert (again["tile_px"], again["max_megapixels"]) == (119, 20)
