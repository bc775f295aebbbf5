"""Whether strengths can be believed: words that photos show, words that none shows, and a library that shows one thing.

    python benchmarks/relevance.py [--photos FOLDER] [--model NAME]

The folder holds photos, ``present.tsv`` (words and the files known to show them) and ``absent.txt`` (words that no
photo shows). Every word is asked through ``Library.search``; strong is what the window calls a best match. Beside it
stand two other rules on the same cosines: strengths by the library's background alone, as sentences and pictures are
judged, and one cosine for all words, chosen so that as few absent words as ours find a strong match. That choice is
made with the answers known, which favours the fixed cosine. Intervals are 95 %, from bootstrap samples of the words.

What is unfair: the lists of files are not complete, which makes every precision too low, alike for all rules.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.report import Report
from benchmarks.retrieval import PHOTOS, Photos, interval, read_present
from photosearch.library import Library
from photosearch.paths import app_paths
from photosearch.records import Query
from photosearch.search.strength import strengths
from photosearch.ui.listing import BEST_STRENGTH

_ONE_THING = 50
"""A word that so many photos show is asked in a library of these photos alone."""


@dataclass(frozen=True)
class Asked:
    """A word and its answers: cosines and strengths float [n], and which photos are known to show it, bool [n]."""

    word: str
    cosines: np.ndarray
    strengths: np.ndarray
    right: np.ndarray

    @property
    def by_library(self) -> np.ndarray:
        """The strengths of a judge that knows nothing but the library's own cosines."""
        return strengths(self.cosines, background=self.cosines, library_size=len(self.cosines))


def ask(photos: Photos, word: str, files: Sequence[str] = ()) -> Asked:
    hits = photos.library.search(Query(word), count=photos.count).hits
    right = {photos.id_of[file] for file in files}
    return Asked(
        word,
        np.array([hit.similarity for hit in hits]),
        np.array([hit.strength for hit in hits]),
        np.array([hit.photo_id in right for hit in hits]),
    )


def cosine_for(absent: Sequence[np.ndarray], share: float) -> float:
    """The lowest cosine that at most this share of the words reach. absent: the cosines of each absent word."""
    best = np.sort([cosines.max() for cosines in absent])[::-1]
    return float(np.nextafter(best[int(share * len(best))], np.inf)) if share < 1 else -1.0


def mean(values: np.ndarray) -> float:
    return float(np.mean(values))


def measure(
    report: Report, rule: str, present: Sequence[tuple[np.ndarray, Asked]], absent: Sequence[np.ndarray]
) -> None:
    """Rows of one rule. present: which photos are strong, bool [n], beside the word; absent: the same alone."""
    precision = np.array([asked.right[strong].mean() for strong, asked in present if strong.any()])
    recall = np.array([strong[asked.right].mean() for strong, asked in present])
    nothing = np.array([not strong.any() for strong, _ in present], float)
    false = np.array([strong.any() for strong in absent], float)
    for what, values in (
        ("strong matches that are right", precision),
        ("right photos that are strong", recall),
        ("present words without a strong match", nothing),
        ("absent words with a strong match", false),
    ):
        report.row(f"{rule}: {what}", mean(values), "", interval=interval(values, mean), n=len(values))
    report.row(f"{rule}: strong matches of an absent word", mean(np.array([strong.sum() for strong in absent])), "")


def measure_rules(report: Report, present: Sequence[Asked], absent: Sequence[Asked]) -> None:
    share = mean(np.array([(asked.strengths >= BEST_STRENGTH).any() for asked in absent], float))
    cosine = cosine_for([asked.cosines for asked in absent], share)
    for rule, judge in (
        ("PhotoSearch", lambda asked: asked.strengths >= BEST_STRENGTH),
        ("the library's background", lambda asked: asked.by_library >= BEST_STRENGTH),
        (f"a cosine of {cosine:.3f}", lambda asked: asked.cosines >= cosine),
    ):
        measure(report, rule, [(judge(asked), asked) for asked in present], [judge(asked) for asked in absent])


def measure_one_thing(report: Report, folder: Path, present: dict[str, list[str]], model: str) -> None:
    """Rows for words asked where all photos show the thing."""
    for word, files in present.items():
        if len(files) < _ONE_THING:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            alone = Path(temporary).resolve() / "photos"
            alone.mkdir()
            for number, file in enumerate(files):
                shutil.copy(folder / file, alone / f"{number:03}{Path(file).suffix}")
            with Library.open(app_paths(Path(temporary) / "data"), model=model) as library:
                library.add_folder(alone)
                library.index()
                asked = ask(Photos(library, alone), word)
        for rule, strong in (("PhotoSearch", asked.strengths), ("the library's background", asked.by_library)):
            share = mean(strong >= BEST_STRENGTH)
            report.row(f"{rule}: {word}, where all {len(files)} photos show it: strong", share, "", n=len(files))


def main() -> None:
    parser = argparse.ArgumentParser(description="Whether strengths can be believed.")
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of photos with its tables")
    parser.add_argument("--model", default="builtin", help="builtin, a model folder, or NAME/TAG of open_clip")
    options = parser.parse_args()
    folder = options.photos.resolve()  # as the library names it
    if not (folder / "present.tsv").is_file() or not (folder / "absent.txt").is_file():
        print(f"Skipped: {folder} lacks present.tsv or absent.txt. Name a folder of photos and tables with --photos.")
        return
    present = read_present(folder / "present.tsv")
    absent = (folder / "absent.txt").read_text(encoding="utf-8").split("\n")
    with (
        tempfile.TemporaryDirectory() as temporary,
        Library.open(app_paths(temporary), model=options.model) as library,
    ):
        library.add_folder(folder)
        indexed = library.index()
        photos = Photos(library, folder)
        report = Report("relevance", f"Strengths in {photos.count:,} photos with the model {indexed.model}")
        measure_rules(
            report,
            [ask(photos, word, files) for word, files in present.items()],
            [ask(photos, word.strip()) for word in absent if word.strip()],
        )
    measure_one_thing(report, folder, present, options.model)
    report.finish()


if __name__ == "__main__":
    main()
