"""The large preview: at once, then sharp, onwards with the arrows, and back."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from photosearch.progress import LibraryChanged


def test_space_opens_arrows_go_on_and_esc_closes(window, qtbot):
    grid, preview = window.grid, window.preview
    grid.setFocus()
    grid.go_to(0)
    QTest.keyClick(grid, Qt.Key.Key_Space)
    assert preview.isVisible()
    assert preview.geometry() == window.rect()
    qtbot.waitUntil(lambda: preview.shows_full)
    QTest.keyClick(preview, Qt.Key.Key_Right)
    QTest.keyClick(preview, Qt.Key.Key_Right)
    assert (preview.row, grid.current) == (2, 2)
    qtbot.waitUntil(lambda: preview.shows_full)
    assert not preview.grab().isNull()
    QTest.keyClick(preview, Qt.Key.Key_End)
    assert preview.row == 39
    QTest.keyClick(preview, Qt.Key.Key_Right)
    assert preview.row == 39
    QTest.keyClick(preview, Qt.Key.Key_Escape)
    assert not preview.isVisible()
    assert window.focusWidget() is grid
    assert grid.current == 39


def test_the_neighbours_are_loaded_ahead(window, library, qtbot):
    window.show_preview(5)
    qtbot.waitUntil(lambda: {call[1] for call in library.called("preview")} == {5, 6, 7})
    assert library.called("preview")[0] == ("preview", 6)


def test_a_photo_that_cannot_be_shown_says_why_over_its_thumbnail(window, library, qtbot):
    library.broken = {1}
    window.show_preview(0)
    qtbot.waitUntil(lambda: "The file is damaged." in window.preview.note)
    assert not window.preview.grab().isNull()


def test_an_away_photo_is_not_asked_for(open_window, library, qtbot):
    library.away = {1}
    window = open_window(library)
    window.show_preview(0)
    qtbot.waitUntil(lambda: ("preview", 2) in library.called("preview"))
    assert ("preview", 1) not in library.called("preview")
    assert "not connected" in window.preview.note


def test_it_stays_on_its_photo_when_others_push_in(window, library, qtbot):
    window.show_preview(3)
    library.ids = [99, *library.ids]
    library.on_event(LibraryChanged(added=1))
    qtbot.waitUntil(lambda: window.preview.row == 4)
    assert window.preview.isVisible()


def test_it_closes_when_its_photo_goes(window, library, qtbot):
    window.show_preview(3)
    library.ids.remove(4)
    library.on_event(LibraryChanged(removed=1))
    qtbot.waitUntil(lambda: not window.preview.isVisible())


def test_a_click_beside_the_photo_closes_it(window):
    window.show_preview(0)
    QTest.mouseClick(window.preview, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, window.rect().center())
    assert not window.preview.isVisible()
