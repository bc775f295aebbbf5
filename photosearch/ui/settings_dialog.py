"""The settings, made from their table: a field for each that has a title, kept together when the user says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from photosearch.settings import TABLE, Setting, Settings, Value
from photosearch.ui.folders_dialog import ask_for_folder
from photosearch.ui.session import Session, sentence_of
from photosearch.ui.theme import UNIT_PX

_WIDTH_PX = 80 * UNIT_PX
_FIELD_PX = 4 * UNIT_PX


@dataclass(frozen=True, slots=True)
class Field:
    """The widget for one setting; ``put`` shows a value, ``get`` tells what it shows."""

    widget: QWidget
    put: Callable[[Any], None]
    get: Callable[[], Value]


def field_of(setting: Setting) -> Field:
    """What fits the setting: a box to tick, a list, a number or a line."""
    if isinstance(setting.default, bool):
        box = QCheckBox(setting.title)
        return Field(box, box.setChecked, box.isChecked)
    if isinstance(setting.default, int):
        number = QSpinBox()
        number.setRange(setting.smallest, setting.largest)
        number.setSpecialValueText(setting.zero)
        return Field(number, number.setValue, number.value)
    words = QComboBox()
    if not setting.choices:
        words.setEditable(True)
        return Field(words, words.setEditText, lambda: words.currentText().strip() or setting.default)
    for word, text in setting.choices.items():
        words.addItem(text, word)
    return Field(words, lambda word: words.setCurrentIndex(words.findData(word)), words.currentData)


def keep(settings: Settings, values: Mapping[str, Value], *, digests: Path) -> None:
    """Keep these values, if the model among them is one. For a worker's thread.

    digests: the folder where those of models are remembered. Raises ModelUnavailable, SettingInvalid,
    SettingsUnwritable; then nothing is changed.
    """
    if "model" in values:
        from photosearch.model import resolve  # not before it is needed, as all of the engine

        resolve(str(values["model"]), cache=digests)
    settings.change(values)


class SettingsDialog(QDialog):
    """Not modal. ``load`` fills it; what is saved holds at once, for the library is opened anew with it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._settings: Settings | None = None
        self._before: dict[str, Value] = {}
        self.setWindowTitle("Settings")
        self.setMinimumWidth(_WIDTH_PX)
        form = QFormLayout()
        form.setHorizontalSpacing(3 * UNIT_PX)
        form.setVerticalSpacing(UNIT_PX // 2)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.fields = {setting.name: field_of(setting) for setting in TABLE.values() if setting.title}
        for name, field in self.fields.items():
            self._add_row(form, TABLE[name], field)
        self.said = QLabel()
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        self.said.setWordWrap(True)
        self.save = QPushButton("Save")
        self.save.setProperty("primary", True)
        self.save.setDefault(True)
        cancel = QPushButton("Cancel")
        self.save.clicked.connect(self._save)
        cancel.clicked.connect(self.close)
        row = QHBoxLayout()
        row.setSpacing(UNIT_PX)
        row.addStretch()
        row.addWidget(cancel)
        row.addWidget(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * UNIT_PX, 3 * UNIT_PX, 3 * UNIT_PX, 2 * UNIT_PX)
        column.setSpacing(2 * UNIT_PX)
        column.addLayout(form)
        column.addWidget(self.said)
        column.addStretch()
        column.addLayout(row)

    def _add_row(self, form: QFormLayout, setting: Setting, field: Field) -> None:
        field.widget.setMinimumHeight(_FIELD_PX)
        field.widget.setAccessibleName(setting.title)
        field.widget.setAccessibleDescription(setting.help)
        ticked = isinstance(field.widget, QCheckBox)  # has its title beside it already
        title = QLabel("" if ticked else setting.title)
        title.setBuddy(field.widget)
        if setting.name == "model":
            self.choose = QPushButton("Folder…")
            self.choose.setAutoDefault(False)
            self.choose.clicked.connect(lambda: ask_for_folder(self, "Choose a model folder", None, self._chosen))
            row = QHBoxLayout()
            row.setSpacing(UNIT_PX)
            row.addWidget(field.widget, 1)
            row.addWidget(self.choose)
            form.addRow(title, row)
        else:
            form.addRow(title, field.widget)
        about = QLabel(setting.help)
        if isinstance(field.widget, QComboBox) and setting.suggestions:
            field.widget.currentTextChanged.connect(
                lambda word: about.setText(f"{setting.suggestions.get(word.strip(), '')} {setting.help}".strip())
            )
        about.setWordWrap(True)
        about.setProperty("quiet", True)
        about.setContentsMargins(0, 0, 0, int(1.5 * UNIT_PX))
        form.addRow("", about)

    def _chosen(self, folder: Path) -> None:
        self.fields["model"].put(str(folder))

    def load(self) -> None:
        """Show what holds now; until that is known nothing can be changed."""
        self._say("")
        self.save.setEnabled(False)
        library, file = self._session.library, self._session.paths.settings

        def read() -> tuple[Settings, list[str]]:
            if library is None:
                return Settings(file), []
            return library.settings, [name for name, *_ in library.models()]

        self._session.workers.errands.start(read, self._show)

    def _show(self, outcome: tuple[Settings, list[str]] | Exception) -> None:
        if isinstance(outcome, Exception):
            self._say(sentence_of(outcome))
            return
        self._settings, models = outcome
        known = self.fields["model"].widget
        assert isinstance(known, QComboBox)
        known.clear()
        known.addItems(list(dict.fromkeys((*TABLE["model"].suggestions, *models))))
        self._before = {name: self._settings[name] for name in self.fields}
        for name, field in self.fields.items():
            field.put(self._before[name])
        self._say(self._settings.fault or "")
        self.save.setEnabled(True)

    def _say(self, sentence: str) -> None:
        self.said.setText(sentence)
        self.said.setVisible(bool(sentence))
        width = max(self.width(), _WIDTH_PX)
        self.resize(width, max(self.height(), self.layout().totalHeightForWidth(width)))

    def _save(self) -> None:
        changed = {name: value for name, field in self.fields.items() if (value := field.get()) != self._before[name]}
        settings = self._settings
        if not changed or settings is None:
            self.close()
            return
        self.save.setEnabled(False)
        digests = self._session.paths.models

        def kept(outcome: object) -> None:
            self.save.setEnabled(True)
            if isinstance(outcome, Exception):
                self._say(sentence_of(outcome))
                return
            if "model" in changed:
                self._session.model = None  # chosen later than the one named at the start
            self.close()
            self._session.open()

        self._session.workers.errands.start(lambda: keep(settings, changed, digests=digests), kept)
