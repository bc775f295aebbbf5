"""What open_clip's tokenizer and torch say, for the tests of exports. They run ``main`` in a process of its own.

torchvision has been made importable before this is imported (torchvision_cpu.prepare).
"""

import json
import random
from pathlib import Path

import numpy as np
import open_clip
from open_clip.tokenizer import SimpleTokenizer

from photosearch.model import resolve, torch_export, torch_runtime
from photosearch.model.candidates import PHOTOS_WANTED
from photosearch.model.clip_tokenizer import CLEANING, ClipTokenizer
from photosearch.model.exports import Exports
from photosearch.model.runtime import Options
from tests.integration.encoder_reference import write_vit

LETTERS = (
    "abcdefghijklmnopqrstuvwxyz ",
    "ABC def'sll've 019 .,!?&;#<>_-",
    "&amp;&lt;&#233; &quot;&nbsp;é",
    "日本語写真カメラ山田 ",
    "привет мир ",
    "🐶🏖️👨‍👩‍👧🇩🇪 ",
    "العربية हिन्दी ไทย ",
    "Ã©â€™Ã¼ “quotes” ﬁ ﬂ",
    "\t\n\r\0\x0b \u200b\ufeff\u00ad",
    "<start_of_text><end_of_text>",
)
LONG = ["x" * 10_000, "dog " * 2500]
ODD = [
    "",
    " ",
    "x" * 10_000,
    "dog " * 2500,
    "<start_of_text> a <end_of_text>",
    "it's we'll DON'T",
    "&amp;amp;lt;",
    "ſ K Å",
]


def some_texts() -> list[str]:
    chance = random.Random(1)
    texts = [*ODD, *LONG]
    for _ in range(3000):
        letters = "".join(chance.sample(LETTERS, chance.randint(1, 3)))
        texts.append("".join(chance.choice(letters) for _ in range(chance.randint(0, 50))))
    for _ in range(1000):
        texts.append("".join(chr(chance.choice((32, 0xE000)) + chance.randrange(0xD7DF)) for _ in range(20)))
    return texts


def texts_with_other_tokens() -> list[str]:
    texts, wrong = some_texts(), []
    for clean in CLEANING:
        theirs, ours = SimpleTokenizer(context_length=24, clean=clean), ClipTokenizer(context_length=24, clean=clean)
        differ = (theirs(texts).numpy() != ours(texts)).any(axis=1)
        wrong += [f"{clean}: {texts[i]!r}" for i in np.flatnonzero(differ)]
    return wrong


def export(folder: Path, exports: Path, pixels: np.ndarray) -> np.ndarray:
    """Load with torch, see the pictures, export, judge. Returns torch's rows of the pictures."""
    options = Options(device="cpu", threads=1, allow_download=False, exports=exports)
    loaded = torch_runtime.load(resolve(str(folder)), options, lambda sentence: None)
    rows = np.concatenate([loaded.runtime.encode_images(pixels[at : at + 8]) for at in range(0, len(pixels), 8)])
    loaded.upkeep.saw(pixels, rows)
    loaded.upkeep.run()
    return rows


def main(folder: Path) -> None:
    """Write a small ViT ``folder``/vit, its exports ``folder``/models, and what was found to told.json and vit.npz."""
    write_vit(folder / "vit")
    texts = some_texts()[:200]
    side = 32
    blots = np.random.default_rng(3).integers(0, 256, (PHOTOS_WANTED + 8, 4, 4, 3), dtype=np.uint8)
    pixels = blots.repeat(side // 4, axis=1).repeat(side // 4, axis=2)
    rows = export(folder / "vit", folder / "models", pixels)
    record = Exports(folder / "models").record(resolve(str(folder / "vit")).identity)
    runtime = torch_runtime.load(resolve(str(folder / "vit")), Options("cpu", 1, False), lambda sentence: None).runtime
    np.savez(folder / "vit.npz", pixels=pixels, rows=rows, texts=runtime.encode_texts(texts))
    with_prompt = SimpleTokenizer(context_length=24, reduction_mask="simple")
    more_words = SimpleTokenizer(context_length=24, additional_special_tokens=["<dog>"])
    told = {
        "wrong tokens": texts_with_other_tokens(),
        "texts": texts,
        "tokenizer": record.texts,
        "measured": sorted(record.measured),
        "int8": [record.measured["int8"].cosine, record.measured["int8"].top10, record.photos],
        "not ours": [torch_export.plain_tokenizer(t) for t in (with_prompt, more_words, len)],
        "tokenizer of open_clip": str(type(open_clip.get_tokenizer("ViT-B-32"))),
    }
    (folder / "told.json").write_text(json.dumps(told))
