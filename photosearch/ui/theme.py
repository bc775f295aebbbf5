"""Colours and style: calm neutrals, light or dark as the desktop says, and the desktop's one accent colour.

The palette is the truth; the style sheet only shapes (radii, paddings) with colours taken from it. Widgets that paint
themselves ask ``current()``.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

UNIT_PX = 8
"""Every distance in the window is a multiple of this, or half of it."""
RADIUS_PX = 8


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours by what they are for."""

    dark: bool
    surround: QColor
    """Behind the photos."""
    bar: QColor
    """Search bar, status line, panels."""
    field: QColor
    text: QColor
    quiet: QColor
    """Second-rank text and icons; at least 4.5 : 1 on the surround."""
    line: QColor
    hover: QColor
    pressed: QColor
    blank: QColor
    """A tile whose thumbnail is not there yet."""
    accent: QColor
    on_accent: QColor
    warning: QColor


def _luminance(color: QColor) -> float:
    def linear(c: float) -> float:
        return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF())


def contrast(a: QColor, b: QColor) -> float:
    """Contrast ratio by WCAG 2, 1 to 21."""
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _mixed(color: QColor, other: QColor, share: float) -> QColor:
    """``color`` with a share of ``other``."""

    def part(a: float, b: float) -> float:
        return a + (b - a) * share

    return QColor.fromRgbF(
        part(color.redF(), other.redF()), part(color.greenF(), other.greenF()), part(color.blueF(), other.blueF())
    )


def make_theme(*, dark: bool, accent: QColor) -> Theme:
    """The colours for a light or dark desktop; an accent too close to the surround is moved until it can be seen."""
    if dark:
        surround = QColor("#18191b")
        colors = {
            "surround": surround, "bar": QColor("#1f2023"), "field": QColor("#2a2b2f"), "text": QColor("#ececee"),
            "quiet": QColor("#a3a5ab"), "line": QColor("#323338"), "hover": QColor("#303136"),
            "pressed": QColor("#3a3b41"), "blank": QColor("#26272a"), "warning": QColor("#e5b567"),
        }  # fmt: skip
    else:
        surround = QColor("#f2f2f0")
        colors = {
            "surround": surround, "bar": QColor("#fafaf9"), "field": QColor("#ffffff"), "text": QColor("#1d1f22"),
            "quiet": QColor("#62656b"), "line": QColor("#dededb"), "hover": QColor("#e9e9e6"),
            "pressed": QColor("#dddcd8"), "blank": QColor("#e3e3df"), "warning": QColor("#8f5f00"),
        }  # fmt: skip
    white = QColor("#ffffff")
    while contrast(accent, surround) < 3:
        accent = _mixed(accent, white if dark else QColor("#000000"), 0.1)
    on_accent = white if contrast(accent, white) >= 3 else QColor("#101113")
    return Theme(dark=dark, accent=accent, on_accent=on_accent, **colors)


def palette_of(theme: Theme) -> QPalette:
    """The same colours as Qt's roles."""
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    palette = QPalette()
    for one, color in (
        (role.Window, theme.surround), (role.WindowText, theme.text), (role.Base, theme.field),
        (role.AlternateBase, theme.bar), (role.Text, theme.text), (role.PlaceholderText, theme.quiet),
        (role.Button, theme.bar), (role.ButtonText, theme.text), (role.BrightText, theme.on_accent),
        (role.Highlight, theme.accent), (role.HighlightedText, theme.on_accent), (role.Accent, theme.accent),
        (role.Link, theme.accent), (role.LinkVisited, theme.accent), (role.ToolTipBase, theme.field),
        (role.ToolTipText, theme.text), (role.Mid, theme.line), (role.Midlight, theme.hover),
        (role.Light, theme.field), (role.Dark, theme.line), (role.Shadow, QColor(0, 0, 0)),
    ):  # fmt: skip
        palette.setColor(one, color)
    for one in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        faded = QColor(theme.quiet)
        faded.setAlphaF(0.55)
        palette.setColor(group.Disabled, one, faded)
    return palette


