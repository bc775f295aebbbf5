"""Everything the user can do, as actions with keys; the menus, shortcuts and the list of them come from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QMenu, QPushButton, QScrollArea, QVBoxLayout, QWidget

from photosearch.ui.theme import UNIT_PX

_STANDARD = QKeySequence.StandardKey


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to do. ``keys`` are standard keys or sequences; the first is shown in menus."""

    name: str
    text: str
    keys: tuple[QKeySequence.StandardKey | str, ...] = ()
    checkable: bool = False


COMMANDS = (
    Command("search", "Search", (_STANDARD.Find, "/")),
    Command("paste", "Search by the copied picture", (_STANDARD.Paste,)),
    Command("open_picture", "Search by a picture file…", (_STANDARD.Open,)),
    Command("open", "Open"),
    Command("preview", "Preview"),
    Command("show_file", "Show in file manager", ("Ctrl+Shift+E",)),
    Command("similar", "Find similar", ("Ctrl+Shift+F",)),
    Command("copy_image", "Copy image", (_STANDARD.Copy,)),
    Command("copy_path", "Copy path", ("Ctrl+Shift+C",)),
    Command("details", "Details", ("I", "Ctrl+I"), checkable=True),
    Command("add_folder", "Add folder…", ("Ctrl+Shift+A",)),
    Command("folders", "Folders…", ("Ctrl+Shift+L",)),
    Command("problems", "Files with problems…"),
    Command("rescan", "Look for new photos", ("F5", "Ctrl+R")),
    Command("pause", "Pause indexing", ("Ctrl+Shift+P",)),
    Command("settings", "Settings…", (_STANDARD.Preferences, "Ctrl+,")),
    Command("larger", "Larger thumbnails", ("Ctrl++", "Ctrl+=", "+")),
    Command("smaller", "Smaller thumbnails", ("Ctrl+-", "-")),
    Command("full_screen", "Full screen", ("F11",), checkable=True),
    Command("shortcuts", "Keyboard shortcuts", (_STANDARD.HelpContents, "?")),
    Command("about", "About PhotoSearch"),
    Command("quit", "Quit", (_STANDARD.Quit, "Ctrl+Q")),
)

GRID_KEYS = (
    ("Arrows, Home, End, Page Up and Down", "Walk through the photos"),
    ("Shift and those", "Select from here to there"),
    ("Ctrl+A, Ctrl+Space, Ctrl and a click", "Select all, or one more"),
    ("Space", "Preview; again to close it"),
    ("Enter, double click", "Open with the system's program"),
    ("Esc", "Step back: out of the preview, out of the search"),
    ("Ctrl and the mouse wheel", "Larger or smaller thumbnails"),
)


class Commands:
    """The actions of one window, each connected to ``slots[name]``."""

    def __init__(self, window: QWidget, slots: dict[str, Callable[[], None]]) -> None:
        self._actions: dict[str, QAction] = {}
        for command in COMMANDS:
            action = QAction(command.text, window)
            keys = [sequence for key in command.keys for sequence in _sequences(key)]
            action.setShortcuts(list(dict.fromkeys(keys)))
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            action.setCheckable(command.checkable)
            slot = slots[command.name]
            action.triggered.connect(lambda _checked=False, slot=slot: slot())
            window.addAction(action)
            self._actions[command.name] = action

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def menu(self, parent: QWidget, names: str) -> QMenu:
        """A menu of the named commands; ``-`` is a line between."""
        menu = QMenu(parent)
        for name in names.split():
            if name == "-":
                menu.addSeparator()
            else:
                menu.addAction(self._actions[name])
        return menu

    def shortcuts(self) -> list[tuple[str, str]]:
        """Keys and what they do, for people."""
        native = QKeySequence.SequenceFormat.NativeText
        rows = []
        for action in self._actions.values():
            keys = ", ".join(dict.fromkeys(sequence.toString(native) for sequence in action.shortcuts()))
            if keys:
                rows.append((keys, action.text().replace("…", "")))
        return [*GRID_KEYS, *rows]


def _sequences(key: QKeySequence.StandardKey | str) -> list[QKeySequence]:
    if isinstance(key, str):
        return [QKeySequence(key)]
    return QKeySequence.keyBindings(key)[:1]


class ShortcutsDialog(QDialog):
    """All the keys, in one list."""

    def __init__(self, commands: Commands, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        page = QWidget()
        grid = QGridLayout(page)
        grid.setContentsMargins(0, 0, 2 * UNIT_PX, 0)
        grid.setHorizontalSpacing(4 * UNIT_PX)
        grid.setVerticalSpacing(UNIT_PX)
        for row, (keys, meaning) in enumerate(commands.shortcuts()):
            label = QLabel(keys)
            label.setProperty("quiet", True)
            grid.addWidget(QLabel(meaning), row, 0)
            grid.addWidget(label, row, 1)
        scroll = QScrollArea()
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setWidget(page)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * UNIT_PX, 3 * UNIT_PX, 2 * UNIT_PX, 2 * UNIT_PX)
        column.setSpacing(2 * UNIT_PX)
        column.addWidget(scroll)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        self.resize(640, 560)
