"""Runs exported towers with ONNX Runtime. Imported where a tower is used, and only then.

The graphs hold all of a tower's arithmetic: from bytes (pictures) or token numbers (texts) to rows of unit length.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime

from photosearch.model.exports import GRAPH
from photosearch.model.runtime import OutOfMemory

_AT_ONCE = 4
"""More at once is no faster (measured), and what a run needs of memory grows with it."""
_OUT_OF_MEMORY_SIGNS = ("bad_alloc", "allocate memory", "out of memory", "bad allocation")

onnxruntime.disable_telemetry_events()
onnxruntime.set_default_logger_severity(3)  # errors; its warnings on odd graphs concern nobody


class Tower:
    """One exported tower on the CPU. folder: as ``Exports.tower`` found it. Raises whatever ONNX Runtime raises.

    lanes: runs side by side, each over its share of the items. threads: in each of them. Many items are done fastest by
    one thread in each of many lanes, for none waits for another then (docs/decisions.md); a single one by threads.
    """

    def __init__(self, folder: Path, *, lanes: int = 1, threads: int = 1, keep_memory: bool) -> None:
        """keep_memory: hold what a run needed for the next one (steady work); else give it back after each."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait by spinning take the cores from the decoders.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = options.enable_mem_pattern = keep_memory
        self._session = onnxruntime.InferenceSession(str(folder / GRAPH), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._lanes = lanes
        self._pool = ThreadPoolExecutor(lanes, thread_name_prefix="lane")

    def __call__(self, items: np.ndarray) -> np.ndarray:
        """uint8 [n, height, width, 3] or int64 [n, context], n ≥ 1, to float32 [n, dim]. Raises OutOfMemory."""
        rounds = -(-len(items) // (_AT_ONCE * self._lanes))
        parts = np.array_split(items, min(len(items), rounds * self._lanes))
        try:
            return np.concatenate(list(self._pool.map(self._run, parts)))
        except Exception as error:  # its own kinds, all of them plain Exceptions
            if isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _OUT_OF_MEMORY_SIGNS):
                raise OutOfMemory(str(error)) from None
            raise

    def _run(self, part: np.ndarray) -> np.ndarray:
        return self._session.run(None, {self._input: part})[0]
