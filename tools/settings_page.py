"""Writes docs/settings.md from the table of settings: python tools/settings_page.py"""

from __future__ import annotations

from pathlib import Path

from photosearch.settings import TABLE, Setting

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"

_HEAD = """# Settings

The window has them under *Settings…* in its menu (Ctrl+,; on macOS ⌘,); thumbnails and the pause have their own place
there. They are kept in a small text file, `settings.toml`, in the settings folder that `photosearch doctor` names. Each
line is a name and a value, such as `device = "cpu"`; what is not there has its default. The file is read when
PhotoSearch starts. An entry that makes no sense is ignored with a line in the log.

| setting | default | allowed | what it does |
|---|---|---|---|
"""


def page() -> str:
    """The whole page, as Markdown."""
    return _HEAD + "".join(_row(setting) for setting in TABLE.values())


def _row(setting: Setting) -> str:
    return f"| `{setting.name}` | `{_toml(setting.default)}` | {_allowed(setting)} | {setting.help} |\n"


def _allowed(setting: Setting) -> str:
    if setting.choices:
        return ", ".join(f"`{_toml(word)}` ({text})" for word, text in setting.choices.items())
    if setting.smallest is not None:
        return f"{setting.smallest}{f' ({setting.zero})' if setting.zero else ''} to {setting.largest}"
    return "`true`, `false`" if isinstance(setting.default, bool) else "text"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
