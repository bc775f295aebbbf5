"""Setting up the environment: done once, done again when it must be, and every refusal is a sentence."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def load(name: str):
    spec = importlib.util.spec_from_file_location(f"tools_{name}", ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


setup = load("setup")
start = load("start")

LIGHT_PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "light"
version = "{version}"
[project.scripts]
light = "light:main"
[project.optional-dependencies]
dev = []
[tool.hatch.build.targets.wheel]
packages = ["light"]
dev-mode-dirs = ["."]
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that installs in a second, in a folder with a space in its name; nothing is downloaded for it."""
    root = tmp_path / "my photos"
    (root / "light").mkdir(parents=True)
    (root / "light" / "__init__.py").write_text("def main():\n    print('here')\n")
    (root / "pyproject.toml").write_text(LIGHT_PROJECT.format(version="1"))
    (root / "constraints.txt").write_text("")
    # The build backend is taken from the environment of the tests instead of the network.
    backend = Path(importlib.util.find_spec("hatchling").origin).parent.parent
    monkeypatch.setenv("PYTHONPATH", str(backend))
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip reads it backwards: 0 means no isolation
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return root


def installed(root: Path, **options) -> bool:
    return setup.ensure_installed(root, root / ".venv", **{"same_python": False, "torch_index": "", **options})


def program_says(root: Path) -> str:
    return subprocess.run([root / ".venv" / "bin" / "light"], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(os.name == "nt", reason="the layout of environments differs on Windows")
def test_the_environment_is_made_once_and_again_only_when_something_changed(checkout, capfd):
    assert installed(checkout)
    assert program_says(checkout) == "here"
    assert not installed(checkout)
    with (checkout / "pyproject.toml").open("a") as project:
        project.write("[tool.ruff]\nline-length = 100\n")
    assert not installed(checkout)

    (checkout / "constraints.txt").write_text("# changed\n")
    assert installed(checkout)

    moved = checkout.with_name("moved")
    checkout.rename(moved)
    assert installed(moved)
    assert program_says(moved) == "here"

    (moved / ".venv" / "bin" / "python").unlink()
    (moved / ".venv" / "bin" / "python").symlink_to(moved / "removed-python")
    assert installed(moved)
    assert program_says(moved) == "here"


def test_an_installation_that_failed_is_not_remembered_as_done(checkout, capfd):
    (checkout / "pyproject.toml").write_text("this is not TOML")
    for _ in range(2):
        with pytest.raises(setup.SetupFailed, match="pip could not install"):
            installed(checkout)


def test_a_python_that_cannot_make_environments_is_told_what_to_install(tmp_path, monkeypatch):
    without_venv = tmp_path / "python"
    without_venv.write_text("#!/bin/sh\necho 'ensurepip is not available' >&2\nexit 1\n")
    without_venv.chmod(0o755)
    monkeypatch.setattr(setup.sys, "executable", str(without_venv))
    monkeypatch.setattr(setup, "may_install", lambda: False)
    with pytest.raises(setup.SetupFailed, match=r"ensurepip is not available\n.*apt install python3-venv"):
        setup.make_venv(tmp_path / ".venv")


def test_only_missing_system_packages_are_installed_and_named(capsys):
    here = setup.SystemPackage("sh", program="sh")
    gone = setup.SystemPackage("libgone1", library="libgone.so.1")
    also_gone = setup.SystemPackage("gone-tool", program="gone-tool")
    asked: list[list[str]] = []
    left = setup.ensure_system_packages([here, gone, also_gone], install=lambda names: asked.append(list(names)))
    assert asked == [["libgone1", "gone-tool"]]
    assert left == ["libgone1", "gone-tool"]
    assert "sudo apt install libgone1 gone-tool" in capsys.readouterr().err

    assert setup.ensure_system_packages([here], install=None) == []
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("python", "sentence"),
    [("/nowhere/python3", "does not start, or is older than Python 3.11"), (None, "needs Python 3.11 or newer")],
)
def test_a_missing_python_gets_one_sentence(tmp_path, python, sentence):
    for tool in ("dirname", "sh"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    done = subprocess.run(
        ["sh", ROOT / "tools" / "setup.sh"],
        env={"PATH": str(tmp_path), **({"PYTHON": python} if python else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_old_python_is_passed_over_for_a_newer_one(tmp_path):
    for tool in ("dirname", "sh"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    for name, status in (("python3.13", 127), ("python3.12", 1), ("python3", 0)):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exit {status}\necho "$0" "$@"\n')
        program.chmod(0o755)
    done = subprocess.run(
        ["sh", ROOT / "tools" / "setup.sh", "--tests"], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout.split()[0].endswith("/python3")
    assert done.stdout.split()[1].endswith("tools/setup.py")
    assert done.stdout.split()[2:] == ["--tests"]


@pytest.fixture
def program(tmp_path, monkeypatch) -> Path:
    """Stands for the installed program: notes its arguments, one call a line."""
    calls = tmp_path / "calls"
    fake = tmp_path / "photosearch"
    fake.write_text(f'#!/bin/sh\nprintf "[%s]" "$@" >> "{calls}"\necho >> "{calls}"\n')
    fake.chmod(0o755)
    monkeypatch.setattr(start, "PROGRAM", fake)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "PHOTOS", "QUERY"):
        monkeypatch.delenv(name, raising=False)
    return calls


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_without_a_display_the_folder_is_indexed_and_the_search_is_shown(program, monkeypatch, capsys):
    monkeypatch.setenv("PHOTOS", "my photos")
    assert start.main() == 0
    assert program.read_text().splitlines() == ["[index][my photos]", f"[search][{start.SAMPLE_QUERY}][-n][5]"]
    shown = capsys.readouterr().out
    assert "index 'my photos'" in shown
    assert f"search '{start.SAMPLE_QUERY}'" in shown


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_without_a_display_and_a_folder_it_says_how_to_go_on(program, capsys):
    assert start.main() == 0
    assert not program.exists()
    assert "make run PHOTOS=" in capsys.readouterr().out


def test_with_a_display_the_window_opens_on_the_folder(program, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setenv("PHOTOS", "my photos")
    monkeypatch.setenv("QUERY", "a dog")
    assert start.main() == 0
    assert program.read_text().splitlines() == ["[my photos][--query][a dog]"]
