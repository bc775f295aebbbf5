"""Whether the battery drains, from what each system says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from photosearch.indexer import power


def supply(folder: Path, name: str, **files: str) -> None:
    (folder / name).mkdir(parents=True)
    for file, text in files.items():
        (folder / name / file).write_text(text + "\n")


BATTERY = {"type": "Battery", "scope": "System"}


@pytest.mark.parametrize(
    ("supplies", "drains"),
    [
        ({}, False),
        ({"BAT0": {**BATTERY, "status": "Discharging"}}, True),
        ({"BAT0": {"type": "Battery", "status": "Discharging"}}, True),
        ({"BAT0": {**BATTERY, "status": "Charging"}}, False),
        ({"BAT0": {**BATTERY, "status": "Full"}, "BAT1": {**BATTERY, "status": "Discharging"}}, True),
        ({"AC": {"type": "Mains", "online": "1"}, "BAT0": {**BATTERY, "status": "Discharging"}}, False),
        ({"AC": {"type": "Mains", "online": "0"}, "BAT0": {**BATTERY, "status": "Discharging"}}, True),
        ({"usb": {"type": "USB", "online": "1"}, "BAT0": {**BATTERY, "status": "Discharging"}}, False),
        ({"mouse": {"type": "Battery", "scope": "Device", "status": "Discharging"}}, False),
        ({"AC": {"type": "Mains"}, "BAT0": {"type": "Battery"}}, False),
    ],
)
def test_linux(tmp_path, supplies, drains):
    for name, files in supplies.items():
        supply(tmp_path, name, **files)
    assert power.linux_on_battery(tmp_path) is drains


def test_linux_without_the_kernels_folder_is_on_mains(tmp_path):
    assert power.linux_on_battery(tmp_path / "nothing") is False


@pytest.mark.parametrize(
    ("answer", "drains"),
    [
        ("Now drawing from 'Battery Power'\n -InternalBattery-0 (id=123)\t80%; discharging; 3:10 remaining\n", True),
        ("Now drawing from 'AC Power'\n -InternalBattery-0 (id=123)\t80%; charging; 0:40 remaining\n", False),
        ("Now drawing from 'AC Power'\n", False),
        ("", False),
    ],
)
def test_macos(answer, drains):
    assert power.macos_on_battery(answer) is drains


@pytest.mark.parametrize(("ac_line", "drains"), [(0, True), (1, False), (255, False)])
def test_windows(ac_line, drains):
    assert power.windows_on_battery(ac_line) is drains


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32", "sunos5"])
def test_a_system_that_cannot_be_asked_is_on_mains(monkeypatch, tmp_path, platform):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(power, "_MACOS", (str(tmp_path / "no-pmset"),))
    monkeypatch.setattr(power, "_LINUX", tmp_path / "nothing")
    monkeypatch.delattr("ctypes.windll", raising=False)
    assert power.on_battery() is False
