"""The wheel, installed in an environment of its own, holds everything it needs: the program, the model, the icons."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT_SECONDS = 240


def run(command: list[str | Path], *, cwd: Path) -> str:
    """Run a command away from the checkout, so that nothing is found by being nearby. Returns its stdout."""
    hidden = ("PYTHONPATH", "PYTHONHOME")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT], cwd=folder)
    (built,) = folder.glob("photosearch-*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a new environment: our wheel, over the libraries of the environment that runs this.

    Those libraries (more than a gigabyte) are reached through a path file. Python does not read the path files found
    along such a path, so the editable installation beside them stays unseen.
    """
    venv = tmp_path_factory.mktemp("installed") / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", venv], cwd=venv.parent)
    scripts = venv / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    site_packages = Path(
        run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], cwd=venv.parent).strip()
    )
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages / "libraries.pth").write_text("\n".join(sorted(libraries)) + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], cwd=venv.parent)
    return scripts


def test_the_wheel_holds_the_model_and_every_other_resource(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    resources = {
        f"photosearch/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / "resources").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "photosearch/resources/models/photosearch-mini/open_clip_model.safetensors" in resources
    assert resources <= packed
    assert not [name for name in packed if name.startswith(("tests/", "tools/", "resources/"))]


def test_photos_are_indexed_and_found_by_the_installed_wheel(programs, data, tmp_path):
    where = "import photosearch; print(photosearch.__file__)"
    imported = Path(run([programs / "python", "-c", where], cwd=tmp_path).strip())
    assert imported.is_relative_to(programs.parent)

    photosearch = [programs / "photosearch", "--data-dir", tmp_path / "library"]
    report = json.loads(run([*photosearch, "index", data, "--json"], cwd=tmp_path))
    assert report["encoded"] > 0
    answer = json.loads(run([*photosearch, "search", "a photo of a flower", "--json"], cwd=tmp_path))
    assert answer["hits"]
    assert all(Path(hit["path"]).is_relative_to(data) for hit in answer["hits"])
