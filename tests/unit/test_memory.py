"""Memory is given back to the system."""

from __future__ import annotations

import ctypes
import sys

import pytest

from photosearch import memory


def test_giving_back_is_harmless_and_may_be_done_again():
    assert memory.give_back() in (True, False)
    assert memory.give_back() in (True, False)


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_are_not_asked(monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("it was asked"))
    assert memory.give_back() is False


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert memory.give_back() is False
