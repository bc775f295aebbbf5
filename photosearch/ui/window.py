"""The window: search field, photos, details and status line laid out, and each wired to the session.

It holds no state of the library; the session does. What photos can be asked for (open, copy, drag, find similar) is in
``photo_actions``.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QSettings, QSize, Qt, QTimer
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QImage,
    QKeyEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from photosearch.paths import AppPaths, pictures_folder
from photosearch.progress import IndexerFailed, Phase
from photosearch.ui import drops, icons, theme, welcome
from photosearch.ui.commands import Commands
from photosearch.ui.details import Details
from photosearch.ui.dialogs import Dialogs, bring_up
from photosearch.ui.grid import PhotoGrid
from photosearch.ui.intake import Intake
from photosearch.ui.notice_bar import NoticeBar
from photosearch.ui.pages import Page, PageView
from photosearch.ui.photo_actions import PhotoActions
from photosearch.ui.photo_model import PhotoModel
from photosearch.ui.preview import Preview
from photosearch.ui.search_field import CHIP_PX, Chip, SearchField
from photosearch.ui.session import Session, State
from photosearch.ui.single_instance import Request
from photosearch.ui.status_line import StatusLine, counts_text
from photosearch.ui.theme import UNIT_PX
from photosearch.ui.thumbnails import Thumbnails
from photosearch.ui.visible_first import VisibleFirst

_SMALLEST = QSize(480, 360)
_FIRST_SIZE = QSize(1200, 800)
_TILE_REMEMBER_MS = 800
_SEARCHING_SHOWN_MS = 400


class Window(QWidget):
    """The program's one window. ``pictures``: the folder offered on the first start."""

    def __init__(self, session: Session, paths: AppPaths, *, pictures: Path | None = None) -> None:
        super().__init__()
        self.session = session
        self._pictures = pictures or pictures_folder()
        self._pictures_are_there = True  # as nearly always; it is looked up when the library is open
        self._state_file = QSettings(str(paths.window_state), QSettings.Format.IniFormat)
        self.dialogs = Dialogs(session, self)
        self._failure = ""
        """What the indexer stumbled over last."""
        self.setWindowTitle("PhotoSearch")
        self.setWindowIcon(icons.app_icon())
        self.setMinimumSize(_SMALLEST)
        self.setAcceptDrops(True)
        self.thumbnails = Thumbnails(session.workers.thumbnails, parent=self)
        self.model = PhotoModel(session.book, self)
        self.search = SearchField()
        self.notice = NoticeBar()
        self.grid = PhotoGrid(self.model, self.thumbnails)
        self.page = PageView()
        self.details = Details()
        self.status = StatusLine()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.page)
        self.stack.addWidget(self.grid)
        self.stack.setMinimumWidth(20 * UNIT_PX)  # or the pages would push the details out of a narrow window
        self.preview = Preview(self.model, session, self.thumbnails, self)
        self.actions_on_photos = PhotoActions(session, self.model, self.grid, self.thumbnails, self)
        self._lay_out()
        self.intake = Intake(session, self.notice, window=self, search_bar=self._bar, pictures=self._pictures)
        self.commands = self._make_commands()
        self._menu_button.setMenu(
            self.commands.menu(
                self, "open_picture add_folder folders problems - rescan pause - larger smaller details full_screen"
                " - settings shortcuts about quit"
            )
        )  # fmt: skip
        self._doings = welcome.Doings(
            add_folder=session.add_folder,
            choose_folder=self.intake.choose_folder,
            show_folders=self.dialogs.show_folders,
            show_problems=self.dialogs.show_problems,
            show_settings=self.dialogs.show_settings,
            download=self.dialogs.show_download,
            clear_query=session.clear_query,
            try_again=session.open,
            repair=session.repair,
            quit=self.leave,
        )
        self._tile_timer = self._timer(lambda: session.remember_tile_px(self.grid.tile_px))
        self._searching_timer = self._timer(lambda: self.status.show_counts("Searching…"))
        self._wire()
        self._restore()
        theme.keeper().changed.connect(self._dress)
        self._dress()
        self._show_state()

    def _timer(self, slot) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(slot)
        return timer

    def _lay_out(self) -> None:
        self._bar = QFrame()
        self._bar.setObjectName("bar")
        row = QHBoxLayout(self._bar)
        row.setContentsMargins(2 * UNIT_PX, int(1.5 * UNIT_PX), 2 * UNIT_PX, int(1.5 * UNIT_PX))
        row.setSpacing(UNIT_PX)
        self._buttons: list[tuple[QToolButton, str]] = []
        row.addWidget(self.search, 1)
        self._folders_button = self._tool_button("folder", "Folders", row)
        self._details_button = self._tool_button("info", "Details (I)", row)
        self._details_button.setCheckable(True)
        self._menu_button = self._tool_button("menu", "Menu", row)
        self._menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.stack, 1)
        middle.addWidget(self.details)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._bar)
        column.addWidget(self.notice)
        column.addLayout(middle, 1)
        column.addWidget(self.status)

    def _tool_button(self, icon: str, words: str, row: QHBoxLayout) -> QToolButton:
        button = QToolButton()
        button.setIconSize(QSize(22, 22))
        button.setFixedSize(5 * UNIT_PX, 5 * UNIT_PX)
        button.setToolTip(words)
        button.setAccessibleName(words.split(" (")[0])
        row.addWidget(button)
        self._buttons.append((button, icon))
        return button

    def _dress(self) -> None:
        for button, icon in self._buttons:
            button.setIcon(icons.icon(icon, theme.current().text, disabled=theme.current().line))
        self.grid.viewport().update()

    def _make_commands(self) -> Commands:
        act, session = self.actions_on_photos, self.session
        return Commands(self, {
            "search": self.focus_search,
            "paste": self.intake.paste,
            "open_picture": self.intake.choose_picture,
            "open": act.open_current,
            "preview": lambda: self.show_preview(self.grid.current),
            "show_file": act.show_current,
            "similar": act.find_similar,
            "copy_image": act.copy_image,
            "copy_path": act.copy_paths,
            "details": self.toggle_details,
            "add_folder": self.intake.choose_folder,
            "folders": self.dialogs.show_folders,
            "problems": self.dialogs.show_problems,
            "rescan": session.rescan,
            "pause": session.toggle_pause,
            "settings": self.dialogs.show_settings,
            "larger": lambda: self.status.step_tile_px(1),
            "smaller": lambda: self.status.step_tile_px(-1),
            "full_screen": self._toggle_full_screen,
            "shortcuts": lambda: self.dialogs.show_shortcuts(self.commands),
            "about": self.dialogs.show_about,
            "quit": self.leave,
        })  # fmt: skip

    def _wire(self) -> None:
        session, search, grid = self.session, self.search, self.grid
        session.state_changed.connect(self._state_changed)
        session.query_changed.connect(self._query_changed)
        session.searching_changed.connect(self._searching_changed)
        session.listed.connect(self._listed)
        session.status_changed.connect(self._show_state)
        session.progressed.connect(self._show_progress)
        session.noticed.connect(self.status.notice)
        session.folder_failed.connect(self._folder_failed)
        session.told.connect(self.notice.show_notice)
        session.indexer_failed.connect(self._indexer_failed)
        session.book.learned.connect(self._photo_learned)
        search.words_changed.connect(session.set_words)
        search.entered.connect(session.search_now)
        search.cleared.connect(session.clear_query)
        search.chip_removed.connect(session.remove_picture)
        search.chip_shown.connect(self._load_chip)
        search.picture_pasted.connect(self.intake.paste)
        search.left_downwards.connect(self._enter_grid)
        search.stepped_back.connect(self.step_back)
        grid.activated.connect(self.actions_on_photos.open_row)
        grid.preview_wanted.connect(self.show_preview)
        grid.selection_changed.connect(self._show_details)
        grid.menu_wanted.connect(self._show_menu)
        grid.drag_wanted.connect(self.actions_on_photos.drag)
        grid.resize_wanted.connect(self.status.step_tile_px)
        grid.hovered.connect(self._hovered)
        self.preview.left.connect(lambda: self.grid.setFocus(Qt.FocusReason.MouseFocusReason))
        self.preview.row_changed.connect(self.grid.go_to)
        self.preview.opened.connect(self.actions_on_photos.open_row)
        self.thumbnails.loaded.connect(self._thumbnail_loaded)
        self.details.open_wanted.connect(self.actions_on_photos.open_current)
        self.details.show_wanted.connect(self.actions_on_photos.show_current)
        self.details.similar_wanted.connect(self.actions_on_photos.find_similar)
        self.status.pause_wanted.connect(session.toggle_pause)
        self.status.problems_wanted.connect(self.dialogs.show_problems)
        self.status.tile_px_changed.connect(self._tile_px_changed)
        VisibleFirst(session, grid)
        for busy in (search.words_changed, grid.current_changed, grid.verticalScrollBar().valueChanged):
            busy.connect(session.note_activity)
        self.preview.row_changed.connect(session.note_activity)
        self._folders_button.clicked.connect(self.dialogs.show_folders)
        self._details_button.clicked.connect(self.toggle_details)

    # What the session tells

    def _state_changed(self) -> None:
        session = self.session
        if session.state is State.OPEN:
            self.thumbnails.use(session.library)
            session.load_tile_px(self._tile_px_loaded)
            session.workers.errands.start(self._pictures.is_dir, self._pictures_looked_for)
        else:
            self.thumbnails.use(None)
        self._show_state()

    def _pictures_looked_for(self, there: object) -> None:
        self._pictures_are_there = there is True
        self._show_state()

    def _tile_px_loaded(self, tile_px: object) -> None:
        if isinstance(tile_px, int):
            self.status.set_tile_px(tile_px)
            self.grid.set_tile_px(tile_px)
            self._tile_timer.stop()

    def _query_changed(self) -> None:
        session = self.session
        self.search.show_query(session.words, session.pictures)
        words = session.words.strip()
        self.setWindowTitle(f"{words} — PhotoSearch" if words else "PhotoSearch")

    def _searching_changed(self) -> None:
        if self.session.searching:
            self._searching_timer.start(_SEARCHING_SHOWN_MS)
        else:
            self._searching_timer.stop()
            self.status.show_counts(counts_text(self.session.listing, self.session.searched))

    def _listed(self) -> None:
        if self.session.listing is not self.model.listing:
            self.model.show(self.session.listing)
        if not self.session.busy:
            self.thumbnails.retry_missing()
        self._show_state()

    def _show_state(self) -> None:
        """The page or the photos, and the counts."""
        session = self.session
        if session.state is State.CLOSED:
            return
        page = self._page()
        if page is not None:
            self.page.show_page(page)
            if self.preview.isVisible():
                self.preview.close_preview()
        self.stack.setCurrentWidget(self.grid if page is None else self.page)
        usable = session.state is State.OPEN
        for widget in (self.search, self._folders_button, self._details_button):
            widget.setEnabled(usable)
        self.details.setVisible(self.commands["details"].isChecked() and usable)
        if session.status is not None:
            self.status.show_account(session.status)
        if not session.searching:
            self.status.show_counts(counts_text(session.listing, session.searched) if session.status else "")
        self._show_progress()

    def _show_progress(self) -> None:
        session = self.session
        if session.progress.phase is Phase.ENCODING:
            self.notice.take_back(self._failure)  # what stood in the way was mended
        # A library without folders has nothing to do: no words about it.
        idle = session.status is None or not session.status.folders
        self.status.setVisible(not idle)
        self.status.show_progress(session.progress, paused=session.paused)
        self.commands["pause"].setText("Resume indexing" if session.paused else "Pause indexing")
        if self.stack.currentWidget() is self.page and not idle:
            page = self._page()
            if page is not None:
                self.page.show_page(page)

    def _page(self) -> Page | None:
        offered = self._pictures if self._pictures_are_there else None
        return welcome.page_for(self.session, pictures=offered, doings=self._doings)

    def _folder_failed(self, sentence: str) -> None:
        if not self.dialogs.folders_shown:
            self.intake.refuse(sentence)

    def _indexer_failed(self, failed: IndexerFailed) -> None:
        self._failure, model = failed.sentence, failed.to_download
        if not (model and self.dialogs.downloading):
            action = "Download" if model else ""
            self.notice.show_notice(failed.sentence, action=action, then=lambda: self.dialogs.show_download(model))

    def _load_chip(self, chip: Chip) -> None:
        """The tiny image of a query picture, made on an errand's thread."""
        source, side = chip.picture.source, round(CHIP_PX * self.devicePixelRatioF())
        if isinstance(source, int):
            image = self.thumbnails.image(source)
            if image is not None:
                chip.show_image(image)
            return

        def made(image: object) -> None:
            if chip in self.search.chips and isinstance(image, QImage):
                chip.show_image(image)

        self.session.workers.errands.start(lambda: drops.chip_image(source, side), made)

    # The grid and the details

    def _tile_px_changed(self, tile_px: int) -> None:
        self.grid.set_tile_px(tile_px)
        self._tile_timer.start(_TILE_REMEMBER_MS)

    def _enter_grid(self) -> None:
        if self.stack.currentWidget() is self.grid:
            self.grid.setFocus(Qt.FocusReason.OtherFocusReason)

    def _hovered(self, row: int) -> None:
        if row >= 0 and self.model.path(row) is None:
            self.session.book.want(self.model.tile(row).photo_id)

    def _photo_learned(self, photo_id: int) -> None:
        row = self.model.listing.row_of.get(photo_id)
        if row is not None:
            self.grid.viewport().update(self.grid.tile_rect(row))
            if row == self.grid.current:
                self._show_details()

    def _thumbnail_loaded(self, photo_id: int, _first: bool) -> None:
        row = self.grid.current
        if self.details.isVisible() and row >= 0 and self.model.tile(row).photo_id == photo_id:
            self._show_details()

    def _show_details(self) -> None:
        selected = len(self.grid.selection)
        if selected > 1:
            self.status.show_counts(f"{selected:,} photos selected")
        elif not self.session.searching and self.session.status:
            self.status.show_counts(counts_text(self.session.listing, self.session.searched))
        if not self.details.isVisible():
            return
        row = self.grid.current
        if row < 0 or selected > 1:
            self.details.show_nothing(selected)
            return
        tile = self.model.tile(row)
        photo = self.session.book.known(tile.photo_id)
        if photo is None:
            self.session.book.want(tile.photo_id)
            return
        hit = self.model.listing.hits[row] if self.model.listing.hits else None
        self.details.show_photo(photo, self.thumbnails.image(tile.photo_id), hit)

    def toggle_details(self) -> None:
        """Show or hide the panel at the side. (The action may or may not have been toggled already.)"""
        shown = not self.details.isVisible()
        self.commands["details"].setChecked(shown)
        self._details_button.setChecked(shown)
        self.details.setVisible(shown)
        self._show_details()

    def show_preview(self, row: int) -> None:
        if row >= 0:
            self.preview.open_row(row)

    def _show_menu(self, point) -> None:
        names = "open preview show_file - similar - copy_image copy_path - details"
        menu = self.commands.menu(self, names)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(point)

    # Going in and out

    def focus_search(self) -> None:
        if self.preview.isVisible():
            self.preview.close_preview()
        self.search.words.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.words.selectAll()

    def step_back(self) -> None:
        """Esc: out of the preview, of several selected, of the search, of full screen; then to the photos."""
        if self.preview.isVisible():
            self.preview.close_preview()
        elif len(self.grid.selection) > 1:
            self.grid.clear_selection()
        elif self.session.has_query:
            self.session.clear_query()
        elif self.isFullScreen():
            self._toggle_full_screen()
        else:
            self._enter_grid()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.step_back()
        else:
            super().keyPressEvent(event)

    def _toggle_full_screen(self) -> None:
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()
        self.commands["full_screen"].setChecked(self.isFullScreen())

    # Drops (Qt asks the window; the intake answers)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self.intake.drag_enters(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self.intake.drag_moves(event)

    def dragLeaveEvent(self, _event: QDragLeaveEvent) -> None:
        self.intake.drag_ends()

    def dropEvent(self, event: QDropEvent) -> None:
        self.intake.dropped(event)
        self.activateWindow()  # words for it can be typed at once

    # Remembering, closing

    def asked(self, request: Request) -> None:
        """A later start of the program hands its wishes to this window."""
        for folder in request.folders:
            self.session.add_folder(folder)
        if request.query:
            self.session.set_query(words=request.query)
        if self.isMinimized():
            self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        bring_up(self)

    def _restore(self) -> None:
        geometry = self._state_file.value("geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            room = self.screen().availableSize() if self.screen() else _FIRST_SIZE
            self.resize(_FIRST_SIZE.boundedTo(room))
        shown = self._state_file.value("details") in (True, "true")
        self.commands["details"].setChecked(shown)
        self._details_button.setChecked(shown)

    def leave(self) -> None:
        """Close the window, and with it the program."""
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Gone at once; the library is closed behind it, and the program ends when that is done."""
        if self.session.state is not State.CLOSED:
            self._state_file.setValue("geometry", self.saveGeometry())
            self._state_file.setValue("details", self.commands["details"].isChecked())
            self._state_file.sync()
            self.hide()
            self.dialogs.hide()
            self.session.close()
        event.accept()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange and hasattr(self, "commands"):
            self.commands["full_screen"].setChecked(self.isFullScreen())
