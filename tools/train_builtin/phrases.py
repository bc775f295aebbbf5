"""Words and sentences for the text tower to learn, and where the sentence model places them.

Everyday nouns, adjectives and verbs of WordNet (Fellbaum 1998; its ``dict`` folder, Debian's ``wordnet-base``), the
names and captions of the sources, their frequent word groups, and templates: plurals, colours, places, two things.
``OUT/phrases.json``, ``OUT/space.npz``, and ``OUT/phrases/<number>.npy`` (float16 [n, 256]), each made only once.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tools.train_builtin import course, shards
from tools.train_builtin.sentences import SentenceModel, Space
from tools.train_builtin.sources import SOURCES, captions, classes, words

PER_FILE = 8192
_FITTED_ON = 16_000

# WordNet's lexicographer files: 3 tops, 4 act, 5 animal, 6 artifact, 8 body, 9 cognition, 10 communication, 11 event,
# 13 food, 14 group, 15 location, 17 object, 18 person, 19 phenomenon, 20 plant, 27 substance; 7 attribute, 12 feeling,
# 26 state, 28 time. Of plants and animals with a capital, scientific names, there are thousands nobody types.
_CONCRETE = frozenset({3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 17, 18, 19, 20, 27})
_EVERYDAY = _CONCRETE | {7, 12, 26, 28}
_THINGS = frozenset({5, 6, 13, 15, 17, 18, 20})
_LONGEST = 26
_SMALL_WORDS = (
    "a an the of is are in on at with and to his her their as by for while from it its another some two three up down"
    " into over near one has have that who other there this be being"
)
_EDGES = frozenset(_SMALL_WORDS.split())
_TEMPLATES = (
    "a photo of a {}", "a photo of {}", "a picture of {}", "{}s", "two {}s", "my {}", "red {}", "blue {}", "green {}",
    "yellow {}", "white {}", "black {}", "brown {}", "small {}", "old {}", "{} in the snow", "{} on the beach",
    "{} at night", "{} in the garden", "a {} in the grass", "{} in water", "a {} on a table", "people with {}",
    "a man with a {}", "a child with a {}", "close up of {}",
)  # fmt: skip
_TEMPLATES_EACH = 5


def wordnet_nouns(folder: Path) -> list[tuple[int, list[str]]]:
    """(lexicographer file, lemmas) of every noun synset in WordNet's ``data.noun``."""
    found = []
    for line in (folder / "data.noun").read_text(encoding="utf-8").splitlines():
        if not line.startswith("  "):
            fields = line.split()
            found.append((int(fields[1]), [f.replace("_", " ") for f in fields[4 : 4 + 2 * int(fields[3], 16) : 2]]))
    return found


def everyday(synsets: Iterable[tuple[int, list[str]]], chance: random.Random) -> set[str]:
    """Nouns that people might type."""
    found = set()
    for kind, lemmas in synsets:
        if kind not in _EVERYDAY:
            continue
        for lemma in lemmas:
            if len(lemma) > _LONGEST or lemma.count(" ") > 2 or any(c.isdigit() for c in lemma):
                continue
            if kind in (5, 20, 26, 27) and (lemma[0].isupper() or re.search("family|genus|order", lemma)):
                continue
            if kind in (15, 18) and lemma[0].isupper() and chance.random() > 0.15:
                continue
            found.add(lemma)
    return found


def most_used(folder: Path, kind: str, count: int) -> set[str]:
    """The adjectives (``adj``) or verbs (``verb``) that WordNet's authors met most often."""
    rows = []
    for line in (folder / f"index.{kind}").read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            fields = line.split()
            rows.append((int(fields[5 + int(fields[3])]), fields[0].replace("_", " ")))
    return {
        word for _, word in sorted(rows, reverse=True)[:count] if len(word) < 20 and not any(map(str.isdigit, word))
    }


def word_groups(sentences: Iterable[str]) -> Counter[str]:
    """How often one, two and three words stand together that neither begin nor end with a small word."""
    groups: Counter[str] = Counter()
    for sentence in sentences:
        tokens = re.findall(r"[a-z']+", sentence)
        for n in (1, 2, 3):
            for i in range(len(tokens) - n + 1):
                if tokens[i] not in _EDGES and tokens[i + n - 1] not in _EDGES:
                    groups[" ".join(tokens[i : i + n])] += 1
    return groups


