"""Makes torchvision importable beside a torch it was not built for. Imported in the encoder process only.

torchvision's wheel brings a native library for one build of torch. Beside another (its CUDA wheel with a CPU torch is
the common case) that library does not load; torchvision says nothing, and then fails at import because two of its
operators were never declared (pytorch/pytorch#157648: "operator torchvision::nms does not exist"). open_clip needs only
torchvision's picture transforms, so declaring the two is enough.

The order matters: the native library is tried first. Declaring operators that a sound library then declares again
makes that library abort.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_NATIVE_SUFFIXES = (".so", ".pyd", ".dylib")

# Declarations live as long as the Library object that made them.
_declared: list[torch.library.Library] = []


def prepare() -> str:
    """Make ``import torchvision`` work; call it before open_clip, timm or torchvision are imported.

    Returns what was found: ``loaded`` (torchvision was imported before), ``absent`` (not installed), ``native`` (its
    own library fits this torch) or ``schemas`` (it does not, or there is none: the two operators were declared).
    """
    if "torchvision" in sys.modules:
        return "loaded"
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return "absent"
    if _load_native(Path(spec.submodule_search_locations[0])):
        return "native"
    library = torch.library.Library("torchvision", "FRAGMENT")
    _declared.append(library)
    for schema in _SCHEMAS:
        try:
            library.define(schema)
        except RuntimeError:
            pass  # declared already, by an earlier call
    return "schemas"


def _load_native(folder: Path) -> bool:
    natives = sorted(p for p in folder.glob("_C*") if p.suffix in _NATIVE_SUFFIXES)
    if not natives:
        return False
    try:
        torch.ops.load_library(str(natives[0]))
    except Exception:  # OSError here, RuntimeError there: a library for another torch, or for other system libraries
        return False
    return True
