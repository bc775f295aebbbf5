"""Pictures into shards: decoded, cut to their middle square, made small; without what is kept for measuring.

The held-out part of every source comes first: training pictures are compared with it as well as with the photos of
``--measured``, so that no near duplicate of a picture that is measured with is ever trained on. What was left out, and
for the sake of which picture, is in ``left-out-<part>.tsv`` beside the shards. Of a set whose pictures are parts of
photos, also what has the file name of a held-out picture, or is any part of a kept photo of its class (``labelled.tsv``
in a measured folder tells the classes), is left out. Run again, it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tools.train_builtin import shards
from tools.train_builtin.duplicates import Kept, Parts
from tools.train_builtin.sources import SOURCES, Picture, Source, classes, is_held_out, pictures


def small_square(picture: Image.Image, side_px: int) -> Image.Image:
    """The middle square, at ``side_px`` or at its own size where that is less."""
    side = min(side_px, *picture.size)
    return ImageOps.fit(picture, (side, side), Image.Resampling.BICUBIC)


def read(file: Path, side_px: int) -> Image.Image | None:
    """An upright RGB picture, decoded to little more than is needed; None where the file is damaged."""
    try:
        with Image.open(file) as opened:
            opened.draft("RGB", (2 * side_px, 2 * side_px))
            return ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return None


def tile(sheet: Image.Image, grid: int, number: int) -> Image.Image:
    """One picture of a grid of ``grid`` by ``grid``, counted row by row from 0."""
    row, column = divmod(number, grid)
    width, height = sheet.width // grid, sheet.height // grid
    return sheet.crop((column * width, row * height, (column + 1) * width, (row + 1) * height))


def views(picture: Image.Image, *, squeezed: bool) -> Iterator[Image.Image]:
    """The whole picture and its middle square; of one that was squeezed to a square, what the middle square was in
    photos of the forms 4 : 3, 3 : 2, 3 : 4 and 2 : 3."""
    yield picture
    if not squeezed:
        yield small_square(picture, min(picture.size))
        return
    width, height = picture.size
    for across, down in ((3 / 4, 1), (2 / 3, 1), (1, 3 / 4), (1, 2 / 3)):
        left, top = width * (1 - across) / 2, height * (1 - down) / 2
        yield picture.crop((round(left), round(top), round(width - left), round(height - top)))


def named(measured: Path) -> frozenset[str]:
    """What the photos of a measuring folder were called in their sources, as its ``captions.json`` tells: a file name,
    or COCO's number (``COCO val2017 552775``). It catches what a look cannot: a copy of which half is damaged.
    """
    table = measured / "captions.json"
    if not table.is_file():
        return frozenset()
    images = json.loads(table.read_text(encoding="utf-8"))["images"]
    told = [image.get("source", "").split() for image in images]
    files = {word for words in told for word in words if "." in word}
    return frozenset(files | {words[-1] for words in told if words[:1] == ["COCO"]})


def is_named(file: Path, names: frozenset[str]) -> bool:
    """Whether a file has one of ``named``'s names, or ends in COCO's number, which is padded to twelve digits."""
    number = re.search(r"(?:^|_)(\d{12})$", file.stem)
    return file.name in names or (number is not None and str(int(number[1])) in names)


def parts_of(folders: Sequence[Path], labels: Collection[str]) -> Parts:
    """The measured photos of these classes, as ``labelled.tsv`` (columns ``file`` and ``wnid``) tells them."""
    kept = Parts(labels)
    for folder in folders:
        table = folder / "labelled.tsv"
        if not table.is_file():
            continue
        with table.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                photo = read(folder / row["file"], 128) if row["wnid"] in labels else None
                if photo is not None:
                    kept.add(row["file"], row["wnid"], photo)
    return kept


def prepare(
    source: Source, part: str, found: Sequence[Picture], out: Path, kept: Kept, parts: Parts, *, most_px: int
) -> int:
    """The shards of a part that are not there yet; how many were made.

    The pictures of held-out shards are remembered in ``kept`` and ``parts``, whether they were made now or before.
    """
    side = min(source.side_px, most_px)
    made = 0
    for number, start in enumerate(range(0, len(found), shards.PER_SHARD)):
        file = shards.shard_file(out, source.name, part, number)
        if not file.exists():
            _make(file, source, found[start : start + shards.PER_SHARD], kept, parts, side)
            made += 1
        if part == shards.HELD:
            with np.load(file) as shard:
                for path, label, pixels in zip(shard["paths"], shard["labels"], shard["pixels"], strict=True):
                    kept.add(f"{source.name}/{path}", Image.fromarray(pixels))
                    parts.add(f"{source.name}/{path}", str(label), Image.fromarray(pixels))
    return made


def _make(file: Path, source: Source, found: Sequence[Picture], kept: Kept, parts: Parts, side: int) -> None:
    squares, labels, paths, left_out = [], [], [], []
    for picture in found:
        whole = read(picture.file, side * source.grid)
        if whole is None:
            left_out.append((picture.path, "cannot be read"))
            continue
        if source.grid > 1:
            whole = tile(whole, source.grid, picture.tile)
        match = next(filter(None, map(kept.match, views(whole, squeezed=source.grid > 1))), None)
        if match is None and source.parts:
            match = parts.match(whole, picture.label)
        if match is not None:
            left_out.append((picture.path, match))
            continue
        square = small_square(whole, side)
        if square.width < side:
            square = square.resize((side, side), Image.Resampling.BICUBIC)
        squares.append(np.asarray(square))
        labels.append(picture.label)
        paths.append(picture.path)
    file.parent.mkdir(parents=True, exist_ok=True)
    listing = file.with_name(f"left-out-{file.stem}.tsv")
    listing.write_text("".join(f"{source.name}/{path}\t{why}\n" for path, why in left_out), encoding="utf-8")
    shards.write_shard(file, squares, labels, paths, side)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="prepare", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder that every step works in")
    parser.add_argument("--pictures", type=Path, required=True, help="a folder with a folder for each source")
    parser.add_argument("--measured", type=Path, nargs="+", required=True, help="photos that are never to be learned")
    parser.add_argument("--side", type=int, default=128, help="pictures are kept at most so large (pixels)")
    options = parser.parse_args(arguments)
    kept = Kept.of_folders(options.measured)
    print(f"{len(kept.names)} photos are kept for measuring", flush=True)
    names = frozenset[str]().union(*map(named, options.measured))
    listed: dict[str, list[Picture]] = {}
    for source in SOURCES:
        folder = options.pictures / source.name
        if folder.is_dir():
            listed[source.name] = [p for p in pictures(source, folder) if not is_named(p.file, names)]
        else:
            print(f"{source.name}: no folder {folder}; left out")
    asked = [source for source in SOURCES if source.parts and source.name in listed]
    whole = [source for source in SOURCES if not source.parts]
    held = {p.file.stem for source in whole for p in listed.get(source.name, ()) if is_held_out(source, p)}
    for source in asked:
        listed[source.name] = [p for p in listed[source.name] if p.file.stem not in held]
    parts = parts_of(options.measured, {label for source in asked for label in classes(source.name)})
    for part in (shards.HELD, shards.TRAIN):
        for source in SOURCES:
            if source.name not in listed:
                continue
            chosen = [p for p in listed[source.name] if is_held_out(source, p) is (part == shards.HELD)]
            made = prepare(source, part, chosen, options.out, kept, parts, most_px=options.side)
            print(f"{source.name}, {part}: {len(chosen)} pictures, {made} shards made", flush=True)
