"""The window's dialogs: each made once, none modal to the indexing, brought to the front when asked for again."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from photosearch import __version__
from photosearch.ui import icons
from photosearch.ui.commands import Commands, ShortcutsDialog
from photosearch.ui.download_dialog import DownloadDialog
from photosearch.ui.folders_dialog import FoldersDialog
from photosearch.ui.problems_dialog import ProblemsDialog
from photosearch.ui.session import Session, State
from photosearch.ui.settings_dialog import SettingsDialog


class Dialogs:
    """The dialogs over one window."""

    def __init__(self, session: Session, window: QWidget) -> None:
        self._session, self._window = session, window
        self.folders: FoldersDialog | None = None
        self.problems: ProblemsDialog | None = None
        self.settings: SettingsDialog | None = None
        self.download: DownloadDialog | None = None

    @property
    def folders_shown(self) -> bool:
        return self.folders is not None and self.folders.isVisible()

    def show_folders(self) -> None:
        if self._session.state is not State.OPEN:
            return
        if self.folders is None:
            self.folders = FoldersDialog(self._session, self._window)
        bring_up(self.folders)

    def show_problems(self) -> None:
        if self._session.state is not State.OPEN:
            return
        if self.problems is None:
            self.problems = ProblemsDialog(self._session, self._window)
        else:
            self.problems.load()
        bring_up(self.problems)

    def show_settings(self) -> None:
        """Also where the library cannot be opened: perhaps a setting is why."""
        if self._session.state not in (State.OPEN, State.FAILED):
            return
        if self.settings is None:
            self.settings = SettingsDialog(self._session, self._window)
        if not self.settings.isVisible():
            self.settings.load()
        bring_up(self.settings)

    def show_download(self, model: str) -> None:
        """Download a model, or show the one that is under way."""
        if self.download is None:
            self.download = DownloadDialog(self._session, self._window)
        self.download.begin(model)
        bring_up(self.download)

    @property
    def downloading(self) -> bool:
        return self.download is not None and self.download.busy

    def show_shortcuts(self, commands: Commands) -> None:
        dialog = ShortcutsDialog(commands, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def show_about(self) -> None:
        box = QMessageBox(self._window)
        box.setWindowTitle("About PhotoSearch")
        box.setIconPixmap(icons.app_pixmap(64, self._window.devicePixelRatioF()))
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"PhotoSearch {__version__}")
        box.setInformativeText(
            "Find any photo you own by what it shows.\nEverything stays on this computer; your photos are only read."
        )
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def hide(self) -> None:
        for dialog in (self.folders, self.problems, self.settings, self.download):
            if dialog is not None:
                dialog.hide()


def bring_up(widget: QWidget) -> None:
    """Show a window in front of the others."""
    widget.show()
    widget.raise_()
    widget.activateWindow()
