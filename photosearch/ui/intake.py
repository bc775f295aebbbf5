"""What comes into the window from outside: drops, pastes and chosen files, told to the session."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from photosearch.errors import display_path
from photosearch.ui import drops
from photosearch.ui.drop_cover import DropCover
from photosearch.ui.folders_dialog import ask_for_folder
from photosearch.ui.notice_bar import NoticeBar
from photosearch.ui.session import SORRY, QueryPicture, Session, State

_PICTURE_FILES = "Pictures (*.jpg *.jpeg *.png *.webp *.heic *.heif *.avif *.gif *.bmp *.tif *.tiff);;All files (*)"
_UNREADABLE = "That picture could not be read. Save it to a file and drop the file instead."


class Intake(QObject):
    """Takes for ``window``; its own photos may be dropped on ``search_bar``; choosers begin in ``pictures``."""

    def __init__(
        self, session: Session, notice: NoticeBar, *, window: QWidget, search_bar: QWidget, pictures: Path
    ) -> None:
        super().__init__(window)
        self._session, self._notice, self._window = session, notice, window
        self._search_bar, self._pictures = search_bar, pictures
        self._cover = DropCover(window)
        self._refusal = ""

    def refuse(self, sentence: str) -> None:
        """Say why something was not taken; the next that comes in takes the place of these words."""
        self._refusal = sentence
        self._notice.show_notice(sentence)

    # Choosing

    def choose_folder(self) -> None:
        ask_for_folder(self._window, "Add a folder of photos", self._pictures, self._add_folder)

    def _add_folder(self, folder: Path) -> None:
        self._notice.take_back(self._refusal)
        self._session.add_folder(folder)

    def choose_picture(self) -> None:
        """Search by picture files, for those who do not drag."""
        dialog = QFileDialog(self._window, "Search by a picture", str(self._pictures), _PICTURE_FILES)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(
            lambda chosen: self._session.add_pictures(drops.file_pictures(tuple(Path(one) for one in chosen)))
        )
        dialog.open()

    # Pasting and dropping

    def paste(self) -> None:
        """A picture or file on the clipboard becomes part of the query; words go to the field."""
        mime = QGuiApplication.clipboard().mimeData()
        if drops.offers_something(mime):
            self.take(drops.read(mime))

    def take(self, dropped: drops.Dropped) -> None:
        """Do what a drop or a paste means."""
        session = self._session
        if session.state is not State.OPEN:
            return
        self._notice.take_back(self._refusal)
        if dropped.refused:
            self.refuse(dropped.refused)
        elif dropped.paths:
            session.workers.errands.start(lambda: drops.look_at(dropped.paths), self._looked_at)
        elif dropped.image is not None:
            image = dropped.image
            session.workers.errands.start(lambda: drops.encoded(image), self._encoded)
        elif dropped.data is not None:
            self._encoded(dropped.data)
        elif dropped.words:
            session.set_query(words=dropped.words, pictures=session.pictures)

    def _looked_at(self, found: object) -> None:
        if not isinstance(found, drops.FoundOnDisk):
            self.refuse(SORRY)
            return
        if found.refused:
            self.refuse(found.refused)
        if found.folders:
            self._offer_folders(found.folders)
        self._session.add_pictures(drops.file_pictures(found.pictures))

    def _encoded(self, data: object) -> None:
        if isinstance(data, bytes) and data:
            self._session.add_pictures([QueryPicture(data, "pasted picture")])
        else:
            self.refuse(_UNREADABLE)

    def _offer_folders(self, folders: tuple[Path, ...]) -> None:
        name = display_path(folders[0].name or folders[0]) if len(folders) == 1 else f"these {len(folders)} folders"

        def add() -> None:
            for folder in folders:
                self._add_folder(folder)

        self._notice.show_notice(f"Add {name} to your library?", action="Add", then=add)

    def drag_enters(self, event: QDragEnterEvent) -> None:
        if self._session.state is not State.OPEN or not drops.offers_something(event.mimeData()):
            return
        if event.source() is None:
            self._cover.show_words(drops.welcome(event.mimeData()))
            _accept(event)
        else:
            event.accept()  # our own photos: wait whether they reach the search field

    def drag_moves(self, event: QDragMoveEvent) -> None:
        """Photos of the grid may be dropped on the search bar only, to search by them."""
        if event.source() is None or self._search_bar.geometry().contains(event.position().toPoint()):
            _accept(event)
        else:
            event.ignore()

    def drag_ends(self) -> None:
        self._cover.hide()

    def dropped(self, event: QDropEvent) -> None:
        self._cover.hide()
        _accept(event)
        self.take(drops.read(event.mimeData()))


def _accept(event: QDropEvent) -> None:
    """Take a drag, never as a move: a program whose files were moved away may delete them."""
    for action in (Qt.DropAction.CopyAction, Qt.DropAction.LinkAction):
        if event.possibleActions() & action:
            event.setDropAction(action)
            event.accept()
            return
    event.ignore()
