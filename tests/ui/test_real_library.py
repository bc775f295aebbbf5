"""The window on the real library: real files, the real catalog, index and worker processes, the built-in model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from photosearch.library import Library
from photosearch.paths import AppPaths
from photosearch.progress import Phase
from photosearch.ui.drops import file_pictures
from photosearch.ui.window import Window
from tests.conftest import with_exports

_PATIENCE_MS = 120_000


@pytest.fixture
def some_photos(photos: Path, folder: Path) -> Path:
    """A dozen real photos and a file that is none."""
    for file in sorted((photos / "personal").glob("*.jpg"))[:12]:
        shutil.copy(file, folder / file.name)
    (folder / "broken.jpg").write_bytes(b"this is no picture")
    return folder


@pytest.fixture
def real_window(
    qtbot: QtBot, open_window, some_photos: Path, app_paths_in_tmp: AppPaths, exported_model: Path
) -> Iterator[Window]:
    with_exports(app_paths_in_tmp.data, exported_model)
    window = open_window(opener=Library.open)
    assert window.page.title.text() == "Find any photo by what it shows"
    window.page.buttons[0].click()
    session = window.session
    qtbot.waitUntil(
        lambda: (
            session.status is not None
            and session.status.searchable == 12
            and session.progress.phase is Phase.IDLE
            and len(window.model.listing) == 12
        ),
        timeout=_PATIENCE_MS,
    )
    return window


def test_from_the_first_start_to_an_answer_in_words_and_by_picture(qtbot, real_window, some_photos):
    window, session = real_window, real_window.session
    qtbot.waitUntil(
        lambda: all(window.thumbnails.image(tile.photo_id) for tile in window.model.listing.tiles), timeout=_PATIENCE_MS
    )
    assert window.status._problems.text() == "1 file has a problem"

    QTest.keyClicks(window.search.words, "a bird in flight")
    qtbot.waitUntil(lambda: window.model.listing.query is not None, timeout=_PATIENCE_MS)
    assert len(window.model.listing) > 0

    wanted = some_photos / "100_0003.jpg"
    session.set_query(pictures=file_pictures((wanted,)))
    qtbot.waitUntil(lambda: len(window.model.listing) > 0 and window.model.path(0) == wanted, timeout=_PATIENCE_MS)
    assert window.model.listing.hits[0].strength > 0.9

    window.show_preview(0)
    qtbot.waitUntil(lambda: window.preview.shows_full, timeout=_PATIENCE_MS)
    window.preview.close_preview()


def test_a_photo_put_into_the_folder_appears_by_itself_and_a_deleted_one_goes(qtbot, real_window, some_photos, photos):
    window = real_window
    new = sorted((photos / "personal").glob("*.jpg"))[20]
    shutil.copy(new, some_photos / "new.jpg")
    qtbot.waitUntil(lambda: len(window.model.listing) == 13, timeout=_PATIENCE_MS)
    (some_photos / "new.jpg").unlink()
    qtbot.waitUntil(lambda: len(window.model.listing) == 12, timeout=_PATIENCE_MS)


def test_settings_that_are_saved_hold_at_once_and_the_search_goes_on(qtbot, real_window, app_paths_in_tmp):
    window, session = real_window, real_window.session
    session.set_query(words="a bird in flight")
    qtbot.waitUntil(lambda: len(window.model.listing) > 0 and not session.searching, timeout=_PATIENCE_MS)
    found = [hit.photo_id for hit in window.model.listing.hits]
    before = session.library
    window.commands["settings"].trigger()
    dialog = window.dialogs.settings
    qtbot.waitUntil(dialog.save.isEnabled)
    dialog.fields["cores"].put(1)
    dialog.fields["on_battery"].put("full")
    dialog.save.click()
    qtbot.waitUntil(lambda: session.library not in (None, before), timeout=_PATIENCE_MS)
    assert (session.library.settings["cores"], session.library.settings["on_battery"]) == (1, "full")
    qtbot.waitUntil(
        lambda: session.status is not None and window.model.listing.query is not None and not session.searching,
        timeout=_PATIENCE_MS,
    )
    assert [hit.photo_id for hit in window.model.listing.hits] == found
    session.clear_query()
    qtbot.waitUntil(lambda: len(window.model.listing) == 12, timeout=_PATIENCE_MS)