def collect(wordnet: Path, sentences: Sequence[str], seed: int = 1) -> tuple[list[str], list[str]]:
    """All phrases in random order, and the nouns that the space is fitted on."""
    chance = random.Random(seed)
    synsets = wordnet_nouns(wordnet)
    nouns = everyday(synsets, chance)
    base = set(words()["caption_words"])
    for source in SOURCES:
        for known in classes(source.name).values():
            base |= {*known.names, *known.shows}
    groups = word_groups(sentences)
    plain = sorted({x for kind, lemmas in synsets if kind in _THINGS for x in lemmas if x in nouns and " " not in x})
    seeds = sorted({noun for noun in plain if groups[noun]} | base)
    made = {t.format(noun) for noun in seeds for t in chance.sample(_TEMPLATES, _TEMPLATES_EACH)}
    made |= {f"{a} and {b}" for a, b in zip(seeds, chance.sample(seeds, len(seeds)), strict=True)}
    made |= {f"a photo of a {noun}" for noun in chance.sample(plain, min(8000, len(plain)))}
    often = {group for group, count in groups.items() if count >= 4}
    used = most_used(wordnet, "adj", 8000) | most_used(wordnet, "verb", 6000)
    phrases = sorted(nouns | used | set(sentences) | often | made | base | {b.lower() for b in base})
    chance.shuffle(phrases)
    concrete = sorted({x for kind, lemmas in synsets if kind in _CONCRETE for x in lemmas if len(x) < 30})
    return phrases, chance.sample(concrete, min(_FITTED_ON, len(concrete)))


def learned_captions(out: Path, folder: Path) -> list[str]:
    """The captions of the pictures that are trained on: those of others are kept for measuring, like their pictures."""
    learned = []
    for source in SOURCES:
        if source.captioned and (said := captions(source, folder)):
            paths = shards.read_paths(out, source.name, shards.TRAIN)
            learned += [sentence for path in paths for sentence in said.get(path.rpartition("/")[2], [])]
    return learned


def place(out: Path, phrases: Sequence[str], model: SentenceModel, space: Space) -> None:
    """The vectors that are not there yet."""
    folder = out / "phrases"
    folder.mkdir(exist_ok=True)
    for number, start in enumerate(range(0, len(phrases), PER_FILE)):
        file = folder / f"{number:03d}.npy"
        if file.exists():
            continue
        temporary = file.with_name("." + file.name)
        np.save(temporary, space.place(model.embed(phrases[start : start + PER_FILE])).astype(np.float16))
        temporary.replace(file)
        print(f"{min(start + PER_FILE, len(phrases))}/{len(phrases)}", flush=True)


def read(out: Path) -> tuple[list[str], np.ndarray]:
    """The phrases and their vectors, float32 [n, 256]."""
    phrases = json.loads((out / "phrases.json").read_text(encoding="utf-8"))
    vectors = np.concatenate([np.load(file) for file in sorted((out / "phrases").glob("*.npy"))]).astype(np.float32)
    if len(phrases) != len(vectors):
        raise SystemExit("Some phrases have no vector yet: run the step phrases again.")
    return phrases, vectors


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="phrases", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pictures", type=Path, required=True, help="as for prepare; the captions lie there")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"), help="the folder of data.noun")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    model = SentenceModel(course.device_of(options.device))
    listing, fitted = options.out / "phrases.json", options.out / "space.npz"
    if listing.exists() and fitted.exists():
        phrases = json.loads(listing.read_text(encoding="utf-8"))
        saved = np.load(fitted)
        space = Space(saved["mean"], saved["directions"])
    else:
        phrases, sample = collect(options.wordnet, learned_captions(options.out, options.pictures))
        space = Space.fitted(model.embed(sample))
        np.savez(fitted, mean=space.mean, directions=space.directions)
        listing.write_text(json.dumps(phrases), encoding="utf-8")
    place(options.out, phrases, model, space)
