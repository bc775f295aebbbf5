from __future__ import annotations

from tools.settings_page import PAGE, page


def test_the_page_about_settings_says_what_the_table_says():
    assert PAGE.read_text(encoding="utf-8") == page(), "run tools/settings_page.py"
