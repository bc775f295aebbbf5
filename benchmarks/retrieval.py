"""How well photos are found: words and captions that should find a photo, and altered copies of photos.

    python benchmarks/retrieval.py [--photos FOLDER] [--model NAME]

The folder holds photos and, in ``labelled.tsv``, ``present.tsv`` and ``captions.json``, what they show. It is indexed
into a library of its own, and every question goes through ``Library.search``, as a user's would. Nothing is tuned to
the answers. Intervals are 95 %, from 2,000 bootstrap samples of the questions (of the photos, where one photo has
several captions) with a fixed seed; those of altered copies are Wilson's, for a bootstrap of nothing but hits has none.

What is unfair: a label names one photo as right, though others may show the thing too; the lists in ``present.tsv`` are
not complete. Both make the figures too low, alike for every model. A photo with a word is judged by what captions say,
which do not name everything either.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.report import Report
from photosearch.library import Library
from photosearch.paths import app_paths
from photosearch.records import Query

PHOTOS = Path(__file__).resolve().parent.parent.parent / "shared" / "photos"
_SEED = 11
_SAMPLES = 2000
_COPIES = 100
_TOP = 10
_THINGS = (
    "baby", "ball", "beach", "bench", "bicycle", "bird", "boat", "boy", "building", "bus", "car", "cat", "child",
    "city", "dog", "field", "food", "girl", "grass", "hat", "horse", "kitchen", "man", "mountain", "rock", "snow",
    "street", "table", "train", "tree", "water", "woman",
)  # fmt: skip
"""What captions of everyday photos often name."""

Figure = Callable[[np.ndarray], float]


# Figures


def recall_at(k: int) -> Figure:
    """Share of questions whose right photo is among the first ``k``. Takes ranks int [n], 1 for the best."""
    return lambda ranks: float(np.mean(ranks <= k))


def mean_reciprocal_rank(ranks: np.ndarray) -> float:
    """Mean of 1 / rank; ranks int [n], 1 for the best."""
    return float(np.mean(1.0 / ranks))


def chance_of_recall(k: int, photos: int) -> float:
    """What ``recall_at(k)`` gives a ranking drawn by lot."""
    return min(1.0, k / photos)


def chance_of_reciprocal_rank(photos: int) -> float:
    """What ``mean_reciprocal_rank`` gives a ranking drawn by lot: the harmonic number of n over n."""
    return float(np.sum(1.0 / np.arange(1, photos + 1)) / photos)


def precision_at(k: int, ranking: Sequence[int], right: set[int]) -> float:
    """Share of the first ``k`` of a ranking that are right."""
    return len(right.intersection(ranking[:k])) / k


def interval(values: np.ndarray, figure: Figure, *, groups: np.ndarray | None = None) -> tuple[float, float]:
    """95 % of a figure over bootstrap samples (Efron 1979) of the values, or of whole groups of them.

    values: float [n]. groups: int [n], values of one group stand or fall together.
    """
    random = np.random.default_rng(_SEED)
    if groups is None:
        groups = np.arange(len(values))
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    found = []
    for _ in range(_SAMPLES):
        drawn = random.integers(len(members), size=len(members))
        found.append(figure(values[np.concatenate([members[d] for d in drawn])]))
    low, high = np.quantile(found, (0.025, 0.975))
    return round(float(low), 4), round(float(high), 4)


def wilson_interval(hits: int, questions: int) -> tuple[float, float]:
    """95 % of a share (Wilson 1927), honest also where all or none are hits."""
    z = 1.959964
    share, weight = hits / questions, z * z / questions
    middle = (share + weight / 2) / (1 + weight)
    half = z * np.sqrt(share * (1 - share) / questions + weight / questions / 4) / (1 + weight)
    return round(float(max(0.0, middle - half)), 4), round(float(min(1.0, middle + half)), 4)


# What the photos show


@dataclass(frozen=True)
class Labelled:
    file: str
    label: str
    broader: str
    known: bool
    """Whether the built-in model has seen other photos of this label."""


def read_labelled(file: Path) -> list[Labelled]:
    with file.open(newline="", encoding="utf-8") as table:
        return [
            Labelled(row["file"], row["label"], row["broader"], row["known"] == "yes")
            for row in csv.DictReader(table, delimiter="\t")
        ]


def read_present(file: Path) -> dict[str, list[str]]:
    """Word → files that show it."""
    lines = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines() if line]
    return {word: files.split(",") for word, files in lines}


def read_captions(file: Path) -> list[tuple[str, str]]:
    """(caption, file)."""
    document = json.loads(file.read_text(encoding="utf-8"))
    files = {image["id"]: image["file_name"] for image in document["images"]}
    return [(note["caption"], files[note["image_id"]]) for note in document["annotations"]]


# Asking


class Photos:
    """The library of the photos, and which photo each file is."""

    def __init__(self, library: Library, folder: Path) -> None:
        self.library = library
        self.id_of: dict[str, int] = {}
        for tile in library.timeline():
            for place in library.photo(tile.photo_id).places:
                self.id_of[place.path.relative_to(folder).as_posix()] = tile.photo_id
        self.count = len(set(self.id_of.values()))

    def ranking(self, query: Query) -> list[int]:
        """Every photo, best first."""
        return [hit.photo_id for hit in self.library.search(query, count=self.count).hits]

    def rank(self, query: Query, file: str) -> int:
        """Where the file's photo comes in the ranking, 1 for the best."""
        return self.ranking(query).index(self.id_of[file]) + 1


