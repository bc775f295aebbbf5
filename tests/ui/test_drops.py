"""What may come from the desktop: files, folders, picture data, addresses; by drop and by paste."""

from __future__ import annotations

import base64
import threading
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from photosearch.ui import drops
from tests.ui.fake_library import jpeg


def mime_of(*, urls=(), image=None, html="", text="") -> QMimeData:
    mime = QMimeData()
    if urls:
        mime.setUrls([QUrl(url) if isinstance(url, str) else QUrl.fromLocalFile(str(url)) for url in urls])
    if image is not None:
        mime.setImageData(image)
    if html:
        mime.setHtml(html)
    if text:
        mime.setText(text)
    return mime


def picture(width=40, height=30) -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    return image


def drop(window, mime):
    """Drop as the desktop does: enter, then drop."""
    at = QPointF(300, 300)
    enter = QDragEnterEvent(
        at.toPoint(), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QGuiApplication.sendEvent(window, enter)
    event = QDropEvent(at, Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QGuiApplication.sendEvent(window, event)
    return enter, event


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "holiday 1 <b>.jpg"
    path.write_bytes(jpeg(80, 60, "#ff0000"))
    return path


def test_a_dropped_file_searches_by_it_and_shows_a_chip(window, library, qtbot, file):
    enter, event = drop(window, mime_of(urls=[file]))
    assert enter.isAccepted()
    assert event.isAccepted()
    qtbot.waitUntil(lambda: bool(library.searched) and library.searched[-1].pictures == (file,))
    assert window.search.chips[0].picture.name == "holiday 1 <b>.jpg"
    assert "&lt;b&gt;" in window.search.chips[0].toolTip()
    qtbot.waitUntil(lambda: window.model.listing.query is not None)


def test_after_a_drop_from_another_program_words_can_be_typed_at_once(window, qtbot, file):
    other = QWidget()
    qtbot.addWidget(other)
    other.show()
    other.activateWindow()
    qtbot.waitUntil(other.isActiveWindow)
    drop(window, mime_of(urls=[file]))
    qtbot.waitUntil(window.isActiveWindow)


def test_several_dropped_files_are_all_searched_by(window, library, qtbot, file, data):
    drop(window, mime_of(urls=[file, data / "corners.webp"]))
    qtbot.waitUntil(lambda: bool(library.searched) and library.searched[-1].pictures == (file, data / "corners.webp"))


def test_a_local_file_goes_before_the_picture_data_offered_with_it(file):
    dropped = drops.read(mime_of(urls=[file], image=picture()))
    assert dropped.paths == (file,)
    assert dropped.image is None


def test_a_dropped_folder_is_offered_and_added_when_wanted(window, library, qtbot, tmp_path):
    new = tmp_path / "more photos"
    new.mkdir()
    drop(window, mime_of(urls=[new]))
    qtbot.waitUntil(window.notice.isVisible)
    assert window.notice.text.text() == "Add more photos to your library?"
    assert library.called("add_folder") == []
    window.notice.action.click()
    qtbot.waitUntil(lambda: library.called("add_folder") == [("add_folder", new)])


def test_dropped_picture_data_becomes_png_bytes_of_a_sensible_size(window, library, qtbot):
    drop(window, mime_of(image=picture(3000, 1500)))
    qtbot.waitUntil(lambda: bool(library.searched))
    data = library.searched[-1].pictures[0]
    assert isinstance(data, bytes)
    image = QImage.fromData(data)
    assert (image.width(), image.height()) == (drops.LARGEST_PASTED_PX, drops.LARGEST_PASTED_PX // 2)


def test_a_browsers_drop_with_its_address_and_the_picture_takes_the_picture():
    dropped = drops.read(
        mime_of(urls=["https://example.org/cat.jpg"], html='<img src="https://example.org/cat.jpg">', image=picture())
    )
    assert dropped.image is not None
    assert dropped.refused == ""


def test_a_data_url_is_a_picture():
    raw = jpeg(20, 20, "#00ff00")
    url = "data:image/jpeg;base64," + base64.b64encode(raw).decode()
    assert drops.read(mime_of(html=f"<img src='{url}'>")).data == raw
    assert drops.read(mime_of(urls=[url])).data == raw


@pytest.mark.parametrize(
    "mime",
    [
        {"urls": ["https://example.org/cat.jpg"], "text": "https://example.org/cat.jpg"},
        {"text": "http://example.org/a.png"},
        {"urls": ["ftp://example.org/a.png"]},
    ],
)
def test_an_address_on_the_web_is_refused_in_a_sentence(mime):
    assert "no network" in drops.read(mime_of(**mime)).refused


def test_a_refusal_is_shown_in_the_window(window, library, qtbot):
    drop(window, mime_of(urls=["https://example.org/cat.jpg"]))
    assert "no network" in window.notice.text.text()
    assert window.notice.isVisible()
    assert library.searched == []


def test_a_refusal_is_over_when_the_next_thing_comes_but_other_notices_stay(window, library, qtbot, file):
    drop(window, mime_of(urls=["https://example.org/cat.jpg"]))
    drop(window, mime_of(urls=[file]))
    assert not window.notice.isVisible()
    qtbot.waitUntil(lambda: bool(library.searched) and library.searched[-1].pictures == (file,))
    window.session.folder_failed.emit("/photos cannot be read.")
    assert window.notice.isVisible()
    drop(window, mime_of(text="a dog"))
    assert not window.notice.isVisible()
    window.session.told.emit("/photos is not there now.")
    drop(window, mime_of(text="a cat"))
    assert window.notice.isVisible()


def test_a_file_that_is_not_there_is_refused_with_its_name(window, library, qtbot, tmp_path):
    drop(window, mime_of(urls=[tmp_path / "gone.jpg"]))
    qtbot.waitUntil(window.notice.isVisible)
    assert "gone.jpg" in window.notice.text.text()
    assert library.searched == []


def test_files_and_folders_dropped_together_are_told_apart(file, tmp_path):
    found = drops.look_at((file, tmp_path, tmp_path / "gone.jpg"))
    assert (found.pictures, found.folders, found.refused) == ((file,), (tmp_path,), "")


def test_the_disk_is_not_asked_on_the_gui_thread(window, library, qtbot, file, monkeypatch):
    """A drive that went to sleep must not freeze the window that a photo is dropped on."""
    asked_on = set()
    for question in ("is_file", "is_dir"):
        ask = getattr(Path, question)

        def noted(self, *, ask=ask, **options):
            if self == file:
                asked_on.add(threading.current_thread())
            return ask(self, **options)

        monkeypatch.setattr(Path, question, noted)
    drop(window, mime_of(urls=[file]))
    qtbot.waitUntil(lambda: bool(library.searched) and library.searched[-1].pictures == (file,))
    assert asked_on and threading.main_thread() not in asked_on


def test_dropped_words_are_searched(window, library, qtbot):
    drop(window, mime_of(text="a dog\n on the  beach"))
    qtbot.waitUntil(lambda: bool(library.searched) and library.searched[-1].words == "a dog on the beach")


@pytest.mark.parametrize("start", ["field", "grid"])
def test_ctrl_v_pastes_a_copied_picture_wherever_the_focus_is(window, library, qtbot, start):
    QGuiApplication.clipboard().setImage(picture())
    widget = window.search.words if start == "field" else window.grid
    widget.setFocus()
    QTest.keyClick(widget, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: bool(library.searched) and isinstance(library.searched[-1].pictures[0], bytes))
    assert window.search.words.text() == ""


def test_ctrl_v_in_the_field_pastes_words_as_words(window, qtbot):
    QGuiApplication.clipboard().setText("red car")
    window.search.words.setFocus()
    QTest.keyClick(window.search.words, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert window.search.words.text() == "red car"


def test_a_copied_file_is_pasted_as_a_picture(window, library, qtbot, file):
    mime = mime_of(urls=[file], text=str(file))
    QGuiApplication.clipboard().setMimeData(mime)
    window.search.words.setFocus()
    QTest.keyClick(window.search.words, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: bool(library.searched) and library.searched[-1].pictures == (file,))


def test_a_chip_image_is_small_and_a_strange_file_has_none(file, data, tmp_path):
    image = drops.chip_image(file, 28)
    assert (image.width(), image.height()) == (37, 28)
    strange = tmp_path / "not a picture.jpg"
    strange.write_bytes(b"<svg/>")
    assert drops.chip_image(strange, 28).isNull()
    assert drops.chip_image(b"", 28).isNull()


def test_a_drag_is_welcomed_with_what_a_drop_would_do(tmp_path):
    def words(*paths: str, image: bool = False, web: str = "") -> str:
        mime = QMimeData()
        urls = [QUrl.fromLocalFile(path) for path in paths] + ([QUrl(web)] if web else [])
        mime.setUrls(urls)
        if image:
            mime.setImageData(QImage(4, 4, QImage.Format.Format_RGB32))
        return drops.welcome(mime)

    assert words("/photos/a.jpg", "/photos/b.HEIC") == "Drop to find photos like this"
    assert words("/photos/2014") == "Drop to add this folder"
    assert words(web="https://example.org/a.jpg", image=True) == "Drop to find photos like this"
    assert words(web="https://example.org/a.jpg") == "Drop to search with this"


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_chip_is_made_of_every_format_that_qt_reads(format_, tmp_path):
    file = tmp_path / "picture"
    Image.new("RGB", (60, 40), "red").save(file, format_)
    for source in (file, file.read_bytes()):
        assert drops.chip_image(source, 28).size().toTuple() == (42, 28)
