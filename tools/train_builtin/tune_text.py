"""Words and captions move to where their pictures are, with the picture tower held fast.

The sentence model knows what words mean and not what they look like, and a small tower does not place every picture
where its words are. So the text tower learns from pictures in its turn (locked-image tuning, Zhai et al. 2022): words
are to find photos that show them among those that are known not to, photos their words among those they do not show,
and captions their photos among other captioned ones, as photos their captions. Phrases that name nothing that is in the
pictures are held where the tower has them, so that it forgets little of what it knows of other words.

``OUT/tuned.pt`` holds the run; called again with it there, the run goes on.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from photosearch.search.query import phrasings
from tools.train_builtin import architecture, course, export, phrases, shards
from tools.train_builtin.sources import SOURCES, captions, classes
from tools.train_builtin.train_pictures import found_by_word, place
from tools.train_builtin.train_text import TextLearner

_MOST_PER_CLASS = 60
_WORDS, _PHOTOS_EACH, _OTHER_PHOTOS = 192, 3, 2000
"""A step asks for so many words, each with so many photos that show it, among these and so many others."""
_CAPTIONS, _OTHER_CAPTIONED = 128, 2000
_HELD = 192
_SHARPNESS = 40.0
"""Cosines are multiplied by it before they are compared; near what the picture tower learned with at the end."""
_HOLD = 32.0
"""Weight of 1 - cosine to where a phrase was that stays."""
_IRREGULAR = {
    "man": "men", "woman": "women", "child": "children", "person": "people", "mouse": "mice", "goose": "geese",
    "foot": "feet", "tooth": "teeth", "wolf": "wolves", "leaf": "leaves", "knife": "knives", "shelf": "shelves",
    "sheep": "sheep", "deer": "deer", "fish": "fish", "people": "people",
}  # fmt: skip
_MANY = 60
"""A word that so many photos show, or more, is asked as often as any."""


@dataclass
class Album:
    """Photos that were learned, and what is known of them.

    vectors: float32 [n, dim], unit rows, where the picture tower places them, on its device. shows: int8 [rows, words],
    1 where a word is shown, 0 where it is not, -1 where that is not known; row: int [n], each photo's in it. captions:
    texts; owner: int [captions], the photo of each, ascending.
    """

    vectors: torch.Tensor
    shows: torch.Tensor
    row: torch.Tensor
    captions: list[str]
    owner: np.ndarray


def album(out: Path, pictures: Path, model: architecture.Model) -> Album:
    """The photos that were prepared in ``out``, of each class of a source at most 60. Thumbnails are none.

    pictures: as for ``prepare``; the captions lie there.
    """
    targets = np.load(out / "targets.npz")
    side_px = model.visual.image_size[0]
    vectors, shows, row, said, owner = [], [], [], [], []
    before = rows = 0
    for source in SOURCES:
        part = None if source.thumbnails else shards.read_part(out, source.name, shards.TRAIN)
        if part is None:
            continue
        if source.captioned:
            mask, own = targets[f"{source.name}_{shards.TRAIN}_mask"], np.arange(len(part.paths))
            table = captions(source, pictures)
            for i, path in enumerate(part.paths):
                told = table.get(path.rpartition("/")[2], [])
                said += told
                owner += [before + i] * len(told)
        else:
            number = {label: i for i, label in enumerate(classes(source.name))}
            mask, own = targets[f"{source.name}_mask"], np.array([number[label] for label in part.labels])
        taken = np.arange(len(own)) if source.captioned else first_of_each(own, _MOST_PER_CLASS)
        vectors.append(place(model.visual, part.pixels[taken], side_px, model.text_projection.device))
        shows.append(torch.from_numpy(mask))
        row.append(torch.from_numpy(own[taken]) + rows)
        before, rows = before + len(taken), rows + len(mask)
    if not vectors:
        raise SystemExit(f"{out} holds no prepared photos: run the steps prepare and targets first.")
    return Album(torch.cat(vectors), torch.cat(shows), torch.cat(row), said, np.array(owner, dtype=np.int64))


def first_of_each(labels: np.ndarray, most: int) -> np.ndarray:
    """The places of at most so many of each label, ascending."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels[order])
    return np.sort(order[np.arange(len(order)) - starts < most])


def without(texts: Iterable[str], words: Iterable[str]) -> list[str]:
    """The texts that hold none of the words, one or many."""
    named = {word.lower() for word in words}
    named |= {plural(word) for word in named}
    longest = max((word.count(" ") + 1 for word in named), default=0)
    kept = []
    for text in texts:
        tokens = re.findall(r"[\w'-]+", text.lower())
        groups = {" ".join(tokens[i : i + n]) for n in range(1, longest + 1) for i in range(len(tokens) - n + 1)}
        if groups.isdisjoint(named):
            kept.append(text)
    return kept


def plural(noun: str) -> str:
    """As English makes it, of the last word; a word that looks like a plural stays as it is."""
    before, space, last = noun.rpartition(" ")
    if last in _IRREGULAR:
        return before + space + _IRREGULAR[last]
    if re.search("(ss|us|x|z|ch|sh)$", noun):
        return noun + "es"
    return noun if noun.endswith("s") else re.sub("(?<![aeiou])y$", "ie", noun) + "s"