def measure_ranks(
    report: Report, what: str, ranks: Sequence[int], photos: int, *, groups: Sequence[str] | None = None
) -> None:
    """Rows for recall at 1, 5 and 10, mean reciprocal rank and median rank."""
    values = np.array(ranks)
    numbers = None if groups is None else np.unique(np.array(groups), return_inverse=True)[1]
    for k in (1, 5, 10):
        spread = interval(values, recall_at(k), groups=numbers)
        chance = chance_of_recall(k, photos)
        report.row(f"{what}: recall@{k}", recall_at(k)(values), "", interval=spread, chance=chance, n=len(values))
    spread = interval(values, mean_reciprocal_rank, groups=numbers)
    chance = chance_of_reciprocal_rank(photos)
    figure = mean_reciprocal_rank(values)
    report.row(f"{what}: mean reciprocal rank", figure, "", interval=spread, chance=chance, n=len(values))
    report.row(f"{what}: median rank", float(np.median(values)), "", chance=(photos + 1) / 2, n=len(values))


def measure_labels(report: Report, photos: Photos, labelled: Sequence[Labelled]) -> None:
    for known in (True, False):
        rows = [row for row in labelled if row.known is known]
        if rows:
            kind = "known labels" if known else "labels the first model never saw"
            measure_ranks(report, kind, [photos.rank(Query(r.label), r.file) for r in rows], photos.count)
    known_rows = [row for row in labelled if row.known]
    rankings = {word: photos.ranking(Query(word)) for word in sorted({r.broader for r in known_rows})}
    ranks = [rankings[r.broader].index(photos.id_of[r.file]) + 1 for r in known_rows]
    measure_ranks(report, "broader words of known labels", ranks, photos.count)
    # Only labelled photos are judged here: of the others nobody said which broader word fits.
    judged = {photos.id_of[row.file] for row in labelled}
    right = {word: {photos.id_of[r.file] for r in labelled if r.broader == word} for word in rankings}
    shares = [
        precision_at(_TOP, [p for p in ranking if p in judged], right[word]) for word, ranking in rankings.items()
    ]
    measure_precision(report, "broader words, among labelled photos", shares, list(right.values()), len(judged))


def measure_present(report: Report, photos: Photos, present: dict[str, list[str]]) -> None:
    right = {word: {photos.id_of[file] for file in files} for word, files in present.items()}
    shares = [precision_at(_TOP, photos.ranking(Query(word)), ids) for word, ids in right.items()]
    measure_precision(report, "everyday words", shares, list(right.values()), photos.count)


def mixtures(captions: Sequence[tuple[str, str]], words: Iterable[str]) -> list[tuple[str, str, set[str]]]:
    """(file, word, right files): a photo of one thing, drawn by lot, and the word for another that it does not show.

    Right are the photos whose captions name both. One question for each pair of words that two photos or more have.
    """
    said: dict[str, str] = defaultdict(str)
    for caption, file in captions:
        said[file] += caption.lower() + "\n"
    shows = {
        word: {file for file, text in said.items() if re.search(rf"\b{re.escape(word)}(?:e?s)?\b", text)}
        for word in words
    }
    random = np.random.default_rng(_SEED)
    found = []
    for one, other in itertools.permutations(sorted(shows), 2):
        right, photos = shows[one] & shows[other], sorted(shows[one] - shows[other])
        if len(right) >= 2 and photos:
            found.append((photos[random.integers(len(photos))], other, right))
    return found


def measure_mixtures(report: Report, photos: Photos, captions: Sequence[tuple[str, str]], words: Iterable[str]) -> None:
    """Rows for a photo and a word together, and for each of them by itself; judged among photos with captions."""
    judged = {photos.id_of[file] for _, file in captions}
    asked = mixtures(captions, words)
    right = [{photos.id_of[file] for file in files} for _, _, files in asked]
    for what, question in (
        ("a photo and a word", lambda file, word: Query(word, (photos.id_of[file],))),
        ("the word alone", lambda file, word: Query(word)),
        ("the photo alone", lambda file, word: Query("", (photos.id_of[file],))),
    ):
        shares = []
        for (file, word, _), ids in zip(asked, right, strict=True):
            ranking = [p for p in photos.ranking(question(file, word)) if p in judged and p != photos.id_of[file]]
            shares.append(precision_at(_TOP, ranking, ids))
        measure_precision(report, f"{what}, both things", shares, right, len(judged) - 1)


