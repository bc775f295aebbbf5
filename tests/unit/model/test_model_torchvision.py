"""Importing torchvision beside a torch it was not built for. Each case needs an interpreter of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def run(code: str, *first_on_path: Path) -> dict:
    """Run ``code`` in a fresh interpreter; the JSON it prints last."""
    program = f"import sys; sys.path[:0] = {[*map(str, first_on_path), str(ROOT)]!r}\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def installed() -> dict:
    """What prepare() finds here, and what works after it."""
    return run(
        "import json, torch\n"
        "from photosearch.model.torchvision_cpu import prepare\n"
        "first = prepare()\n"
        "import open_clip, torchvision\n"
        "found = {'first': first, 'second': prepare(), 'models': len(open_clip.list_models())}\n"
        "if first == 'native':\n"
        "    boxes = torch.tensor([[0., 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60]])\n"
        "    found['kept'] = torchvision.ops.nms(boxes, torch.tensor([.9, .8, .7]), .5).tolist()\n"
        "print(json.dumps(found))"
    )


def test_open_clip_imports_after_prepare(installed):
    assert installed["first"] in ("native", "schemas")
    assert installed["models"] > 10


def test_native_operators_still_work_where_they_load(installed):
    if installed["first"] != "native":
        pytest.skip("the installed torchvision was built for another torch")
    assert installed["kept"] == [0, 2]


def test_prepare_leaves_an_imported_torchvision_alone(installed):
    assert installed["second"] == "loaded"


_PROBE = (
    "import json, torch\n"
    "from photosearch.model.torchvision_cpu import prepare\n"
    "found = [prepare(), prepare()]\n"
    "print(json.dumps({'found': found, 'nms': hasattr(torch.ops.torchvision, 'nms')}))"
)


def stub(tmp_path: Path) -> Path:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").touch()
    return tmp_path / "torchvision"


@pytest.mark.parametrize("library", [None, b"not a library"])
def test_operators_are_declared_where_no_native_library_loads(tmp_path, library):
    package = stub(tmp_path)
    if library is not None:
        (package / "_C.so").write_bytes(library)
    assert run(_PROBE, tmp_path) == {"found": ["schemas", "schemas"], "nms": True}


def test_a_native_library_that_loads_is_left_to_declare_its_operators(tmp_path):
    libraries = run(
        "import json, pathlib, torch\n"
        "print(json.dumps([str(p) for p in (pathlib.Path(torch.__file__).parent / 'lib').glob('*c10.*')]))"
    )
    loadable = [p for p in libraries if p.endswith((".so", ".dylib", ".dll"))]
    if not loadable:
        pytest.skip("torch has no library of its own that a stand-in could point to")
    (stub(tmp_path) / "_C.so").symlink_to(loadable[0])
    assert run(_PROBE, tmp_path) == {"found": ["native", "native"], "nms": False}
