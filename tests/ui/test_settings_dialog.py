"""The settings dialog: a field for each that has a title, what it keeps, and the library opened anew with it."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QSpinBox
from pytestqt.qtbot import QtBot

from photosearch.errors import ModelUnavailable
from photosearch.model import resolve
from photosearch.paths import AppPaths
from photosearch.settings import TABLE, Settings
from photosearch.ui.session import State
from photosearch.ui.settings_dialog import SettingsDialog
from photosearch.ui.window import Window
from tests.ui.fake_library import FakeLibrary


class Opener:
    """Opens a library in memory that has the settings of the file, each time a new one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.opened: list[FakeLibrary] = []
        self.models: list[str | None] = []

    def __call__(self, paths: AppPaths, *, model: str | None = None) -> FakeLibrary:
        library = FakeLibrary(self._folder)
        library.settings = Settings(paths.settings)
        self.models.append(model)
        if (asked := model or library.settings["model"]) == "damaged":
            raise ModelUnavailable(asked, "it holds no weights.")
        self.opened.append(library)
        return library


@pytest.fixture
def opener(folder: Path) -> Opener:
    return Opener(folder)


@pytest.fixture
def window(open_window: Callable[..., Window], opener: Opener, qtbot: QtBot) -> Window:
    window = open_window(opener=opener, wait=False)
    qtbot.waitUntil(lambda: len(window.model.listing) == 40)
    return window


def shown_dialog(window: Window, qtbot: QtBot) -> SettingsDialog:
    window.commands["settings"].trigger()
    dialog = window.dialogs.settings
    assert dialog is not None
    assert dialog.isVisible()
    qtbot.waitUntil(dialog.save.isEnabled)
    return dialog


def in_file(paths: AppPaths) -> dict:
    return tomllib.loads(paths.settings.read_text())


def test_each_setting_with_a_title_has_a_field_that_shows_what_holds(window, qtbot, app_paths_in_tmp, opener):
    opener.opened[-1].settings.change({"device": "cpu", "max_megapixels": 400, "pair_raw_with_jpeg": False})
    dialog = shown_dialog(window, qtbot)
    assert not dialog.isModal()
    assert set(dialog.fields) == {setting.name for setting in TABLE.values() if setting.title}
    settings = Settings(app_paths_in_tmp.settings)
    assert {name: field.get() for name, field in dialog.fields.items()} == {n: settings[n] for n in dialog.fields}
    assert all(field.widget.accessibleName() for field in dialog.fields.values())


def test_every_value_of_the_table_can_be_chosen_and_is_told_in_words(window, qtbot):
    dialog = shown_dialog(window, qtbot)
    for name, field in dialog.fields.items():
        setting = TABLE[name]
        for value in (*setting.choices, *((setting.smallest, setting.largest) if setting.smallest is not None else ())):
            field.put(value)
            assert field.get() == value
        if isinstance(field.widget, QComboBox) and setting.choices:
            assert [field.widget.itemText(i) for i in range(field.widget.count())] == list(setting.choices.values())
    cores = dialog.fields["cores"].widget
    assert isinstance(cores, QSpinBox)
    cores.setValue(0)
    assert cores.text() == "all"


def test_what_is_saved_is_kept_and_the_library_opened_anew_with_it(window, qtbot, app_paths_in_tmp, opener):
    window.session.set_query(words="boats")
    qtbot.waitUntil(lambda: len(window.model.listing) == 10)
    dialog = shown_dialog(window, qtbot)
    dialog.fields["on_battery"].put("pause")
    dialog.fields["cores"].put(2)
    tick = dialog.fields["pair_raw_with_jpeg"].widget
    assert isinstance(tick, QCheckBox)
    tick.click()
    dialog.save.click()
    qtbot.waitUntil(lambda: len(opener.opened) == 2 and window.session.state is State.OPEN)
    assert not dialog.isVisible()
    assert in_file(app_paths_in_tmp) == {"on_battery": "pause", "cores": 2, "pair_raw_with_jpeg": False}
    before, now = opener.opened
    assert before.closed.is_set()
    assert not now.closed.is_set()
    qtbot.waitUntil(lambda: [query.words for query in now.searched] == ["boats"])
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.grid)
    qtbot.waitUntil(lambda: all(window.thumbnails.image(tile.photo_id) for tile in window.model.listing.tiles))


def test_what_was_asked_of_the_library_before_is_not_waited_for(window, qtbot, opener):
    first = opener.opened[0]
    first.held["slow"] = threading.Event()
    window.session.set_query(words="slow")
    qtbot.waitUntil(lambda: [query.words for query in first.searched] == ["slow"])
    dialog = shown_dialog(window, qtbot)
    dialog.fields["cores"].put(1)
    dialog.save.click()
    qtbot.waitUntil(lambda: window.session.state is State.OPEN and len(opener.opened) == 2)
    first.held["slow"].set()
    qtbot.waitUntil(lambda: len(window.model.listing) == 10 and not window.session.searching)
    assert [query.words for query in opener.opened[1].searched] == ["slow"]


