"""Searching in the window: as one types, with pictures, stepping back, and only ever the newest answer."""

from __future__ import annotations

import threading

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from photosearch.errors import ModelUnavailable, PhotoError, ProblemCode, QueryError
from photosearch.progress import LibraryChanged
from photosearch.records import Query
from photosearch.ui.photo_model import PhotoRole
from photosearch.ui.session import QueryPicture


def shown_ids(window):
    return [tile.photo_id for tile in window.model.listing.tiles]


def test_results_come_as_one_types_best_first_in_two_sections(window, library, qtbot):
    library.answers["dog"] = [(7, 0.93), (3, 0.71), (9, 0.31)]
    QTest.keyClicks(window.search.words, "dog")
    qtbot.waitUntil(lambda: shown_ids(window) == [7, 3, 9])
    assert [(s.title, s.count) for s in window.model.listing.sections] == [("Best matches", 2), ("Weaker matches", 1)]
    assert window.status.text == "3 of 40 photos · 0.01 s"
    assert window.model.index(0).data(PhotoRole.STRENGTH) == 0.93
    assert window.windowTitle() == "dog — PhotoSearch"
    assert [query.words for query in library.searched] == ["dog"]


def test_the_model_is_loaded_from_the_first_letter_of_each_query_on(window, library, qtbot):
    def warmed() -> int:
        return library.calls.count(("warm_up",))

    qtbot.waitUntil(lambda: warmed() == 1)  # as the library opened
    QTest.keyClick(window.search.words, "d")
    qtbot.waitUntil(lambda: warmed() == 2)
    assert library.searched == []
    QTest.keyClicks(window.search.words, "og")
    qtbot.waitUntil(lambda: bool(library.searched))
    window.session.clear_query()
    QTest.keyClick(window.search.words, "c")
    qtbot.waitUntil(lambda: warmed() == 3)


def test_enter_searches_without_waiting_for_the_typing_to_rest(window, library, qtbot):
    library.answers["cat"] = [(2, 0.8)]
    QTest.keyClicks(window.search.words, "cat")
    QTest.keyClick(window.search.words, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: shown_ids(window) == [2])


def test_an_answer_that_comes_late_is_dropped(window, library, qtbot):
    library.held["slow"] = threading.Event()
    library.answers["slow"] = [(1, 0.9)]
    library.answers["quick"] = [(5, 0.9)]
    window.session.set_query(words="slow")
    qtbot.waitUntil(lambda: [q.words for q in library.searched] == ["slow"])
    window.session.set_query(words="never run")
    window.session.set_query(words="quick")
    seen = []
    window.session.listed.connect(lambda: seen.append(shown_ids(window)))
    library.held["slow"].set()
    qtbot.waitUntil(lambda: shown_ids(window) == [5])
    assert [1] not in seen
    assert [q.words for q in library.searched] == ["slow", "quick"]


def test_a_late_answer_does_not_replace_the_library_after_the_query_was_cleared(window, library, qtbot):
    library.held["slow"] = threading.Event()
    window.session.set_query(words="slow")
    qtbot.waitUntil(lambda: bool(library.searched))
    window.session.clear_query()
    library.held["slow"].set()
    qtbot.waitUntil(lambda: not window.session.workers.searches.busy)
    assert window.session.workers.searches.finish(5000)
    qtbot.waitUntil(lambda: window.model.listing.query is None and len(window.model.listing) == 40)


def test_esc_clears_the_query_and_the_library_is_where_it_was(open_window, folder, qtbot):
    from tests.ui.fake_library import FakeLibrary

    window = open_window(FakeLibrary(folder, count=800))
    bar = window.grid.verticalScrollBar()
    bar.setValue(4000)
    first = window.model.tile(window.grid.visible_rows()[0]).photo_id
    window.session.set_query(words="dog")
    qtbot.waitUntil(lambda: window.model.listing.query is not None)
    assert bar.value() == 0
    QTest.keyClick(window.search.words, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.model.listing.query is None)
    assert window.search.words.text() == ""
    assert first in [window.model.tile(row).photo_id for row in window.grid.visible_rows()]


def test_the_library_is_back_at_once_when_the_query_is_cleared(window, library, qtbot):
    window.session.set_query(words="dog")
    qtbot.waitUntil(lambda: window.model.listing.query is not None)
    window.session.clear_query()
    assert window.model.listing.query is None
    assert len(window.model.listing) == 40


