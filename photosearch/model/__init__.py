"""Models: which one is meant, how it wants its pictures, and the process that runs it.

Nothing here imports torch; ``child`` imports ``torch_runtime`` in the encoder process, and only there. ONNX Runtime,
which runs exported towers, is imported when the first one is opened (``towers``).
"""

from photosearch.model.encoder import Download, Encoder
from photosearch.model.manifest import BUILTIN, ModelInfo, ModelSpec, resolve
from photosearch.model.preprocess import Preprocess
from photosearch.model.runtime import Fetched

__all__ = ["BUILTIN", "Download", "Encoder", "Fetched", "ModelInfo", "ModelSpec", "Preprocess", "resolve"]
