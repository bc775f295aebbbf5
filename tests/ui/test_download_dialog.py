"""Downloading a model from the window: offered where it is missing, how far it is, stopped, failed, done.

What is downloaded with is a stand-in; the real one is tried in tests/integration/test_model_download.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from photosearch.errors import Cancelled, ModelNotHere, ModelUnavailable
from photosearch.model import Fetched, ModelSpec
from photosearch.progress import IndexerFailed
from photosearch.ui.download_dialog import DownloadDialog, amount_text
from photosearch.ui.session import State
from photosearch.ui.window import Window
from tests.ui.fake_library import FakeLibrary

NAME = "ViT-B-32/laion2b_s34b_b79k"


class SlowDownload:
    """Says what a test puts into ``steps``, and ends as ``outcome`` when it is told to."""

    made: list[SlowDownload]
    outcome: Exception | None = None

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.say: Callable[[Fetched], None] = lambda said: None
        self.started, self.end, self.cancelled = threading.Event(), threading.Event(), threading.Event()
        self.made.append(self)

    def run(self, say: Callable[[Fetched], None]) -> object:
        self.say = say
        self.started.set()
        assert self.end.wait(20), "the test never let this download end"
        if self.cancelled.is_set():
            raise Cancelled()
        if self.outcome is not None:
            raise self.outcome
        return "a model"

    def cancel(self) -> None:
        self.cancelled.set()
        self.end.set()


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[SlowDownload]:
    monkeypatch.setattr(SlowDownload, "made", [], raising=False)
    monkeypatch.setattr("photosearch.model.Download", SlowDownload)
    return SlowDownload.made


def begun(window: Window, downloads: list[SlowDownload], qtbot: QtBot, count: int = 1) -> DownloadDialog:
    window.dialogs.show_download(NAME)
    qtbot.waitUntil(lambda: len(downloads) == count)
    assert downloads[-1].started.wait(5)
    dialog = window.dialogs.download
    assert dialog is not None
    assert dialog.isVisible()
    return dialog


def test_it_is_offered_where_indexing_lacks_the_model_and_not_again_while_it_runs(window, library, downloads, qtbot):
    failed = IndexerFailed("It is not here.", to_download=NAME)
    library.on_event(failed)
    qtbot.waitUntil(window.notice.isVisible)
    assert (window.notice.text.text(), window.notice.action.text()) == ("It is not here.", "Download")
    window.notice.action.click()
    qtbot.waitUntil(lambda: len(downloads) == 1)
    assert downloads[0].spec == ModelSpec(NAME, "pretrained", architecture="ViT-B-32", tag="laion2b_s34b_b79k")
    assert window.dialogs.downloading
    library.on_event(failed)
    library.on_event(IndexerFailed("Another reason."))
    qtbot.waitUntil(window.notice.isVisible)
    assert window.notice.text.text() == "Another reason."
    assert not window.notice.action.isVisible()
    downloads[0].end.set()


def test_it_is_offered_where_a_search_lacks_the_model(window, library, downloads, qtbot):
    library.answers["boats"] = ModelNotHere(NAME)
    window.session.set_query(words="boats")
    qtbot.waitUntil(lambda: window.page.title.text() == "The model is not on this computer")
    assert [button.text() for button in window.page.buttons] == ["Download it", "Settings…", "Clear the search"]
    window.page.buttons[0].click()
    qtbot.waitUntil(lambda: len(downloads) == 1)
    downloads[0].end.set()


def test_it_tells_how_far_it_is_and_the_library_is_opened_anew_in_the_end(open_window, folder, downloads, qtbot):
    opened: list[FakeLibrary] = []

    def opener(_paths: object, *, model: str | None = None) -> FakeLibrary:
        opened.append(FakeLibrary(folder))
        return opened[-1]

    window = open_window(opener=opener, wait=False)
    qtbot.waitUntil(lambda: window.session.state is State.OPEN)
    dialog = begun(window, downloads, qtbot)
    assert not dialog.isModal()
    assert NAME in dialog.about.text()
    assert dialog.bar.maximum() == 0  # something goes on, nobody knows how long
    downloads[0].say(Fetched(0, 0))
    downloads[0].say(Fetched(121_000_000, 605_000_000))
    qtbot.waitUntil(lambda: dialog.amount.text() == "121 of 605 MB")
    assert dialog.bar.value() / dialog.bar.maximum() == pytest.approx(0.2)
    downloads[0].say(Fetched(5_000_000_000, 10_000_000_000))
    qtbot.waitUntil(lambda: dialog.bar.value() == dialog.bar.maximum() // 2)
    downloads[0].say(Fetched(605_000_000, 605_000_000))
    qtbot.waitUntil(lambda: dialog.amount.text() == "Looking whether it works…")
    downloads[0].end.set()
    qtbot.waitUntil(lambda: len(opened) == 2 and window.session.state is State.OPEN)
    assert opened[0].closed.is_set()
    assert not dialog.isVisible()
    assert not window.dialogs.downloading


@pytest.mark.parametrize("how", ["button", "close", "escape"])
def test_leaving_it_stops_the_download(window, downloads, qtbot, how):
    dialog = begun(window, downloads, qtbot)
    assert dialog.leave.text() == "Stop"
    {"button": dialog.leave.click, "close": dialog.close, "escape": dialog.reject}[how]()
    assert downloads[0].cancelled.wait(5)
    assert not dialog.isVisible()
    assert window.session.state is State.OPEN
    begun(window, downloads, qtbot, count=2)  # and it can be begun again
    downloads[1].end.set()
    qtbot.waitUntil(lambda: not window.dialogs.downloading)


def test_closing_the_window_stops_the_download(window, downloads, qtbot):
    begun(window, downloads, qtbot)
    with qtbot.waitSignal(window.session.closed):
        window.close()
    assert downloads[0].cancelled.wait(5)


def test_what_kept_it_is_told_and_it_can_be_tried_again(window, downloads, qtbot, monkeypatch):
    monkeypatch.setattr(SlowDownload, "outcome", ModelUnavailable(NAME, "huggingface.co cannot be reached."))
    dialog = begun(window, downloads, qtbot)
    assert not dialog.again.isVisible()
    downloads[0].end.set()
    qtbot.waitUntil(lambda: "cannot be reached" in dialog.about.text())
    assert dialog.isVisible()
    assert (dialog.bar.isVisible(), dialog.leave.text()) == (False, "Close")
    dialog.again.click()
    qtbot.waitUntil(lambda: len(downloads) == 2)
    assert dialog.busy
    downloads[1].end.set()
    qtbot.waitUntil(lambda: not dialog.busy)


def test_while_one_is_under_way_no_other_begins(window, downloads, qtbot):
    dialog = begun(window, downloads, qtbot)
    window.dialogs.show_download("ViT-L-14/openai")
    assert dialog.name == NAME
    assert len(downloads) == 1
    downloads[0].end.set()
    qtbot.waitUntil(lambda: not dialog.busy)


def test_amounts_are_told_in_megabytes():
    assert amount_text(0, 605_155_332) == "0 of 605 MB"
    assert amount_text(1_234_500_000, 1_710_000_000) == "1,234 of 1,710 MB"
    assert amount_text(7, 0) == ""