def test_a_library_that_did_not_change_is_not_laid_out_anew(window, library, qtbot):
    resets = []
    window.model.modelReset.connect(lambda: resets.append(1))
    told = []
    window.session.status_changed.connect(lambda: told.append(1))
    library.on_event(LibraryChanged())
    qtbot.waitUntil(lambda: bool(told))
    qtbot.waitUntil(lambda: not window.session.workers.errands.busy)
    assert resets == []


def test_a_query_of_words_and_a_picture_goes_to_the_library_together(window, library, qtbot, data):
    picture = data / "corners.webp"
    window.session.set_query(words="at night", pictures=[QueryPicture(picture, picture.name), QueryPicture(3, "x")])
    qtbot.waitUntil(lambda: bool(library.searched))
    assert library.searched[-1] == Query(words="at night", pictures=(picture, 3))
    assert [chip.picture.name for chip in window.search.chips] == ["corners.webp", "x"]


def test_a_chip_can_be_taken_out_by_its_button_and_by_backspace(window, library, qtbot, data):
    window.session.set_query(pictures=[QueryPicture(data / "corners.webp", "a"), QueryPicture(3, "b")])
    assert window.search.words.placeholderText() == "Add words, if you like"
    window.search.chips[0].removed.emit()
    qtbot.waitUntil(lambda: bool(library.searched) and library.searched[-1].pictures == (3,))
    QTest.keyClick(window.search.words, Qt.Key.Key_Backspace)
    qtbot.waitUntil(lambda: window.model.listing.query is None and len(window.model.listing) == 40)
    assert window.search.chips == []


def test_spaces_alone_are_no_query(window, library, qtbot):
    QTest.keyClicks(window.search.words, "   ")
    qtbot.waitUntil(lambda: not window.session.workers.errands.busy)
    assert library.searched == []
    assert len(window.model.listing) == 40


def test_nothing_found_says_so_and_what_to_try(window, library, qtbot):
    library.answers["unicorn"] = []
    window.session.set_query(words="unicorn")
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.page)
    assert window.page.title.text() == "No photo is like that"
    assert "40 photos" in window.page.text.text()
    window.page.buttons[0].click()
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.grid)


def test_the_nearest_photos_are_shown_though_none_matches_and_the_status_says_it(window, library, qtbot):
    library.answers["zzz"] = [(i, 0.01) for i in range(1, 31)]
    window.session.set_query(words="zzz")
    qtbot.waitUntil(lambda: window.model.listing.query is not None)
    assert len(window.model.listing) == 12
    assert window.status.text.startswith("No good match · 12 of 40 photos")


def test_what_goes_wrong_with_a_search_is_told_in_its_own_words(window, library, qtbot):
    faults = {
        "picture": (PhotoError(ProblemCode.DAMAGED, "cat.jpg is damaged."), "That picture cannot be used"),
        "query": (QueryError("That photo is not indexed yet."), "That cannot be searched for"),
        "model": (ModelUnavailable("big", "its files are missing."), "Searching does not work right now"),
    }
    for words, (error, title) in faults.items():
        library.answers[words] = error
        window.session.set_query(words=words)
        qtbot.waitUntil(lambda title=title: window.page.title.text() == title)
        assert window.page.text.text() == str(error)
    window.session.clear_query()
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.grid)


def test_new_photos_join_the_answer_while_the_query_stands(window, library, qtbot):
    library.answers["dog"] = [(3, 0.9)]
    window.session.set_query(words="dog")
    qtbot.waitUntil(lambda: shown_ids(window) == [3])
    library.ids.append(77)
    library.answers["dog"] = [(77, 0.95), (3, 0.9)]
    library.on_event(LibraryChanged(added=1))
    qtbot.waitUntil(lambda: shown_ids(window) == [77, 3])


def test_ctrl_f_and_slash_lead_to_the_field_and_down_into_the_photos(window, qtbot):
    window.activateWindow()
    window.grid.setFocus()
    QTest.keyClick(window.grid, Qt.Key.Key_Slash)
    assert window.focusWidget() is window.search.words
    QTest.keyClick(window.search.words, Qt.Key.Key_Down)
    assert window.focusWidget() is window.grid
    assert window.grid.current == 0
    QTest.keyClick(window.grid, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert window.focusWidget() is window.search.words
    QTest.keyClicks(window.search.words, "a/b?i+")
    assert window.search.words.text() == "a/b?i+"
    assert not window.details.isVisible()


def test_the_library_is_called_from_worker_threads_only(window, library, qtbot):
    window.session.set_query(words="dog")
    qtbot.waitUntil(lambda: window.model.listing.query is not None)
    window.session.toggle_pause()
    window.session.rescan()
    qtbot.waitUntil(lambda: bool(library.called("rescan")) and bool(library.called("pause")))
    assert threading.get_ident() not in library.threads
