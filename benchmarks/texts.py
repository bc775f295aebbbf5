"""What words cost in an exported text tower, read with their padding (as open_clip does) and only as far as they go.

    python benchmarks/texts.py [--rounds 9]

Three towers in turns, one thread, in one process: the built-in model's, and those of two CLIP models with random
weights, which cost what real ones cost. Beside the times stands how far the answers are apart.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from benchmarks.report import Report
from photosearch.model import torchvision_cpu
from photosearch.paths import resource
from photosearch.search.query import phrasings

torchvision_cpu.prepare()

import open_clip  # noqa: E402  (only after torchvision can be imported)

from photosearch.model import short_texts, torch_export, towers  # noqa: E402
from photosearch.model.upkeep import PROOF_TEXTS  # noqa: E402

MODELS = {
    "built-in": f"local-dir:{resource('models', 'photosearch-mini')}",
    "ViT-B-32": "ViT-B-32",
    "ViT-L-14": "ViT-L-14",
}
_WORDS = ("car", "tree", "boat", "house", "baby", "cake", "snow", "street", "dog", "cat", "beach", "train", "bridge",
          "flower", "mountain", "night")  # fmt: skip
ASKED: dict[str, Sequence[str]] = {
    "a query of one word": phrasings("dogs"),
    "a sentence": ["two children who play with a red ball on the beach while their dog looks at the sea"],
    "48 everyday words": [text for word in _WORDS for text in phrasings(word)],
}

Tower = Callable[[Sequence[str]], np.ndarray]


def tower(model: Any, tokenize: Any, folder: Path, *, short: bool) -> Tower:
    """An exported text tower; with ``short`` False as it is where padding counts."""
    kept = short_texts.causal_tower
    torch_export.causal_tower = kept if short else lambda model: None
    try:
        folder.mkdir()
        torch_export.write_texts(model, tokenize(list(PROOF_TEXTS)).numpy(), folder)
        facts = torch_export.plain_tokenizer(tokenize)
    finally:
        torch_export.causal_tower = kept
    assert facts is not None
    return towers.text_tower(folder, facts | {"short": short}, threads=1)


def main() -> None:
    parser = argparse.ArgumentParser(description="What words cost in an exported text tower.")
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    report = Report("texts", "Words in an exported text tower: with their padding, and as far as they go")
    with tempfile.TemporaryDirectory() as scratch:
        for name, spec in MODELS.items():
            model, tokenize = open_clip.create_model(spec).eval(), open_clip.get_tokenizer(spec)
            ways = {
                "padded": tower(model, tokenize, Path(scratch, f"{name} padded"), short=False),
                "short": tower(model, tokenize, Path(scratch, f"{name} short"), short=True),
            }
            del model
            for what, texts in ASKED.items():
                taken: dict[str, list[float]] = {way: [] for way in ways}
                for turn in range(rounds + 1):
                    for way, encode in ways.items():
                        started = time.perf_counter()
                        encode(texts)
                        if turn:  # the first is not counted
                            taken[way].append(1000 * (time.perf_counter() - started))
                middle = {way: statistics.median(times) for way, times in taken.items()}
                apart = 1 - float((ways["padded"](texts) * ways["short"](texts)).sum(axis=1).min())
                for way, times in taken.items():
                    report.row(f"{name}, {what}, {way}", middle[way], "ms", least=min(times), most=max(times))
                report.row(
                    f"{name}, {what}: padded over short", middle["padded"] / middle["short"], "times", apart=apart
                )
    report.finish()


if __name__ == "__main__":
    main()