_SHEET = """
QToolTip {{ background: {field}; color: {text}; border: 1px solid {line}; padding: 4px 8px; }}
#bar, #statusLine {{ background: {bar}; }}
#bar {{ border-bottom: 1px solid {line}; }}
#statusLine {{ border-top: 1px solid {line}; }}
#details {{ background: {bar}; border-left: 1px solid {line}; }}
#details QScrollArea, #detailsPage {{ background: transparent; }}
#noticeBar {{ background: {bar}; border-bottom: 1px solid {line}; }}
#searchField {{ background: {field}; border: 1px solid {line}; border-radius: 20px; }}
#searchField[focused="true"] {{ border: 1px solid {accent}; }}
#searchField QLineEdit {{ background: transparent; border: none; padding: 0; }}
#chip {{ background: {hover}; border-radius: 14px; }}
QLabel[quiet="true"] {{ color: {quiet}; }}
QToolButton {{ border: none; border-radius: {radius}px; padding: 6px; background: transparent; color: {text}; }}
QToolButton:hover, QToolButton:focus {{ background: {hover}; }}
QToolButton:pressed, QToolButton:checked {{ background: {pressed}; }}
QToolButton::menu-indicator {{ image: none; }}
QToolButton[link="true"] {{ color: {accent}; padding: 2px 8px; }}
QToolButton[small="true"] {{ padding: 2px; }}
QPushButton {{ background: {field}; color: {text}; border: 1px solid {line}; border-radius: {radius}px;
    padding: 7px 16px; min-height: 18px; }}
QPushButton:hover {{ background: {hover}; }}
QPushButton:pressed {{ background: {pressed}; }}
QPushButton:focus {{ border: 1px solid {accent}; }}
QPushButton:disabled {{ color: {quiet}; background: {bar}; }}
QPushButton[primary="true"] {{ background: {accent}; color: {on_accent}; border: 1px solid {accent}; }}
QPushButton[primary="true"]:hover {{ background: {accent_hover}; }}
QPushButton[primary="true"]:focus {{ border: 1px solid {text}; }}
QPushButton[primary="true"]:disabled {{ background: {hover}; color: {quiet}; border: 1px solid {line}; }}
QMenu {{ background: {field}; color: {text}; border: 1px solid {line}; padding: 6px 0; }}
QMenu::item {{ padding: 6px 24px 6px 16px; background: transparent; }}
QMenu::item:selected {{ background: {hover}; }}
QMenu::item:disabled {{ color: {quiet}; }}
QMenu::separator {{ height: 1px; background: {line}; margin: 6px 0; }}
QScrollBar:vertical {{ background: transparent; width: 14px; margin: 0; }}
QScrollBar::handle:vertical {{ background: {thumb}; min-height: 48px; border-radius: 3px; margin: 2px 4px; }}
QScrollBar::handle:vertical:hover {{ background: {quiet}; }}
QScrollBar:horizontal {{ background: transparent; height: 14px; margin: 0; }}
QScrollBar::handle:horizontal {{ background: {thumb}; min-width: 48px; border-radius: 3px; margin: 4px 2px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QProgressBar {{ background: {line}; border: none; border-radius: 2px; max-height: 4px; min-height: 4px; }}
QProgressBar::chunk {{ background: {accent}; border-radius: 2px; }}
QSlider::groove:horizontal {{ height: 4px; background: {line}; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ height: 4px; background: {thumb}; border-radius: 2px; }}
QSlider::handle:horizontal {{ width: 12px; height: 12px; margin: -4px 0; border-radius: 6px; background: {quiet}; }}
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus {{ background: {accent}; }}
QListView, QTreeView {{ background: {field}; border: 1px solid {line}; border-radius: {radius}px; outline: 0;
    padding: 4px; }}
QListView::item, QTreeView::item {{ padding: 6px 8px; border-radius: 4px; }}
QListView::item:selected, QTreeView::item:selected {{ background: {pressed}; color: {text}; border-radius: 0; }}
QTreeView::branch:selected {{ background: {pressed}; }}
QTreeView QHeaderView::section {{ background: {field}; color: {quiet}; border: none; padding: 6px 8px; }}
"""


def style_sheet(theme: Theme) -> str:
    """The small style sheet, in the theme's colours."""
    thumb = QColor(theme.quiet)
    thumb.setAlphaF(0.45)
    return _SHEET.format(
        radius=RADIUS_PX,
        thumb=thumb.name(QColor.NameFormat.HexArgb),
        accent_hover=theme.accent.lighter(108).name(),
        accent=theme.accent.name(),
        on_accent=theme.on_accent.name(),
        field=theme.field.name(),
        bar=theme.bar.name(),
        text=theme.text.name(),
        quiet=theme.quiet.name(),
        line=theme.line.name(),
        hover=theme.hover.name(),
        pressed=theme.pressed.name(),
    )


class ThemeKeeper(QObject):
    """Dresses the application, and again whenever the desktop turns light or dark."""

    changed = Signal()

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self.theme = make_theme(dark=False, accent=QColor("#3a7bd5"))
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self.follow)
        self.follow()

    @Slot()
    def follow(self) -> None:
        """Take the desktop's scheme and accent."""
        self.wear(dark=self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark)

    def wear(self, *, dark: bool) -> None:
        """Dress light or dark, whatever the desktop says."""
        self._app.setPalette(QPalette())  # back to the desktop's own, to read its accent
        accent = self._app.palette().color(QPalette.ColorRole.Accent)
        self.theme = make_theme(dark=dark, accent=accent)
        self._app.setPalette(palette_of(self.theme))
        self._app.setStyleSheet(style_sheet(self.theme))
        self.changed.emit()


def keeper() -> ThemeKeeper:
    """The one keeper of this application; made at first use."""
    app = QApplication.instance()
    assert isinstance(app, QApplication), "a theme needs an application to wear it"
    return app.findChild(ThemeKeeper) or ThemeKeeper(app)


def current() -> Theme:
    """The colours in use now."""
    return keeper().theme
