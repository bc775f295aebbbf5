"""Light and dark: words and marks can be read on what lies under them."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from photosearch.paths import resource
from photosearch.ui import icons, theme


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("accent", ["#308cc6", "#ffee00", "#000000", "#ffffff", "#e01b24"])
def test_text_and_accent_stand_out(dark, accent):
    made = theme.make_theme(dark=dark, accent=QColor(accent))
    for under in (made.surround, made.bar, made.field):
        assert theme.contrast(made.text, under) >= 7
        assert theme.contrast(made.quiet, under) >= 4.5
    assert theme.contrast(made.accent, made.surround) >= 3
    assert theme.contrast(made.on_accent, made.accent) >= 3


def test_the_window_can_turn_dark_and_light_while_it_is_open(window):
    keeper = theme.keeper()
    keeper.wear(dark=True)
    assert QApplication.palette().color(QPalette.ColorRole.Window) == keeper.theme.surround
    assert window.grab().toImage().pixelColor(5, 300).lightness() < 60
    keeper.wear(dark=False)
    assert window.grab().toImage().pixelColor(5, 300).lightness() > 200


def test_every_icon_is_drawn():
    names = [file.stem for file in resource("icons").glob("*.svg")]
    assert {"search", "close", "photosearch"} <= set(names)
    for name in names:
        image = icons.pixmap(name, QColor("#102030"), side=24, ratio=2.0).toImage()
        assert (image.width(), image.height()) == (48, 48)
        assert any(image.pixelColor(x, y).alpha() > 100 for x in range(48) for y in range(48)), name
    assert not icons.app_icon().isNull()