class Learner(TextLearner):
    """The text tower and everything else a step changes.

    vocabulary: the words of the album's ``shows``. held: phrases that stay where the tower has them.
    """

    def __init__(
        self, model: architecture.Model, taught: Album, vocabulary: Sequence[str], held: Sequence[str], *,
        rate: float, way: course.Course, chance: course.Randomness,
    ) -> None:  # fmt: skip
        super().__init__(model, rate=rate, way=way, chance=chance)
        self._album = taught
        self._before = copy.deepcopy(model)
        self._device = model.text_projection.device
        self._numbers = chance.numbers
        tokenize = architecture.tokenizer(model.context_length)
        # One photo in three is asked for as if there were many.
        self._words = [tokenize([*phrasings(word), *phrasings(word), *phrasings(plural(word))]) for word in vocabulary]
        self._captions = tokenize(taught.captions) if taught.captions else torch.zeros(0, 1)
        self._held = tokenize(list(held)) if held else torch.zeros(0, 1)
        self._captioned = np.unique(taught.owner)
        self._first = np.searchsorted(taught.owner, self._captioned)
        self._count = np.bincount(taught.owner)[self._captioned]
        self._showing = photos_of_words(taught)
        often = np.array([len(photos) for photos in self._showing])
        asked = np.sqrt(np.minimum(often, _MANY))
        self._asked = asked / asked.sum()

    def step(self) -> float:
        """One batch; returns its loss."""
        return self.improve(self._of_words() + self._of_captions() + _HOLD * self._of_held())

    def _of_words(self) -> torch.Tensor:
        count = min(_WORDS, int((self._asked > 0).sum()))
        chosen = self._numbers.choice(len(self._asked), count, replace=False, p=self._asked)
        photos = [self._numbers.choice(self._showing[word], _PHOTOS_EACH) for word in chosen]
        others = self._numbers.integers(0, len(self._album.row), _OTHER_PHOTOS)
        asked = torch.from_numpy(np.concatenate([*photos, others]))
        mask = self._album.shows[self._album.row[asked]][:, chosen].to(self._device)
        asked_as = [self._words[word] for word in chosen]
        texts = torch.stack([tokens[self._numbers.integers(len(tokens))] for tokens in asked_as])
        logits = _SHARPNESS * self._album.vectors[asked] @ self._encoded(self.model, texts).T
        return found_by_word(logits, mask) + found_by_word(logits.T, mask.T)

    def _of_captions(self) -> torch.Tensor:
        if not len(self._captioned):
            return torch.zeros((), device=self._device)
        order = self._numbers.permutation(len(self._captioned))
        own, library = order[:_CAPTIONS], order[: _CAPTIONS + _OTHER_CAPTIONED]
        which = self._first[own] + self._numbers.integers(0, self._count[own])
        made = self._encoded(self.model, self._captions[torch.from_numpy(which)])
        logits = _SHARPNESS * made @ self._album.vectors[torch.from_numpy(self._captioned[library])].T
        right = torch.arange(len(own), device=self._device)
        return 0.5 * (F.cross_entropy(logits, right) + F.cross_entropy(logits[:, : len(own)].T, right))

    def _of_held(self) -> torch.Tensor:
        if not len(self._held):
            return torch.zeros((), device=self._device)
        tokens = self._held[torch.from_numpy(self._numbers.integers(0, len(self._held), _HELD))]
        with torch.no_grad():
            before = self._encoded(self._before, tokens)
        return (1 - (self._encoded(self.model, tokens) * before).sum(1)).mean()

    def _encoded(self, model: architecture.Model, tokens: torch.Tensor) -> torch.Tensor:
        with course.mixed(self._device):
            return architecture.encode_short(model, tokens.to(self._device))


def photos_of_words(taught: Album) -> list[np.ndarray]:
    """For each word the photos that show it, int [photos]."""
    order = np.argsort(taught.row.numpy(), kind="stable")
    starts = np.searchsorted(taught.row.numpy()[order], np.arange(len(taught.shows) + 1))
    shown = (taught.shows == 1).numpy()
    none = [np.zeros(0, np.int64)]
    return [
        np.concatenate(none + [order[starts[row] : starts[row + 1]] for row in np.flatnonzero(shown[:, word])])
        for word in range(shown.shape[1])
    ]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="tune-text", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path, help="the folder that every step works in")
    parser.add_argument("begin", type=Path, help="the model folder to begin with; its picture tower is kept")
    parser.add_argument("folder", type=Path, help="the model folder to write")
    parser.add_argument("--pictures", type=Path, required=True, help="as for prepare; the captions lie there")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"), help="the folder of data.noun")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    course.add_arguments(parser)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    model, config = architecture.load(options.begin).eval(), architecture.read_config(options.begin)
    model.to(course.device_of(options.device))
    taught = album(options.out, options.pictures, model)
    vocabulary = json.loads((options.out / "vocabulary.json").read_text(encoding="utf-8"))
    listing = options.out / "phrases.json"
    if listing.exists():
        texts = json.loads(listing.read_text(encoding="utf-8"))
    else:
        texts, _ = phrases.collect(options.wordnet, phrases.learned_captions(options.out, options.pictures))
    held = without(texts, vocabulary)
    print(f"{len(taught.row)} photos, {len(taught.captions)} captions, {len(held)} phrases that stay", flush=True)
    way, chance = course.Course(minutes=options.minutes, steps=options.steps), course.Randomness(options.seed)
    learner = Learner(model, taught, vocabulary, held, rate=options.rate, way=way, chance=chance)
    file = options.out / "tuned.pt"
    if (state := course.read(file)) is not None:
        learner.take_up(state)
    course.train(learner, file, config)
    size = export.export(model, config, options.folder)
    print(f"{options.folder}: {size / 1e6:.1f} MB")
