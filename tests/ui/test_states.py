"""What the window says in every state of the library, and what its dialogs and status line do."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox

from photosearch.account import reason_of
from photosearch.errors import CatalogDamaged, LibraryBusy
from photosearch.progress import IndexerFailed, LibraryChanged, Notice, Phase, Progress
from photosearch.records import Problem, Query
from photosearch.ui import status_line
from photosearch.ui.listing import Listing
from photosearch.ui.session import SORRY, State
from photosearch.ui.single_instance import Request
from tests.ui.fake_library import FakeLibrary


def words_of(page):
    return " ".join((page.title.text(), page.text.text(), page.small_print.text()))


def test_the_first_start_offers_the_pictures_folder_and_says_what_stays_private(open_window, folder, qtbot):
    library = FakeLibrary(None)
    window = open_window(library)
    assert window.stack.currentWidget() is window.page
    assert "leaves this computer" in words_of(window.page)
    assert [button.text() for button in window.page.buttons] == ["Use my Pictures folder", "Choose another folder…"]
    window.page.buttons[0].click()
    qtbot.waitUntil(lambda: library.called("add_folder") == [("add_folder", folder)])
    qtbot.waitUntil(lambda: len(window.model.listing) == 40)
    assert window.stack.currentWidget() is window.grid


def test_a_pictures_folder_that_is_not_there_is_not_offered(open_window, folder, qtbot):
    folder.rmdir()
    window = open_window(FakeLibrary(None))
    qtbot.waitUntil(lambda: [button.text() for button in window.page.buttons] == ["Choose a folder…"])


def test_a_folder_that_cannot_be_added_is_explained(window, qtbot, tmp_path):
    window.session.add_folder(tmp_path / "nowhere")
    qtbot.waitUntil(lambda: window.notice.isVisible())
    assert "There is no folder" in window.notice.text.text()


def test_a_damaged_catalog_is_repaired_by_one_click(open_window, library, qtbot):
    mended = []

    def opener(paths, *, model=None):
        if not mended:
            raise CatalogDamaged(paths.catalog, "file is not a database")
        return library

    window = open_window(opener=opener, repairer=mended.append, wait=False)
    qtbot.waitUntil(lambda: window.session.state is State.FAILED)
    assert "file is not a database" in window.page.text.text()
    assert [button.text() for button in window.page.buttons] == ["Repair", "Quit"]
    window.page.buttons[0].click()
    qtbot.waitUntil(lambda: len(window.model.listing) == 40)
    assert len(mended) == 1


def test_a_library_that_cannot_be_opened_says_why_and_can_be_tried_again(open_window, library, qtbot):
    tries = []

    def opener(paths, *, model=None):
        tries.append(paths)
        if len(tries) == 1:
            raise LibraryBusy(paths.data, "process 4711")
        return library

    window = open_window(opener=opener, wait=False)
    qtbot.waitUntil(lambda: window.session.state is State.FAILED)
    assert "process 4711" in window.page.text.text()
    assert not window.search.isEnabled()
    assert [button.text() for button in window.page.buttons] == ["Try again", "Quit"]
    window.page.buttons[0].click()
    qtbot.waitUntil(lambda: len(window.model.listing) == 40)
    assert window.search.isEnabled()


def test_a_fault_of_ours_while_opening_is_an_apology_not_a_traceback(open_window, qtbot, caplog):
    def opener(paths, *, model=None):
        raise ZeroDivisionError("inner secret")

    window = open_window(opener=opener, wait=False)
    qtbot.waitUntil(lambda: window.session.state is State.FAILED)
    assert window.page.text.text() == SORRY
    assert "inner secret" in caplog.text


def test_the_window_shows_before_the_library_is_open_and_can_be_closed(open_window, library, qtbot):
    gate = threading.Event()

    def opener(paths, *, model=None):
        assert gate.wait(20)
        return library

    window = open_window(opener=opener, wait=False)
    assert window.isVisible()
    assert words_of(window.page).strip() == "Opening the library…"
    window.close()
    assert not window.isVisible()
    with qtbot.waitSignal(window.session.closed):
        gate.set()
    assert library.closed.is_set()


def test_an_empty_folder_says_so(open_window, folder):
    window = open_window(FakeLibrary(folder, count=0))
    assert window.page.title.text() == "No photos here yet"
    assert str(folder) in window.page.text.text()


def test_while_the_first_photos_are_looked_for_the_page_says_they_will_come(open_window, folder, qtbot):
    library = FakeLibrary(folder, count=0)
    window = open_window(library)
    library.on_event(Progress(Phase.SCANNING, found=1234))
    qtbot.waitUntil(lambda: window.page.title.text() == "Your photos appear here as they are found")
    assert "1,234 photos found" in window.page.text.text()
    library.ids = [1, 2, 3]
    library.on_event(LibraryChanged(added=3))
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.grid)


def test_progress_is_told_and_indexing_paused_and_resumed(window, library, qtbot):
    library.on_event(Progress(Phase.ENCODING, done=1234, total=9876, photos_per_second=35.2, seconds_left=246))
    qtbot.waitUntil(lambda: window.status._progress.text() == "Indexing 1,234 of 9,876 · 35/s · about 4 min left")
    window.status._pause.click()
    qtbot.waitUntil(lambda: library.paused)
    assert window.status._progress.text() == "Paused · 1,234 of 9,876"
    assert window.status._pause.toolTip() == "Resume indexing"
    window.status._pause.click()
    qtbot.waitUntil(lambda: not library.paused)
    library.on_event(Progress(Phase.IDLE))
    qtbot.waitUntil(lambda: not window.status._progress.isVisible())


@pytest.mark.parametrize(
    ("progress", "paused", "text"),
    [
        (Progress(Phase.IDLE), False, ""),
        (Progress(Phase.IDLE), True, "Indexing is paused"),
        (Progress(Phase.SCANNING), False, "Looking for photos…"),
        (Progress(Phase.SCANNING, found=5000), False, "Looking for photos · 5,000 found"),
        (Progress(Phase.LOADING), False, "Loading the model…"),
        (Progress(Phase.PAUSED), True, "Indexing is paused"),
        (Progress(Phase.ENCODING, done=1, total=2), False, "Indexing 1 of 2"),
        (Progress(Phase.ON_BATTERY, done=1, total=2), False, "Waiting for mains power · 1 of 2"),
        (Progress(Phase.ENCODING, done=1, total=2, seconds_left=20), False,
         "Indexing 1 of 2 · less than a minute left"),
        (Progress(Phase.ENCODING, done=1, total=2, seconds_left=9000), False,
         "Indexing 1 of 2 · about 2 h 30 min left"),
    ],
)  # fmt: skip
def test_progress_in_words(progress, paused, text):
    assert status_line.progress_text(progress, paused=paused) == text


def test_a_narrow_window_stays_narrow_while_it_indexes_and_a_wide_one_says_all(open_window, library, qtbot, folder):
    library.faults = [Problem(folder / f"{n}.jpg", "empty", "The file is empty.", 0.0) for n in range(12)]
    window = open_window(library)
    status = window.status
    window.resize(window.minimumSize())
    library.on_event(Progress(Phase.ENCODING, done=1234, total=9876, photos_per_second=35.2, seconds_left=246))
    qtbot.waitUntil(lambda: status._bar.isVisible())
    assert window.width() == window.minimumWidth()
    assert status._problems.isVisible() and status._problems.text() == "12"
    assert status._problems.accessibleName() == "12 files have problems"
    assert status._progress.toolTip().endswith("about 4 min left")
    assert not status._slider.isVisible()
    window.resize(1300, 800)
    qtbot.waitUntil(lambda: status._slider.isVisible())
    assert status._problems.text() == "12 files have problems"


def test_many_events_become_few_signals(window, library, qtbot):
    told = []
    window.session.progressed.connect(lambda: told.append(1))
    for done in range(5000):
        library.on_event(Progress(Phase.ENCODING, done=done, total=5000))
    qtbot.waitUntil(lambda: window.session.progress.done == 4999)
    assert len(told) < 20


def test_an_indexer_that_failed_says_what_to_do(window, library, qtbot):
    library.on_event(IndexerFailed("The disk is full; free some space."))
    qtbot.waitUntil(lambda: window.notice.text.text() == "The disk is full; free some space.")
    library.on_event(Progress(Phase.ENCODING, done=1, total=2))
    qtbot.waitUntil(lambda: not window.notice.isVisible())


def test_a_folder_that_went_away_is_told_in_the_window_and_stays_until_it_is_read(window, library, qtbot):
    library.on_event(Notice("/photos is not there now."))
    qtbot.waitUntil(lambda: window.notice.isVisible() and window.notice.text.text() == "/photos is not there now.")
    library.on_event(Progress(Phase.ENCODING, done=1, total=2))
    qtbot.waitUntil(lambda: window.session.progress.phase is Phase.ENCODING)
    assert window.notice.isVisible()


def test_problems_are_counted_listed_copied_and_tried_again(open_window, library, qtbot, folder):
    library.faults = [
        Problem(folder / "<b>bad</b>.jpg", "damaged", "The file is cut off.", 0.0),
        Problem(folder / "empty.jpg", "empty", "The file is empty.", 0.0),
    ]
    window = open_window(library)
    assert window.status._problems.text() == "2 files have problems"
    window.status._problems.click()
    dialog = window.dialogs.problems
    qtbot.waitUntil(lambda: dialog.tree.topLevelItemCount() == 2)
    damaged = dialog.tree.topLevelItem(0)
    assert (damaged.text(0), damaged.text(1)) == ("1 damaged", reason_of("damaged").advice)
    assert damaged.child(0).text(0) == str(folder / "<b>bad</b>.jpg")
    assert dialog.about.text().startswith("40 of 42 files searchable; 2 not: 1 damaged, 1 empty.")
    assert window.status._counts.toolTip() == "40 of 42 files searchable; 2 not: 1 damaged, 1 empty."
    assert not dialog.isModal()
    dialog.copy.click()
    assert QGuiApplication.clipboard().text().splitlines()[1] == f"{folder / 'empty.jpg'}\tThe file is empty."
    damaged.setSelected(True)
    dialog.copy.click()
    assert QGuiApplication.clipboard().text() == f"{folder / '<b>bad</b>.jpg'}\tThe file is cut off."
    dialog.retry.click()
    qtbot.waitUntil(lambda: dialog.tree.topLevelItemCount() == 0)
    assert not window.status._problems.isVisible()


def test_the_folders_dialog_shows_leaves_out_includes_and_removes(open_window, library, qtbot, folder):
    window = open_window(library)
    window.dialogs.show_folders()
    dialog = window.dialogs.folders
    assert not dialog.isModal()
    item = dialog.tree.topLevelItem(0)
    assert (item.text(0), item.text(1)) == (str(folder), "40 photos")
    window.session.exclude(folder / "private")
    qtbot.waitUntil(lambda: dialog.tree.topLevelItem(0).childCount() == 1)
    dialog.tree.setCurrentItem(dialog.tree.topLevelItem(0).child(0))
    assert dialog.remove.text() == "Include again"
    dialog.remove.click()
    qtbot.waitUntil(lambda: library.called("include") == [("include", folder / "private")])
    qtbot.waitUntil(lambda: dialog.tree.topLevelItem(0).childCount() == 0)
    dialog.tree.setCurrentItem(dialog.tree.topLevelItem(0))
    dialog.remove.click()
    box = dialog.findChild(QMessageBox)
    assert box.textFormat() is Qt.TextFormat.PlainText
    next(button for button in box.buttons() if button.text() == "Remove").click()
    qtbot.waitUntil(lambda: library.called("remove_folder") == [("remove_folder", folder)])
    qtbot.waitUntil(lambda: window.page.title.text() == "Find any photo by what it shows")


def test_missing_photos_of_a_folder_are_forgotten_only_when_the_user_says_so(open_window, library, qtbot, folder):
    library.missing = 63
    window = open_window(library)
    window.dialogs.show_folders()
    dialog = window.dialogs.folders
    assert "63 missing and kept" in dialog.tree.topLevelItem(0).text(1)
    assert dialog.forget.isVisible()
    dialog.forget.click()
    qtbot.waitUntil(lambda: library.called("forget_away") == [("forget_away", folder)])
    qtbot.waitUntil(lambda: not dialog.forget.isVisible())
    assert "missing" not in dialog.tree.topLevelItem(0).text(1)


def test_a_later_start_adds_its_folder_and_searches(window, library, qtbot, tmp_path):
    window.asked(Request((tmp_path,), "boats"))
    qtbot.waitUntil(lambda: library.called("add_folder") == [("add_folder", tmp_path)])
    qtbot.waitUntil(lambda: [query.words for query in library.searched] == ["boats"])
    assert window.search.words.text() == "boats"


def test_closing_hides_at_once_and_closes_the_library_behind(window, library, qtbot):
    with qtbot.waitSignal(window.session.closed):
        window.close()
        assert not window.isVisible()
    assert library.closed.is_set()


def test_size_and_panel_are_remembered(open_window, library, qtbot):
    window = open_window(library)
    window.resize(820, 610)
    window.commands["details"].trigger()
    assert window.details.isVisible()
    with qtbot.waitSignal(window.session.closed):
        window.close()
    again = FakeLibrary(library.folder)
    second = open_window(again)
    assert second.details.isVisible()


@pytest.mark.parametrize(
    ("phase", "paused", "says", "offers"),
    [
        (Phase.ENCODING, False, "Your photos are being looked at. The first answers come in a moment.", []),
        (Phase.PAUSED, True, "Indexing is paused. Still to be indexed: 40 photos.", ["Resume"]),
        (Phase.IDLE, False, "Still to be indexed: 40 photos.", []),
    ],
)
def test_photos_that_the_model_has_not_seen_are_not_called_unreadable(
    open_window, library, qtbot, phase, paused, says, offers
):
    library.unseen, library.answers["dog"], library.paused = 40, [], paused
    window = open_window(library)
    library.on_event(Progress(phase, total=40))
    qtbot.waitUntil(lambda: window.session.progress.phase is phase)
    window.session.set_query(words="dog")
    qtbot.waitUntil(lambda: window.page.title.text() == "There is nothing to search yet")
    qtbot.waitUntil(lambda: window.page.text.text() == says)
    assert [button.text() for button in window.page.buttons] == [*offers, "Clear the search"]


def test_where_no_photo_can_be_read_the_search_says_so(open_window, folder, qtbot):
    library = FakeLibrary(folder, count=0)
    library.faults = [Problem(folder / "a.jpg", "damaged", "The file is cut off.", 0.0)]
    library.answers["dog"] = []
    window = open_window(library)
    window.session.set_query(words="dog")
    qtbot.waitUntil(lambda: window.page.text.text() == "No photo in your folders could be read.")
    assert [button.text() for button in window.page.buttons] == ["See the problems", "Clear the search"]


def test_f5_looks_again(window, library, qtbot):
    window.commands["rescan"].trigger()
    qtbot.waitUntil(lambda: library.called("rescan") == [("rescan",)])


def test_a_path_that_is_no_folder_is_named_plainly(window, qtbot):
    window.session.add_folder(Path("/no/<b>such</b>"))
    qtbot.waitUntil(lambda: window.notice.isVisible())
    assert "<b>such</b>" in window.notice.text.text()
    assert window.notice.text.textFormat() is Qt.TextFormat.PlainText


def test_the_indexer_is_told_that_somebody_works_in_the_window(window, library, qtbot):
    before = library.activity
    QTest.keyClicks(window.search.words, "dog")
    assert library.activity == before + 3
    window.grid.verticalScrollBar().setValue(200)
    assert library.activity > before + 3


def test_while_photos_are_read_the_library_is_told_what_is_on_screen(window, library, qtbot):
    def told_what_is_on_screen() -> bool:
        shown = [window.model.tile(row).photo_id for row in window.grid.visible_rows()]
        return library.called("prefer")[-1:] == [("prefer", shown)]

    for done in range(50):
        library.on_event(Progress(Phase.ENCODING, done=done, total=100))
    qtbot.waitUntil(told_what_is_on_screen)
    times = len(library.called("prefer"))
    assert times <= 5
    window.grid.verticalScrollBar().setValue(window.grid.verticalScrollBar().maximum())
    library.on_event(Progress(Phase.ENCODING, done=51, total=100))
    qtbot.waitUntil(told_what_is_on_screen)
    assert len(library.called("prefer")) > times


@pytest.mark.parametrize(("seconds", "told"), [(0.0004, "0.01 s"), (0.014, "0.01 s"), (1.5, "1.50 s")])
def test_a_search_that_took_no_time_is_not_told_as_0(seconds, told):
    assert status_line.counts_text(Listing(query=Query("dog"), seconds=seconds), 0) == f"0 · {told}"
