"""The files that cannot be searched, by reason, with what would mend it; to copy, and to try again."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from photosearch.account import account_text, by_reason, reason_of
from photosearch.errors import display_path
from photosearch.records import Problem
from photosearch.ui.photo_actions import show_file
from photosearch.ui.session import Session, sentence_of
from photosearch.ui.theme import UNIT_PX

_MOST_SHOWN = 5000


def as_text(problems: list[Problem]) -> str:
    """One line a file, for the clipboard."""
    return "\n".join(f"{display_path(problem.path)}\t{problem.sentence}" for problem in problems)


class ProblemsDialog(QDialog):
    """Not modal. Filled when shown and whenever the number of problems changes."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._problems: list[Problem] = []
        self._count: int | None = None
        self.setWindowTitle("Files with problems")
        self.resize(760, 460)
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.about.setProperty("quiet", True)
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(["File", "Why it cannot be searched"])
        self.tree.setUniformRowHeights(True)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.tree.setAccessibleName("Files with problems")
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.tree.header().resizeSection(0, 300)
        self.retry = QPushButton("Try all again")
        self.retry.setProperty("primary", True)
        self.copy = QPushButton("Copy list")
        self.show_file = QPushButton("Show file")
        close = QPushButton("Close")
        row = QHBoxLayout()
        row.setSpacing(UNIT_PX)
        for widget in (self.retry, self.copy, self.show_file):
            row.addWidget(widget)
        row.addStretch()
        row.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * UNIT_PX, 3 * UNIT_PX, 3 * UNIT_PX, 2 * UNIT_PX)
        column.setSpacing(2 * UNIT_PX)
        column.addWidget(self.about)
        column.addWidget(self.tree, 1)
        column.addLayout(row)
        self.retry.clicked.connect(session.retry_problems)
        self.copy.clicked.connect(self.copy_list)
        self.show_file.clicked.connect(self._show_current)
        close.clicked.connect(self.close)
        self.tree.itemSelectionChanged.connect(lambda: self.show_file.setEnabled(bool(self.tree.selectedItems())))
        QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self.tree, self.copy_list)
        session.status_changed.connect(self._status_changed)
        self.load()

    def _status_changed(self) -> None:
        count = self._session.status.problems if self._session.status else 0
        if count != self._count and self.isVisible():
            self.load()

    def load(self) -> None:
        """Ask the library anew."""
        self._count = self._session.status.problems if self._session.status else 0
        self._session.load_problems(self._show)

    def _show(self, outcome: list[Problem] | Exception) -> None:
        if isinstance(outcome, Exception):
            self.about.setText(sentence_of(outcome))
            return
        self._problems = outcome
        status = self._session.status
        account = account_text(status.account) if status else ""
        self.about.setText(
            f"{account} Each is tried again by itself when it changes."
            if outcome
            else f"{account} No file has a problem.".strip()
        )
        self.tree.clear()
        room = _MOST_SHOWN
        for code, problems in by_reason(outcome):
            group = QTreeWidgetItem([f"{len(problems):,} {reason_of(code).words}", reason_of(code).advice])
            group.setToolTip(1, reason_of(code).advice)
            group.addChildren([self._item(problem) for problem in problems[:room]])
            room -= min(room, len(problems))
            self.tree.addTopLevelItem(group)
            group.setExpanded(True)
        self.retry.setEnabled(bool(outcome))
        self.copy.setEnabled(bool(outcome))
        self.show_file.setEnabled(False)

    def _item(self, problem: Problem) -> QTreeWidgetItem:
        item = QTreeWidgetItem([display_path(problem.path), problem.sentence])
        item.setData(0, Qt.ItemDataRole.UserRole, problem)
        item.setToolTip(1, problem.sentence)
        return item

    def _chosen(self) -> list[Problem]:
        """The files that are selected; a reason that is selected stands for all its files."""
        chosen: dict[int, Problem] = {}
        for item in self.tree.selectedItems():
            for one in (item, *(item.child(at) for at in range(item.childCount()))):
                problem = one.data(0, Qt.ItemDataRole.UserRole)
                if problem is not None:
                    chosen[id(problem)] = problem
        return list(chosen.values())

    def copy_list(self) -> None:
        """The chosen files, or all when none is chosen, as text."""
        QGuiApplication.clipboard().setText(as_text(self._chosen() or self._problems))

    def _show_current(self) -> None:
        chosen = self._chosen()
        if chosen:
            show_file(self._session, chosen[0].path)