@pytest.mark.parametrize("how", ["save", "cancel"])
def test_nothing_changed_or_not_saved_leaves_all_as_it_is(window, qtbot, app_paths_in_tmp, opener, how):
    dialog = shown_dialog(window, qtbot)
    if how == "save":
        dialog.save.click()
    else:
        dialog.fields["cores"].put(7)
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    again = shown_dialog(window, qtbot)
    assert again.fields["cores"].get() == 0
    assert len(opener.opened) == 1
    assert not app_paths_in_tmp.settings.exists()


def test_a_model_that_is_none_is_refused_with_the_reason_and_nothing_is_kept(
    window, qtbot, app_paths_in_tmp, opener, tmp_path
):
    dialog = shown_dialog(window, qtbot)
    dialog.fields["model"].put(str(tmp_path / "no model"))
    dialog.fields["cores"].put(3)
    dialog.save.click()
    qtbot.waitUntil(lambda: "there is no folder" in dialog.said.text())
    assert str(tmp_path / "no model") in dialog.said.text()
    assert dialog.isVisible()
    assert dialog.save.isEnabled()
    assert not app_paths_in_tmp.settings.exists()
    assert len(opener.opened) == 1


def test_models_that_the_library_knows_are_offered_and_an_empty_line_is_the_built_in_one(window, qtbot):
    dialog = shown_dialog(window, qtbot)
    model = dialog.fields["model"].widget
    assert isinstance(model, QComboBox)
    offered = [model.itemText(i) for i in range(model.count())]
    assert offered == [*TABLE["model"].suggestions, "ViT-B-32/openai"]
    assert offered[0] == "builtin"
    model.setEditText("  ")
    assert dialog.fields["model"].get() == "builtin"


def test_what_a_suggested_model_is_like_is_told_when_it_is_chosen(window, qtbot):
    dialog = shown_dialog(window, qtbot)
    suggestions = TABLE["model"].suggestions
    for name, told in suggestions.items():
        dialog.fields["model"].put(name)
        shown = [label.text() for label in dialog.findChildren(QLabel)]
        assert f"{told} {TABLE['model'].help}" in shown
    dialog.fields["model"].put("/my/own/model")
    assert TABLE["model"].help in [label.text() for label in dialog.findChildren(QLabel)]


def test_every_suggested_model_is_one_that_open_clip_knows():
    for name in TABLE["model"].suggestions:
        assert resolve(name).name == name


def test_a_model_that_is_chosen_goes_before_the_one_named_at_the_start(window, qtbot, opener):
    window.session.model = "photosearch-old"
    dialog = shown_dialog(window, qtbot)
    dialog.fields["cores"].put(1)
    dialog.save.click()
    qtbot.waitUntil(lambda: window.session.state is State.OPEN and len(opener.models) == 2)
    dialog = shown_dialog(window, qtbot)
    dialog.fields["model"].put("ViT-B-32/openai")
    dialog.save.click()
    qtbot.waitUntil(lambda: window.session.state is State.OPEN and len(opener.models) == 3)
    assert opener.models == [None, "photosearch-old", None]
    assert opener.opened[-1].settings["model"] == "ViT-B-32/openai"


def test_where_the_model_keeps_the_library_closed_another_can_be_chosen(open_window, qtbot, app_paths_in_tmp, opener):
    Settings(app_paths_in_tmp.settings).set("model", "damaged")
    window = open_window(opener=opener, wait=False)
    qtbot.waitUntil(lambda: window.session.state is State.FAILED)
    assert [button.text() for button in window.page.buttons] == ["Try again", "Settings…", "Quit"]
    window.page.buttons[1].click()
    dialog = window.dialogs.settings
    qtbot.waitUntil(dialog.save.isEnabled)
    assert dialog.fields["model"].get() == "damaged"
    dialog.fields["model"].put("builtin")
    dialog.save.click()
    qtbot.waitUntil(lambda: window.session.state is State.OPEN)
    qtbot.waitUntil(lambda: len(window.model.listing) == 40)


def test_settings_that_cannot_be_written_are_told_and_stay(window, qtbot, app_paths_in_tmp, opener):
    app_paths_in_tmp.config.parent.mkdir(parents=True, exist_ok=True)
    if app_paths_in_tmp.config.exists():
        app_paths_in_tmp.config.rmdir()
    app_paths_in_tmp.config.write_text("a file where the folder should be")
    dialog = shown_dialog(window, qtbot)
    dialog.fields["cores"].put(3)
    dialog.save.click()
    qtbot.waitUntil(lambda: "cannot be written" in dialog.said.text())
    assert dialog.isVisible()
    assert len(opener.opened) == 1


def test_a_settings_file_that_is_not_used_is_named_in_the_dialog(open_window, qtbot, app_paths_in_tmp, opener):
    app_paths_in_tmp.settings.parent.mkdir(parents=True, exist_ok=True)
    app_paths_in_tmp.settings.write_text("cores = [[[")
    window = open_window(opener=opener, wait=False)
    qtbot.waitUntil(lambda: window.session.state is State.OPEN)
    dialog = shown_dialog(window, qtbot)
    assert str(app_paths_in_tmp.settings) in dialog.said.text()
    assert dialog.said.isVisible()
