"""What can be asked of a photo: open, show, copy, drag, find similar, details."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMenu

from photosearch.records import FileState, Photo, PhotoFacts, Place
from photosearch.ui import desktop, facts_text


@pytest.fixture
def opened(monkeypatch) -> list[Path]:
    """The files handed to the desktop instead of opening programs."""
    seen: list[Path] = []
    monkeypatch.setattr(desktop, "open_file", lambda path: seen.append(path) or True)
    return seen


@pytest.fixture
def shown(monkeypatch) -> list[Path]:
    seen: list[Path] = []
    monkeypatch.setattr(desktop, "show_in_file_manager", lambda path: seen.append(path) or True)
    return seen


def test_enter_and_a_double_click_open_the_file(window, library, qtbot, opened):
    window.grid.go_to(2)
    QTest.keyClick(window.grid, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: opened == [library.folder / "IMG_0003.jpg"])
    QTest.mouseDClick(
        window.grid.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        window.grid.tile_rect(0).center(),
    )
    qtbot.waitUntil(lambda: opened[1:] == [library.folder / "IMG_0001.jpg"])


def test_the_context_menu_holds_what_a_photo_can_be_asked_for(window, qtbot, shown, library):
    window.grid.go_to(1)
    window.grid.menu_wanted.emit(window.mapToGlobal(QPoint(200, 200)))
    menu = next(m for m in window.findChildren(QMenu) if m.isVisible())
    words = [action.text() for action in menu.actions() if not action.isSeparator()]
    assert words == ["Open", "Preview", "Show in file manager", "Find similar", "Copy image", "Copy path", "Details"]
    next(action for action in menu.actions() if action.text() == "Show in file manager").trigger()
    menu.close()
    qtbot.waitUntil(lambda: shown == [library.folder / "IMG_0002.jpg"])


def test_a_right_click_takes_the_photo_under_it(window, qtbot):
    point = window.grid.tile_rect(4).center()
    QTest.mouseClick(window.grid.viewport(), Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, point)
    assert list(window.grid.selection) == [4]


def test_copy_path_copies_every_chosen_path(window, library, qtbot):
    window.grid.go_to(0)
    window.grid.go_to(2, extend=True)
    window.commands["copy_path"].trigger()
    expected = "\n".join(str(library.folder / f"IMG_{i:04}.jpg") for i in (1, 2, 3))
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text() == expected)
    assert window.status.text == "3 paths copied."


def test_copy_image_gives_pixels_and_the_file(window, library, qtbot):
    window.grid.go_to(0)
    window.commands["copy_image"].trigger()
    clipboard = QGuiApplication.clipboard()
    qtbot.waitUntil(lambda: clipboard.mimeData().hasImage())
    assert clipboard.image().width() == 600
    assert [url.toLocalFile() for url in clipboard.mimeData().urls()] == [str(library.folder / "IMG_0001.jpg")]


def test_find_similar_searches_by_the_chosen_photos(window, library, qtbot):
    window.grid.go_to(4)
    window.commands["similar"].trigger()
    qtbot.waitUntil(lambda: bool(library.searched) and library.searched[-1].pictures == (5,))
    assert len(window.search.chips) == 1


def test_a_drag_carries_the_files_and_an_answer_that_is_too_late_does_nothing(window, library, qtbot):
    mime = desktop.files_mime([library.folder / "IMG_0001.jpg", library.folder / "ü 2.jpg"])
    assert [url.toLocalFile() for url in mime.urls()] == [
        str(library.folder / "IMG_0001.jpg"),
        str(library.folder / "ü 2.jpg"),
    ]
    window.grid.go_to(0)
    window.actions_on_photos.drag()  # no button is held: nothing may start, and nothing may hang
    qtbot.waitUntil(lambda: window.session.book.known(1) is not None)


def test_a_photo_that_is_away_is_not_opened_but_explained(open_window, library, qtbot, opened):
    library.away = {1}
    window = open_window(library)
    window.grid.go_to(0)
    window.commands["open"].trigger()
    qtbot.waitUntil(lambda: "not connected" in window.status.text)
    assert opened == []


def test_details_show_the_facts_and_the_file(window, library, qtbot):
    window.grid.setFocus()
    window.grid.go_to(0)
    QTest.keyClick(window.grid, Qt.Key.Key_I)
    assert window.details.isVisible()
    qtbot.waitUntil(lambda: "Canon EOS R5" in window.details.texts())
    texts = window.details.texts()
    assert "5 December 2014, 10:00" in texts
    assert str(library.folder / "IMG_0001.jpg") in texts
    window.grid.go_to(3, extend=True)
    assert window.details.texts() == ["4 photos selected"]
    QTest.keyClick(window.grid, Qt.Key.Key_I)
    assert not window.details.isVisible()


def test_a_file_name_that_is_html_is_shown_as_it_is_written(open_window, library, qtbot):
    name = '<img src="x"><b>bold&amp;.jpg'
    library.names[1] = name
    window = open_window(library)
    window.grid.go_to(0)
    window.commands["details"].trigger()
    qtbot.waitUntil(lambda: name in window.details.texts())
    for label in window.findChildren(QLabel):
        if "bold" in label.text():
            assert label.textFormat() is Qt.TextFormat.PlainText
    assert window.model.caption(0).startswith(name)


def test_every_command_has_words_and_no_two_share_a_key(window):
    seen: dict[str, str] = {}
    for keys, words in window.commands.shortcuts():
        assert words
        for key in keys.split(", "):
            assert seen.setdefault(key, words) == words
    assert "F5" in seen
    assert any("Space" in key for key in seen)


def test_where_no_file_manager_answers_the_folder_is_opened(window, library, qtbot, opened, monkeypatch):
    monkeypatch.setattr(desktop, "show_in_file_manager", lambda path: False)
    window.grid.go_to(0)
    window.commands["show_file"].trigger()
    qtbot.waitUntil(lambda: opened == [library.folder])


def test_the_command_that_shows_a_file_on_each_system():
    path = Path("/photos/a, b.jpg")
    assert desktop.show_command(path, "darwin") == ["open", "-R", "/photos/a, b.jpg"]
    assert desktop.show_command(path, "win32") == ["explorer", f"/select,{path}"]
    assert desktop.show_command(path, "linux") is None


def test_facts_are_told_in_plain_words():
    facts = PhotoFacts(
        "jpeg", 4000, 3000, taken="2014-03-02T01:00:00", taken_offset="+02:00", taken_source="file", camera="Leica",
        exposure_seconds=0.004, f_number=2.8, iso=400, focal_length_mm=35.0, latitude=-33.9, longitude=18.4,
        keywords=("sea", "boat"), rating=3,
    )  # fmt: skip
    photo = Photo(1, facts, (Place(Path("/a.jpg"), FileState.KNOWN, 2_400_000, 0),))
    lines = dict(facts_text.lines(photo))
    assert lines["Taken"] == "2 March 2014, 01:00 (+02:00)\nthe file's own date"
    assert lines["Size"] == "4000 × 3000 · 12 megapixels · JPEG · 2.4 MB"
    assert lines["Exposure"] == "1/250 s · f/2.8 · ISO 400 · 35 mm"
    assert lines["Place"] == "33.90000° S, 18.40000° E"
    assert (lines["Keywords"], lines["Rating"]) == ("sea, boat", "★★★")
    assert dict(facts_text.lines(Photo(2, PhotoFacts("png", 10, 10), ()))) == {"Size": "10 × 10 · PNG"}
