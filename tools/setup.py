"""Makes ``.venv`` ready: the environment, the libraries, PhotoSearch itself, and what Debian must add for Qt.

``make`` calls it before everything else through ``tools/setup.sh``, which chooses the Python. It does nothing twice: a
stamp in ``.venv`` remembers what was installed from, and changed requirements in ``pyproject.toml`` or
``constraints.txt``, another Python or a checkout that was moved make it install again. Only the standard library is
used here, since nothing else is there yet.

System packages are a courtesy: where we may install them we do, elsewhere one sentence names those that are missing,
and set-up goes on, because indexing and searching from the terminal need none of them.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = "photosearch-setup"
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class SystemPackage:
    """A Debian package, and the library or program by which its presence is seen on any Linux."""

    name: str
    library: str = ""
    program: str = ""

    def present(self) -> bool:
        if self.program:
            return shutil.which(self.program) is not None
        try:
            ctypes.CDLL(self.library)
        except OSError:
            return False
        return True


# Found by adding one at a time to a bare Debian 12 until a window painted.
FOR_THE_WINDOW = (
    SystemPackage("libglib2.0-0", library="libglib-2.0.so.0"),
    SystemPackage("libgl1", library="libGL.so.1"),
    SystemPackage("libegl1", library="libEGL.so.1"),
    SystemPackage("libfontconfig1", library="libfontconfig.so.1"),
    SystemPackage("libxkbcommon0", library="libxkbcommon.so.0"),
    SystemPackage("libdbus-1-3", library="libdbus-1.so.3"),
    SystemPackage("libxkbcommon-x11-0", library="libxkbcommon-x11.so.0"),
    SystemPackage("libxcb-cursor0", library="libxcb-cursor.so.0"),
    SystemPackage("libxcb-icccm4", library="libxcb-icccm.so.4"),
    SystemPackage("libxcb-keysyms1", library="libxcb-keysyms.so.1"),
    SystemPackage("libxcb-shape0", library="libxcb-shape.so.0"),
)
FOR_THE_TESTS = (
    SystemPackage("xvfb", program="Xvfb"),
    SystemPackage("xauth", program="xauth"),
    SystemPackage("xdotool", program="xdotool"),
)


class SetupFailed(Exception):
    """Set-up cannot go on; the message is a sentence for the user."""


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def missing(packages: Iterable[SystemPackage]) -> list[str]:
    """The names of the packages that are not there, in order."""
    return [package.name for package in packages if not package.present()]


def may_install() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(names: Sequence[str]) -> bool:
    """Install Debian packages as root, without questions; False when that did not work.

    A failing update does not matter by itself: without a network the lists at hand may still do.
    """
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", "-o", "Acquire::Retries=2", "-o", "DPkg::Lock::Timeout=120"]
    say(f"Installing {', '.join(names)} …")
    for action in (["update"], ["install", "-y", "--no-install-recommends", *names]):
        done = subprocess.run(
            command + action,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            say(done.stdout.strip())
    return done.returncode == 0


def ensure_system_packages(
    packages: Sequence[SystemPackage], *, install: Callable[[Sequence[str]], bool] | None
) -> list[str]:
    """Add what is missing through ``install`` (None: we may not). Returns, and names, what is missing afterwards."""
    lacking = missing(packages)
    if lacking and install is not None:
        install(lacking)
        lacking = missing(packages)
    if lacking:
        say(
            "The window and its tests need system libraries that are not here. On Debian or Ubuntu:"
            f" sudo apt install {' '.join(lacking)}"
        )
    return lacking


def venv_python(venv: Path = VENV) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def venv_works(venv: Path, *, same_python: bool) -> bool:
    """Whether the environment's Python starts, is new enough and has pip: its base may have been upgraded or removed.

    same_python: it must also be of the version that runs this, because the user named that one.
    """
    wanted = f"== {sys.version_info[:2]}" if same_python else f">= {OLDEST_PYTHON}"
    check = f"import sys, pip; sys.exit(not sys.version_info[:2] {wanted})"
    try:
        done = subprocess.run([str(venv_python(venv)), "-c", check], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def make_venv(venv: Path) -> None:
    """Create the environment with the Python that runs this. Raises SetupFailed."""
    say(f"Making {venv.name} with Python {'.'.join(map(str, sys.version_info[:3]))} …")
    command = [sys.executable, "-m", "venv", "--clear", str(venv)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 and may_install():
        # Debian splits ensurepip off into a package of its own, one for each version of Python.
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        if apt_install([package]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupFailed(
            f"{(done.stdout + done.stderr).strip()}\n"
            f"{sys.executable} cannot make a virtual environment. On Debian or Ubuntu: sudo apt install python3-venv"
        )


def fingerprint(root: Path, venv: Path) -> str:
    """What the installation depends on. The place belongs to it: scripts in an environment hold absolute paths."""
    digest = hashlib.sha256()
    for part in (
        _what_is_installed(root / "pyproject.toml"),
        (root / "constraints.txt").read_bytes(),
        os.fsencode(venv.absolute()),
        (venv / "pyvenv.cfg").read_bytes(),
    ):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _what_is_installed(pyproject: Path) -> bytes:
    """The parts of pyproject.toml that decide what an installation holds; a changed linter rule installs nothing."""
    text = pyproject.read_text(encoding="utf-8")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return text.encode()  # pip says what is wrong with it
    decisive = [tables.get("build-system"), tables.get("project"), tables.get("tool", {}).get("hatch")]
    return json.dumps(decisive, sort_keys=True).encode()


def pip_command(root: Path, venv: Path, *, torch_index: str) -> list[str]:
    """Install PhotoSearch from this checkout, editable, with what its developers need, at the pinned versions.

    The place is given as ``.`` and the command runs in ``root``: pip splits a requirement at spaces in a path.
    """
    command = [str(venv_python(venv)), "-m", "pip", "install", "--disable-pip-version-check"]
    if not sys.stderr.isatty():
        command.append("--quiet")
    if torch_index:
        command += ["--extra-index-url", torch_index]
    return [*command, "--constraint", "constraints.txt", "--editable", ".[dev]"]


def ensure_installed(root: Path, venv: Path, *, same_python: bool, torch_index: str) -> bool:
    """Bring the environment up to date; False when it already was. Raises SetupFailed."""
    if not venv_works(venv, same_python=same_python):
        make_venv(venv)
    stamp = venv / STAMP
    wanted = fingerprint(root, venv)
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return False
    stamp.unlink(missing_ok=True)
    say("Installing PhotoSearch and its libraries into .venv (the first time, torch alone is a large download) …")
    command = pip_command(root, venv, torch_index=torch_index)
    done = subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise SetupFailed("pip could not install the libraries; its message is above. Check the network and try again.")
    stamp.write_text(wanted, encoding="ascii")
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tools/setup.sh", description="Make .venv ready for PhotoSearch.")
    parser.add_argument("--tests", action="store_true", help="also the system packages that the tests need")
    parser.add_argument("--torch-index", default="", metavar="URL", help="a further package index, for another torch")
    chosen = parser.parse_args(arguments)
    try:
        if sys.platform == "linux":
            ensure_system_packages(
                FOR_THE_WINDOW + (FOR_THE_TESTS if chosen.tests else ()), install=apt_install if may_install() else None
            )
        ensure_installed(ROOT, VENV, same_python=bool(os.environ.get("PYTHON")), torch_index=chosen.torch_index)
    except SetupFailed as failure:
        say(str(failure))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