def measure_precision(
    report: Report, what: str, shares: Sequence[float], right: Sequence[set[int]], photos: int
) -> None:
    """Rows for precision at 10, with the best that could be had, and for any right photo among the first ten."""
    values = np.array(shares)

    def mean(x: np.ndarray) -> float:
        return float(np.mean(x))

    report.row(
        f"{what}: precision@10", mean(values), "", interval=interval(values, mean),
        chance=float(np.mean([len(r) / photos for r in right])),
        best_possible=float(np.mean([min(_TOP, len(r)) / _TOP for r in right])), n=len(values),
    )  # fmt: skip
    some = (values > 0).astype(float)
    chance = float(np.mean([1 - _misses(len(r), photos) for r in right]))
    report.row(f"{what}: one right in ten", mean(some), "", interval=interval(some, mean), chance=chance, n=len(values))


def _misses(right: int, photos: int) -> float:
    """Chance that none of ten drawn photos is right."""
    return float(np.prod([max(0, photos - right - i) / (photos - i) for i in range(min(_TOP, photos))]))


# Altered copies


def _crop(image: Image.Image) -> Image.Image:
    """The middle, 80 % of the width and of the height."""
    width, height = image.size
    return image.crop((width // 10, height // 10, width - width // 10, height - height // 10))


def _save(image: Image.Image, target: Path, **options: object) -> None:
    image.save(target, "JPEG", **({"quality": 85} | options))


def _turned(image: Image.Image, target: Path) -> None:
    """Stored lying on its side, with the orientation that sets it upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    _save(image.transpose(Image.Transpose.ROTATE_90), target, exif=exif)


ALTERATIONS: dict[str, Callable[[Image.Image, Path], None]] = {
    "saved again at quality 40": lambda image, target: _save(image, target, quality=40),
    "half the width and height": lambda image, target: _save(
        image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.LANCZOS), target
    ),
    "turned, with an EXIF orientation": _turned,
    "cropped to 80 % of each side": lambda image, target: _save(_crop(image), target),
}


def measure_copies(report: Report, photos: Photos, folder: Path, *, copies: int = _COPIES) -> None:
    """Rows for the share of altered copies whose original comes first."""
    files = sorted(photos.id_of)
    drawn = np.random.default_rng(_SEED).choice(len(files), min(copies, len(files)), replace=False)
    with tempfile.TemporaryDirectory() as temporary:
        for what, alter in ALTERATIONS.items():
            ranks = []
            missed = []
            for file in (files[i] for i in drawn):
                target = Path(temporary) / "copy.jpg"
                with Image.open(folder / file) as opened:
                    alter(ImageOps.exif_transpose(opened).convert("RGB"), target)
                ranks.append(photos.rank(Query(pictures=(target,)), file))
                if ranks[-1] != 1:
                    missed.append(f"{file} (rank {ranks[-1]})")
            values = np.array(ranks)
            spread = wilson_interval(int(np.sum(values == 1)), len(values))
            share = recall_at(1)(values)
            report.row(f"{what}: original first", share, "", interval=spread, n=len(values), missed=missed)


def main() -> None:
    parser = argparse.ArgumentParser(description="How well photos are found.")
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of photos with its tables")
    parser.add_argument("--model", default="builtin", help="builtin, a model folder, or NAME/TAG of open_clip")
    options = parser.parse_args()
    folder = options.photos.resolve()  # as the library names it
    if not (folder / "labelled.tsv").is_file():
        print(f"Skipped: {folder} holds no labelled.tsv. Name a folder of photos and tables with --photos.")
        return
    with (
        tempfile.TemporaryDirectory() as temporary,
        Library.open(app_paths(temporary), model=options.model) as library,
    ):
        library.add_folder(folder)
        indexed = library.index()
        photos = Photos(library, folder)
        report = Report("retrieval", f"Finding {photos.count:,} photos with the model {indexed.model}")
        report.row("indexing", indexed.photos_per_second, "photos/s", device=indexed.device, problems=indexed.problems)
        measure_labels(report, photos, read_labelled(folder / "labelled.tsv"))
        captions = read_captions(folder / "captions.json")
        ranks = [photos.rank(Query(caption), file) for caption, file in captions]
        measure_ranks(report, "captions", ranks, photos.count, groups=[file for _, file in captions])
        measure_present(report, photos, read_present(folder / "present.tsv"))
        measure_mixtures(report, photos, captions, _THINGS)
        measure_copies(report, photos, folder)
    report.finish()


if __name__ == "__main__":
    main()
