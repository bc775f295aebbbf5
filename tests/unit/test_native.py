"""What native libraries do to the process that loads them; each case runs in an interpreter of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 60

_USE_BOTH = """
import numpy as np
from photosearch.vectors import VectorIndex
from photosearch.model.onnx_runtime import Tower
from tests.unit.model.tiny_towers import pictures, write_images
from pathlib import Path
import sys
folder = Path(sys.argv[1])
write_images(folder)
rows = Tower(folder, threads=1, keep_memory=True)(pictures(200))
index = VectorIndex(model="tiny", dim=rows.shape[1])
index.add(np.arange(200), rows)
index.save(folder / "x.usearch")
try:
    Tower(Path(__file__ if "__file__" in globals() else "/nowhere"), threads=1, keep_memory=True)
except Exception:
    pass
assert len(VectorIndex.load(folder / "x.usearch", model="tiny", dim=rows.shape[1])) == 200
print("both work")
"""


def run(program: str, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
        cwd=ROOT,
    )


@pytest.mark.parametrize(
    "first",
    ["", "import photosearch.vectors\n", "import onnxruntime\n", "import PySide6.QtWidgets\n", "import onnx\n"],
    ids=["nothing", "usearch", "ONNX Runtime", "Qt", "onnx"],
)
def test_usearch_and_onnx_runtime_live_in_one_process_whatever_comes_first(first, tmp_path):
    done = run(first + _USE_BOTH, tmp_path)
    assert (done.returncode, done.stdout) == (0, "both work\n"), done.stderr


_TOO_LATE = """
import usearch.index
from pathlib import Path
from photosearch.native import share_cpp_runtime
import sys
from photosearch.model.exported import ExportedModel
from photosearch.model import ModelSpec
folder = Path(sys.argv[1])
assert share_cpp_runtime() is (sys.platform != "linux")
spec = ModelSpec("tiny", "folder", folder, identity="tiny-0123")
texts = ExportedModel(folder, spec, threads=1).load_texts()
assert (texts is None) is (sys.platform == "linux")
"""


def test_where_somebody_else_imported_usearch_before_exports_are_left_alone(tmp_path):
    made = run(
        "import sys\nfrom pathlib import Path\nfrom tests.unit.model.tiny_towers import upkeep_of\n"
        "upkeep_of(Path(sys.argv[1])).run()",
        tmp_path,
    )
    assert made.returncode == 0, made.stderr
    done = run(_TOO_LATE, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the threads of a process are counted in /proc")
def test_numpy_brings_no_threads_that_would_compete_with_the_encoder():
    done = run(
        "import os, photosearch, numpy as np\n"
        "square = np.ones((2000, 2000), np.float32)\n"
        "square @ square\n"
        "print(len(os.listdir('/proc/self/task')))"
    )
    assert done.stdout == "1\n", done.stderr
