"""Which way of running the image tower is the fastest that keeps the vectors: the pictures, the checks, the choice.

A candidate must agree with PyTorch's fp32: cosine of at least 0.995 for every picture, and the ten nearest pictures of
each picture must stay the same to 95 in 100. The ten nearest are looked for as a library does that holds rows of the
candidate and is asked with rows of the reference. Rows of candidates that pass may lie in one library together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from photosearch.model.exports import FP32, INT8, TORCH, Measured
from photosearch.model.preprocess import Preprocess

PHOTOS_WANTED = 64
"""Real pictures with which int8 is judged. Generated ones suffice for fp32, which is the same arithmetic."""
_GENERATED = 16
_COSINE = {FP32: 0.9999, INT8: 0.995}
_TOP10 = 0.95
_NEAREST = 10
_TIE = 1e-3
"""Pictures whose similarity differs by less are equally near: which of them comes tenth is chance."""
_WORTH_IT = 0.9
"""What has a price has to take at most this part of the time: int8 is less exact, PyTorch takes memory and seconds to
start."""
_TIMED = 8
_FEWEST_RUNS, _MOST_RUNS = 2, 20
_RUN_SECONDS = 0.5
_BATCH_MILLISECONDS = 200.0
_BATCH_LIMIT = 64

Encode = Callable[[np.ndarray], np.ndarray]


def generated_pictures(preprocess: Preprocess) -> np.ndarray:
    """uint8 [16, height, width, 3], always the same: noise in octaves, slopes, shapes, and lines as of writing."""
    height, width, _ = preprocess.shape
    random = np.random.default_rng(2026)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    pictures = []
    for number in range(_GENERATED):
        angle, sky, ground = random.uniform(0, np.pi), random.uniform(0, 255, 3), random.uniform(0, 255, 3)
        slope = (np.cos(angle) * x + np.sin(angle) * y)[..., None]
        picture = sky * (1 - slope) + ground * slope
        for octave in range(1, 6):
            cells = 2**octave
            noise = random.normal(0, 90 / octave, (cells, cells, 3))
            picture = picture + noise[(y * cells).astype(int) % cells, (x * cells).astype(int) % cells]
        for _ in range(number % 5):
            middle, size = random.uniform(0.1, 0.9, 2), random.uniform(0.05, 0.3)
            near = (
                (np.hypot(y - middle[0], x - middle[1]) < size)
                if number % 2
                else ((abs(y - middle[0]) < size) & (abs(x - middle[1]) < size / 2))
            )
            picture[near] = random.uniform(0, 255, 3)
        if number % 4 == 3:
            lines = (np.sin(y * 120) > 0.3) & (random.random((height, width)) > 0.4) & (x > 0.1) & (x < 0.8)
            picture[lines] = 20
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
    return np.stack(pictures)


def milliseconds_each(encode: Encode, pixels: np.ndarray) -> float:
    """Wall time a picture, in a batch of eight; the best run of several, after one that does not count.

    Other work on the computer only ever adds to it. Where a run is short, there are more of them.
    """
    some = pixels[:_TIMED]
    encode(some)
    times: list[float] = []
    while len(times) < _FEWEST_RUNS or (len(times) < _MOST_RUNS and sum(times) < _RUN_SECONDS):
        started = time.perf_counter()
        encode(some)
        times.append(time.perf_counter() - started)
    return min(times) / len(some) * 1000


def compared(rows: np.ndarray, reference: np.ndarray, *, milliseconds: float) -> Measured:
    """How true the rows of a candidate are to those of the reference, both float32 [n, dim] of unit length."""
    cosine = float((rows * reference).sum(axis=1).min())
    if not np.isfinite(cosine):
        return Measured(milliseconds, 0.0, 0.0)
    count = min(_NEAREST, len(rows) // 4)
    if not count:
        return Measured(milliseconds, cosine, 1.0)
    right, ours = reference @ reference.T, reference @ rows.T
    np.fill_diagonal(right, -2)
    np.fill_diagonal(ours, -2)
    kept = 0
    for true, found in zip(right, np.argsort(-ours, axis=1)[:, :count], strict=True):
        kept += int((true[found] >= np.sort(true)[-count] - _TIE).sum())
    return Measured(milliseconds, cosine, kept / (count * len(rows)))


def refusal(name: str, measured: Measured) -> str | None:
    """Why a candidate must not be used, as a sentence's part; None where it keeps the vectors."""
    if measured.cosine < _COSINE[name]:
        return f"{name} is not true enough (cosine {measured.cosine:.4f}, {_COSINE[name]} is needed)"
    if measured.top10 < _TOP10:
        return f"{name} mixes up the nearest pictures ({measured.top10:.2f} of them stay, {_TOP10} is needed)"
    return None


def chosen(measured: Mapping[str, Measured], refused: Mapping[str, str]) -> str:
    """The fastest that is not refused; PyTorch only where it is clearly faster than its export, and int8 only where it
    is clearly faster than what is exact."""
    best = TORCH
    for name, price_of_staying in ((FP32, 1 / _WORTH_IT), (INT8, _WORTH_IT)):
        usable = name in measured and name not in refused
        if usable and measured[name].milliseconds <= price_of_staying * measured[best].milliseconds:
            best = name
    return best


def batch_for(milliseconds: float, *, lanes: int) -> int:
    """Pictures that take about a fifth of a second, for what waits behind a batch waits so long; one for each lane at
    least, since these take the time of one."""
    fitting = max(1, min(_BATCH_LIMIT, int(_BATCH_MILLISECONDS / max(milliseconds, 0.01))))
    return max(lanes, fitting if fitting < _TIMED else fitting // _TIMED * _TIMED)
