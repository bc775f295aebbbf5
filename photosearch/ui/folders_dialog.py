"""The folders of the library: add, remove, leave a folder inside one out, and see how each is."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMessageBox,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from photosearch.errors import display_path
from photosearch.records import Folder, FolderState
from photosearch.ui import icons, theme
from photosearch.ui.session import Session
from photosearch.ui.status_line import photos_text
from photosearch.ui.theme import UNIT_PX

_STATES = {
    FolderState.HERE: "",
    FolderState.AWAY: "not connected; its photos are kept",
    FolderState.UNREADABLE: "cannot be read; its photos are kept",
}
_FOLDER, _EXCLUDED = "folder", "excluded"


def state_text(folder: Folder) -> str:
    """``123 photos``, and what is wrong with the folder if something is."""
    missing = f"{folder.away:,} missing and kept" if _is_missing_some(folder) else ""
    return " · ".join(part for part in (photos_text(folder.photos), _STATES[folder.state], missing) if part)


def _is_missing_some(folder: Folder) -> bool:
    """The folder is there, but so many of its files went at once that nobody was believed yet."""
    return folder.state is FolderState.HERE and folder.away > 0


class FoldersDialog(QDialog):
    """Not modal: indexing, searching and this go on side by side."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setWindowTitle("Folders")
        self.resize(640, 420)
        about = QLabel("PhotoSearch looks for photos in these folders and everything inside them. It only reads them.")
        about.setWordWrap(True)
        about.setProperty("quiet", True)
        self.tree = QTreeWidget()
        self.tree.setColumnCount(2)
        self.tree.setHeaderHidden(True)
        self.tree.setIconSize(QSize(20, 20))
        self.tree.setRootIsDecorated(False)
        self.tree.setItemsExpandable(False)
        self.tree.setIndentation(3 * UNIT_PX)
        self.tree.setAccessibleName("Folders of the library")
        self.tree.header().setStretchLastSection(False)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.said = QLabel()
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        self.said.setWordWrap(True)
        self.said.hide()
        self._add = QPushButton("Add folder…")
        self._add.setProperty("primary", True)
        self.remove = QPushButton("Remove")
        self.exclude = QPushButton("Leave out a folder inside…")
        self.forget = QPushButton("Forget missing photos")
        self.forget.setToolTip("They are gone for good: take them out of the library.")
        close = QPushButton("Close")
        self._add.clicked.connect(self.choose_folder)
        self.remove.clicked.connect(self.remove_current)
        self.exclude.clicked.connect(self.choose_exclude)
        self.forget.clicked.connect(self.forget_missing)
        close.clicked.connect(self.close)
        row = QHBoxLayout()
        row.setSpacing(UNIT_PX)
        for widget in (self._add, self.exclude, self.remove, self.forget):
            row.addWidget(widget)
        row.addStretch()
        row.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * UNIT_PX, 3 * UNIT_PX, 3 * UNIT_PX, 2 * UNIT_PX)
        column.setSpacing(2 * UNIT_PX)
        column.addWidget(about)
        column.addWidget(self.tree, 1)
        column.addWidget(self.said)
        column.addLayout(row)
        self.tree.currentItemChanged.connect(lambda *_: self._offer())
        QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.tree, self.remove_current)
        session.status_changed.connect(self.fill)
        session.folder_failed.connect(self._failed)
        theme.keeper().changed.connect(self.fill)
        self.fill()

    def fill(self) -> None:
        """Show the folders as they are now."""
        folders = self._session.status.folders if self._session.status else ()
        chosen = self._current()
        colors = theme.current()
        self.tree.clear()
        for folder in folders:
            item = QTreeWidgetItem([display_path(folder.path), state_text(folder)])
            item.setData(0, Qt.ItemDataRole.UserRole, (_FOLDER, str(folder.path)))
            icon = "folder" if folder.state is FolderState.HERE else "away"
            color = colors.text if folder.state is FolderState.HERE else colors.warning
            item.setIcon(0, icons.icon(icon, color))
            item.setToolTip(0, "")
            item.setForeground(1, colors.quiet)
            self.tree.addTopLevelItem(item)
            for excluded in folder.excludes:
                child = QTreeWidgetItem([display_path(excluded), "left out"])
                child.setData(0, Qt.ItemDataRole.UserRole, (_EXCLUDED, str(folder.path / excluded)))
                child.setForeground(0, colors.quiet)
                child.setForeground(1, colors.quiet)
                item.addChild(child)
            item.setExpanded(True)
        self._choose(chosen)
        self._offer()

    def _items(self) -> list[QTreeWidgetItem]:
        tops = [self.tree.topLevelItem(i) for i in range(self.tree.topLevelItemCount())]
        return [one for top in tops for one in (top, *(top.child(i) for i in range(top.childCount())))]

    def _current(self) -> tuple[str, str] | None:
        item = self.tree.currentItem()
        return tuple(item.data(0, Qt.ItemDataRole.UserRole)) if item else None

    def _choose(self, chosen: tuple[str, str] | None) -> None:
        items = self._items()
        for item in items:
            if tuple(item.data(0, Qt.ItemDataRole.UserRole)) == chosen:
                self.tree.setCurrentItem(item)
                return
        if items:
            self.tree.setCurrentItem(items[0])

    def _offer(self) -> None:
        current = self._current()
        self.remove.setEnabled(current is not None)
        self.remove.setText("Include again" if current and current[0] == _EXCLUDED else "Remove")
        self.exclude.setEnabled(current is not None and current[0] == _FOLDER)
        folders = self._session.status.folders if self._session.status else ()
        missing = {str(folder.path) for folder in folders if _is_missing_some(folder)}
        self.forget.setVisible(current is not None and current[1] in missing)

    def _failed(self, sentence: str) -> None:
        self.said.setText(sentence)
        self.said.show()
        QTimer.singleShot(12_000, self.said, self.said.hide)

    def choose_folder(self) -> None:
        """Ask for a folder to add."""
        ask_for_folder(self, "Add a folder of photos", None, self._session.add_folder)

    def choose_exclude(self) -> None:
        """Ask for a folder inside the current one to leave out."""
        current = self._current()
        if current is not None and current[0] == _FOLDER:
            ask_for_folder(self, "Leave out a folder", Path(current[1]), self._session.exclude)

    def forget_missing(self) -> None:
        """Believe that the missing files of the current folder are gone."""
        current = self._current()
        if current is not None:
            self._session.forget_away(Path(current[1]))

    def remove_current(self) -> None:
        """Take the current folder out of the library, after asking; an excluded one comes back in at once."""
        current = self._current()
        if current is None:
            return
        kind, path = current
        if kind == _EXCLUDED:
            self._session.include(Path(path))
            return
        box = QMessageBox(self)
        box.setWindowTitle("Remove folder")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"Remove {display_path(path)} from the library?")
        box.setInformativeText("The photos themselves stay where they are; they just cannot be searched here any more.")
        yes = box.addButton("Remove", QMessageBox.ButtonRole.AcceptRole)
        box.addButton("Keep", QMessageBox.ButtonRole.RejectRole)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.buttonClicked.connect(lambda button: self._session.remove_folder(Path(path)) if button is yes else None)
        box.open()


def ask_for_folder(parent: QWidget, title: str, start: Path | None, then) -> None:
    """Show the desktop's folder chooser without stopping anything; ``then`` gets the choice."""
    dialog = QFileDialog(parent, title, str(start or Path.home()))
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda chosen: then(Path(chosen)))
    dialog.open()
