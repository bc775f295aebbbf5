"""The pictures the recipe learns from: where they come from, on what terms, and how folders tell what they show.

Nothing of them is part of this project. A step reads ``PICTURES/<name>``, a copy of the repository's folder that the
user has; a set that is not there is left out. What a class is called and which broader words it shows is in
``words.json``. Repositories whose photos are kept for measuring give nothing here (``docs/training.md``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WORDS = Path(__file__).with_name("words.json")

CAPTIONS, LABELS = "captions.txt", "labels.tsv"
"""Tables in a source's folder. A line of the first is a photo's file name, ``#``, a digit, a blank and a sentence; of
the second, what the group ``listed`` of the pattern matches, a tab, and the class."""


@dataclass(frozen=True)
class Source:
    """A set of pictures.

    files: which files, as a regular expression on the path below ``PICTURES/<name>`` (with ``/``); its group ``label``
    is the class, a key of ``words.json``; or its group ``listed`` is what ``labels.tsv`` there gives a class; or else
    the name of the group that matched is. Without groups the pictures have captions instead.
    side_px: how large they are kept at most; their own size where that is less.
    held_out: one picture in so many is never trained on; 0 takes all.
    share: how large its part of a batch is, beside the shares of the other sets.
    most_per_class: of larger classes only so many are taken; 0 takes all.
    parts: its pictures are cut from anywhere in photos, so that the look of the whole does not tell which.
    grid: its files are grids of so many by so many pictures, each a whole photo squeezed to a square.
    """

    name: str
    repository: str
    commit: str
    files: str
    taken: str
    terms: str
    side_px: int
    share: int
    held_out: int = 25
    most_per_class: int = 0
    parts: bool = False
    grid: int = 1

    @property
    def thumbnails(self) -> bool:
        """Reduced to less than the largest side by whoever made the set, and so not as the program reduces photos."""
        return self.side_px < max(source.side_px for source in SOURCES)

    @property
    def captioned(self) -> bool:
        return "(?P<" not in self.files


_IMAGENET = "ImageNet's: non-commercial research and education; the rights stay with the photographers"
_FOOD = "Food-101's (Bossard et al. 2014): scientific fair use; the rights stay with foodspotting's users"
_NONE = "the repository states none"
_COCO = "COCO's: captions CC BY 4.0, each photo under its Flickr licence"

SOURCES = (
    Source(
        "tiny", "seshuad/IMagenet", "153dbc161", r"tiny-imagenet-200/train/(?P<label>n\d+)/images/.*\.JPEG",
        "Tiny ImageNet, 200 classes × 500 at 64 × 64 (train)", _IMAGENET, side_px=64, share=24,
    ),
    Source(
        "mini", "Deo0330/split_minidataset", "557ebcae", r"(?:train|val)/(?P<label>n\d+)/.*\.jpg",
        "mini-ImageNet, 100 classes × 600 at 84 × 84 (train and val)", _IMAGENET, side_px=84, share=14,
    ),
    Source(
        "imagenette", "thunderInfy/imagenette", "b850f030", r"(?:train|val)/(?P<label>n\d+)/.*\.JPEG",
        "Imagenette, 10 ImageNet classes, 13,394 at 224 × 224", _IMAGENET, side_px=128, share=4,
    ),
    Source(
        "food", "Gandolier/genai_food101_repo", "1ed9ca6f", r"data/train/(?P<label>\w+)/.*\.jpg",
        "Food-101, 101 dishes × 980 at 64 × 64 (data/train)",
        _FOOD, side_px=64, share=8, most_per_class=500,
    ),
    Source(
        "scenes", "afroozsheikh/Intel-Image-Classifier", "268f8fc3", r"(?:train|test)/(?P<label>\w+)/.*\.jpg",
        "Intel's six scenes, 10,899 at 150 × 150 (train and test)", _NONE, side_px=128, share=5,
    ),
    Source(
        "rooms", "jaaumeadrover/Landscape-Image-Classification", "7985b6b6", r"data/test/(?P<label>\w+)/.*\.jpg",
        "15-Scene (Lazebnik et al. 2006): rooms, streets, landscapes in grey, 2,985 (data/test)", _NONE,
        side_px=128, share=2,
    ),
    Source(
        "sports", "jurjsorinliviu/Sports-Type-Classifier", "44513762", r"data/(?P<label>\w+)/[^/]*\.jpe?g",
        "22 sports, 13,764 from image searches", "none stated; the photos' rights stay with their owners",
        side_px=128, share=5,
    ),
    Source(
        "flowers", "Kounteyo98/Data", "1964b472", r"train/(?P<label>\w+)/.*\.jpg",
        "TensorFlow's flower photos, 5 kinds, 3,458 (train)", "each photo CC BY by its author on Flickr",
        side_px=128, share=2,
    ),
    Source(
        "caltech", "MachineLearning2020/Homework2-Caltech101", "836044d9",
        r"101_ObjectCategories/(?P<label>[^/]+)/.*\.jpg",
        "Caltech-101, 92 of its objects", "research; the rights stay with the owners", side_px=128, share=7,
        most_per_class=250,
    ),
    Source(
        "pacs", "MachineLearning2020/Homework3-PACS", "33f7def0", r"PACS/(?P<label>\w+/\w+)/.*\.(?:jpg|png)",
        "PACS (Li et al. 2017): 7 things as photo, painting, cartoon and sketch, 9,991 at 227 × 227",
        "research; the rights stay with the owners", side_px=128, share=5,
    ),
    Source(
        "flickr", "RlNZLER/Image-Text-Matching", "56a15d91", r"data/images/.*\.jpg",
        "Flickr8k photos at 224 × 224 (8,091); captions from Karan14-11/image_caption_generator (4936ba6),"
        " Flickr8k.token.txt",
        "Flickr8k's: non-commercial research and education; the rights stay with the owners", side_px=128, share=26,
    ),
    Source(
        "places", "rathull/CTFs", "f35c2198", r"data/images/train/\w/(?P<label>\w+(?:/\w+)?)/\d+\.jpg",
        "MiniPlaces (Zhou et al. 2017), 100 scenes × 900 at 128 × 128 (train)",
        "Places': non-commercial research and education; the rights stay with the owners", side_px=128, share=18,
        most_per_class=600,
    ),
    Source(
        "homes", "SilviuBR24/room-classification", "0eca0b20", r"dataset/train/(?P<label>\w+)/.*\.jpg",
        "six rooms of Places365, 1,500 of each at 256 × 256 (dataset/train)",
        "MIT for the repository, Places' for the photos", side_px=128, share=2, most_per_class=1500,
    ),
    Source(
        "weather", "pmlodzianowski/WeatherClassification", "50091484", r"data/(?P<label>\w+)/.*\.(?:jpe?g|png|JPG)",
        "six kinds of weather, 1,577 from image searches", _NONE, side_px=128, share=2,
    ),
    Source(
        "pets", "chanakya2734/Image-classification-using-CNN", "bf746c6e",
        r"dataset/(?:training|test)_set/(?P<label>\w+)/.*\.jpg",
        "Dogs vs. Cats (Elson et al. 2007), 4,000 snapshots", "Asirra's: research", side_px=128, share=2,
    ),
    Source(
        "cocopeople", "xiaodanlu/Deep-Learning-Project-Image-captioning", "8703ce33", r"coco_images/.*\.jpg",
        "COCO val2017 photos, mostly of people, 2,669; captions from ruizewang/evaluate (1152656d),"
        " annotations/captions_val2017.json",
        _COCO, side_px=128, share=12,
    ),
    Source(
        "cocosmall", "Sarthak-Thareja/semantic-image-search", "c654ed3e", r"data/images/.*\.jpg",
        "COCO train2017 photos, 1,997 at 300 × 225; captions from data/captions.csv, one each", _COCO,
        side_px=128, share=6,
    ),
    Source(
        "coco256", "nsimsiri/Image-Captioning", "69d80bf4", r"data/(?:val_)?resized2014/.*\.jpg",
        "COCO 2014 photos at 256 × 256, the 929 that have captions in Vindhyaa-Saravanan/Deep-Learning-Coursework"
        " (0b5f7d8c, coco_captions.csv), ruizewang/evaluate or xiaodanlu's data/selected_data_10000.json (a30855d9)",
        _COCO, side_px=128, share=2,
    ),
    Source(
        "faces", "Mohanish-5744/Major_Ensemble_Gender", "2f8aa4a5",
        r"crop_part1/(?:(?P<baby>[12]_\d)|(?P<boy>(?:[4-9]|1[0-2])_0)|(?P<girl>(?:[4-9]|1[0-2])_1)|(?P<man>[2-5]\d_0)"
        r"|(?P<woman>[2-5]\d_1)|(?P<old_man>(?:6[5-9]|[7-9]\d|1\d\d)_0)|(?P<old_woman>(?:6[5-9]|[7-9]\d|1\d\d)_1))_.*\.jpg",
        "UTKFace (Zhang et al. 2017): 8,248 faces at 200 × 200, by the age and sex in their names (crop_part1)",
        "UTKFace's: non-commercial research; the rights stay with the owners", side_px=128, share=4,
    ),
    Source(
        "grocery", "marcusklasson/GroceryStoreDataset", "fc80ba9",
        r"dataset/(?:train|val|test)/\w+/(?P<label>[^/]+)/(?:[^/]+/)?[^/]*\.jpg",
        "fruit, vegetables and cartons in shops (Klasson et al. 2019): 37 of 42 kinds, 4,877 at 348 × 348 (dataset)",
        "MIT", side_px=128, share=4,
    ),
    Source(
        "instruments", "aizadaaskar/dl-homework", "e1f4d17", r"(?:train|valid)/(?P<label>[^/]+)/.*\.jpg",
        "30 musical instruments, 4,943 at 224 × 224 (train and valid)", _NONE, side_px=128, share=5,
    ),
    Source(
        "houses", "emanhamed/Houses-dataset", "5e14821", r"Houses Dataset/\d+_(?P<label>\w+)\.jpg",
        "535 houses, from outside and three rooms of each (Ahmed and Moustafa 2016)",
        "cite the paper; none else stated", side_px=128, share=1,
    ),
    Source(
        "imagewoof", "q878787/imagewoof2-320", "874e58f0", r"(?:train|val)/(?P<label>n\d+)/.*\.JPEG",
        "Imagewoof, 10 of ImageNet's dogs, 12,949 at 320 pixels (train and val)", _IMAGENET, side_px=128, share=6,
    ),
    Source(
        "sketchy", "sahibgoa/DCGAN-MNIST", "3ad0a099", r"photo/(?P<label>[^/]+)/.*\.jpg",
        "the photos of Sketchy (Sangkloy et al. 2016): 125 things and animals × 25 at 128 × 128 (photo)", _IMAGENET,
        side_px=128, share=9,
    ),
    Source(
        "things", "lqhl/Painting-Finder", "aa59154c", r"data/(?P<label>[^/]+)/[^/]*\.jpg",
        "45 of 52 things and sights × 40 from image searches (data)", "MIT for the repository; photos their owners'",
        side_px=128, share=5,
    ),
    Source(
        "seats", "krish212/vgg", "618c48e2", r"data/(?P<label>[^/]+)/.*\.jpg",
        "cups, chairs, computers, buses and trains, 1,139 (data)", _NONE, side_px=128, share=2,
    ),
    Source(
        "office", "Chima200057/PDE3802_CW1a", "2f3beafb", r"dataset/images/(?P<label>\w+)/.*\.jpg",
        "eight things of an office, 1,391 at 256 × 256 (dataset/images)", _NONE, side_px=128, share=3,
    ),
    Source(
        "wildlife", "InputBlackBoxOutput/popular-animals-dataset", "0b73f023", r"(?P<label>[a-z]+)/.*\.(?:jpe?g|png)",
        "22 animals, 1,997 from image searches", "MIT for the repository; photos their owners'", side_px=128, share=4,
    ),
    Source(
        "farm", "Handepp/Classification-of-4-animals-using-DenseNet201-with-various-optimizers", "0c8ced2e",
        r"train/(?P<label>\w+)/.*\.jpg", "dogs, cats, deer and horses, 2,800 (train)", _NONE, side_px=128, share=3,
    ),
    Source(
        "zoo", "alliance1210/Animal-classification", "79f1fac3", r"Dataset/(?P<label>\w+)/.*\.jpg",
        "12 animals × 60 (Dataset)", _NONE, side_px=128, share=2,
    ),
    Source(
        "bigcats", "smaranjitghose/Big_Cat_Classifier", "9cbeba16", r"data/(?P<label>\w+)/.*\.jpg",
        "five big cats × 150 (data)", "MIT for the repository; photos their owners'", side_px=128, share=1,
    ),
    Source(
        "poses", "mateusrafael4/Atividade_programacao_pose_estimation", "dab5c740",
        r"images/(?:(?P<cat>ca)|(?P<cow>co)|(?P<dog>do)|(?P<horse>ho)|(?P<sheep>sh))\d+\.jpe?g",
        "Animal Pose (Cao et al. 2019), cats, cows, dogs, horses and sheep, the 200 of each that say so in their names",
        _NONE, side_px=128, share=2,
    ),
    Source(
        "traffic", "yahyasarhan22/comparative-study-of-image-classification", "0264031b",
        r"dataset[12]/(?P<label>\w+)/.*\.(?:jpe?g|png)",
        "motorcycles, bicycles, cars, cats, snakes and pandas, 5,387 (dataset1 and dataset2)", _NONE,
        side_px=128, share=4,
    ),
    Source(
        "crossings", "Vilka284/recaptcha-dataset", "50ae50d5", r"Large/(?P<label>[^/]+)/.*\.png",
        "buses, bicycles, cars, hydrants, palms and traffic lights in streets, 500 of each at 120 × 120 (Large)",
        "MIT for the repository; photos their owners'", side_px=128, share=3, most_per_class=500,
    ),
    Source(
        "butterflies", "HPD1155/Image-CNN", "ec99c16d", r"train/(?P<butterfly>Image)_\d+\.jpg",
        "butterflies and moths, 1,000 at 224 × 224 (train)", _NONE, side_px=128, share=1, most_per_class=1000,
    ),
    Source(
        "birds", "Sparcraps/Gob-Game-of-Bird", "b57177b4", r"valid/(?P<bird>[^/]+)/.*\.jpg",
        "525 birds × 5 at 224 × 224 (valid)", _NONE, side_px=128, share=2,
    ),
    Source(
        "imagen", "ajschumacher/imagen", "2e871895", r"imagen/(?P<label>n\d+)_\d+_[^/]*\.jpg",
        "200 kinds of things and animals of ImageNet × 5 at full size (imagen)", _IMAGENET, side_px=128, share=6,
    ),
    Source(
        "calibration", "VeriSilicon/acuity-dataset", "aded2e9f",
        r"ILSVRC2012_VAL_SET/data/(?P<listed>ILSVRC2012_val_\d+)\.JPEG",
        "1,300 of ImageNet's validation photos, 725 classes, at 227 × 227; classes from ILSVRC2012_VAL_SET/dataset.txt",
        _IMAGENET, side_px=128, share=6,
    ),
    Source(
        "nips", "dongyp13/Translation-Invariant-Attacks", "c3ae1ba0", r"dataset/images/(?P<listed>[0-9a-f]{16})\.png",
        "the 1,000 photos of NIPS 2017's contest on adversarial examples, 430 of ImageNet's classes, at 299 × 299;"
        " classes from dataset/dev_dataset.csv (TrueLabel - 1)",
        "each photo CC BY by its author, who is named in that table", side_px=128, share=4,
    ),
    Source(
        "clothing", "alexeygrigorev/clothing-dataset", "7ed86a9c", r"images/(?P<listed>[0-9a-f-]{36})\.jpg",
        "17 kinds of clothes, 5,096 snapshots; classes from images.csv", "CC0", side_px=128, share=8,
    ),
    Source(
        "corel", "lamraouii/CBIR-Prjct", "4bf36038", r"dataset/(?P<label>[a-z]+)/\d+\.jpg",
        "nine sights of Corel-1000 (Wang et al. 2001) × 100 at 256 × 256", _NONE, side_px=128, share=2,
    ),
    Source(
        "attributes", "kovacspeter/Animal-classification", "2fb6ddc2",
        r"data/dataset/train\+val/(?P<label>[a-z+]+)/.*\.jpg", "ten animals × 120", _NONE, side_px=128, share=2,
    ),
    Source(
        "eight", "herene/animals_pictures_classification", "410b9e4a",
        r"dataset/train/(?P<label>[a-z]+)/.*\.(?:jpe?g|png)", "eight animals, 916", _NONE, side_px=128, share=2,
    ),
    Source(
        "companions", "linlawre/CMPE258_hw1", "4f56b0e0", r"dataset/(?P<label>[a-z]+)/.*\.(?:jpe?g|png)",
        "snapshots of cats, dogs and birds, 200 of each", _NONE, side_px=128, share=1,
    ),
    Source(
        "ants", "zhangtao7750/syn", "f0503091", r"hymenoptera_data/(?:train|val)/(?P<label>[a-z]+)/.*\.jpg",
        "ants and bees, 396", _NONE, side_px=128, share=1,
    ),
    Source(
        "raccoons", "datitran/raccoon_dataset", "93938849", r"images/(?P<label>raccoon)-\d+\.jpg",
        "200 raccoons from image searches", "MIT for the repository; photos their owners'", side_px=128, share=1,
    ),
    Source(
        "thousand", "jerryzhao173985/Advanced-Vision-Image-Classification", "aea5d033",
        r"data/(?:train|val|test)/(?P<label>n\d{8})/.*\.JPEG",
        "parts of 50 photos of each of ImageNet's 1,000 classes, at 224 × 224 (data)", _IMAGENET,
        side_px=128, share=100, held_out=0, parts=True,
    ),
    Source(
        "sports100", "Vigneshraj15/SportsActivityDetection", "624cd21f", r"train/(?P<label>[^/]+)/Image_\d+\.jpg",
        "100 sports, 9,500 from image searches at 224 × 224 (train)",
        "none stated; the photos' rights stay with their owners", side_px=128, share=6,
    ),
    Source(
        "cards", "IuliiaKonovalova/flash_cards", "1c3612fd", r"assets/images/(?P<label>[^/]+)\.jpe?g",
        "a photo of each of 524 everyday words (assets/images)", "from Unsplash, says its README: Unsplash's licence",
        side_px=128, share=4,
    ),
    Source(
        "nouns", "szepi92/exp", "b3c2246a", r"images/(?P<label>[^/]+)\.(?:jpe?g|JPG)",
        "a photo of each of 481 everyday words (images)", "none stated; the photos' rights stay with their owners",
        side_px=128, share=3,
    ),
    Source(
        "spelling", "nirmalkumargcp-ux/spell-quest", "5808a11d", r"images/(?P<label>[^/]+)\.(?:jpg|png)",
        "a photo of each of 442 everyday words (images)",
        "from Wikipedia, says its README; each photo's licence is not", side_px=128, share=3,
    ),
    Source(
        "grids", "jkash25/imageNetTraining", "4f16d60", r"creategrids/grids/(?P<label>n\d{8})\.jpg",
        "25 photos of each of ImageNet's 1,000 classes, squeezed to 100 × 100 (creategrids/grids)", _IMAGENET,
        side_px=128, share=50, held_out=0, grid=5,
    ),
    Source(
        "food10", "srohit0/food_mnist", "e6cdf58", r"images/(?P<label>\w+)/.*\.jpg",
        "ten dishes of Food-101 × 500 at 512 pixels (images)", _FOOD, side_px=128, share=7, held_out=0,
    ),
    Source(
        "fries", "mybothy/bangkit-machine-learning", "6da7d65", r"data/(?P<label>\w+)/.*\.jpg",
        "three dishes of Food-101 × 1,000, most at 128 × 128 (data)", _FOOD, side_px=128, share=3, held_out=0,
    ),
    Source(
        "dishes", "faidhiadlyn/predictingaddedsugarindish", "8a51306", r"train/(?P<label>\w+)/.*\.(?:jpe?g|png)",
        "21 of 22 dishes × 100 at 256 × 256 (train)", _NONE, side_px=128, share=6, held_out=0,
    ),
    Source(
        "streetfood", "Beruga-89/street_food_classifier", "632bcef",
        r"popular_street_foods/dataset/(?P<label>[^/]+)/.*\.jpg",
        "19 of 20 street foods, some 3,500 from image searches, about 108 pixels high (popular_street_foods/dataset)",
        "none stated; the photos' rights stay with their owners", side_px=128, share=6,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A picture of a source: its file, its path below the source's folder, and its class ("" where it has captions).

    tile: its number in a grid, row by row from 0; its path ends in ``#`` and this number.
    """

    file: Path
    path: str
    label: str
    tile: int = 0


@dataclass(frozen=True)
class Class:
    """What is known of a class: phrases that name it, the first the usual one, and the words it also shows."""

    names: tuple[str, ...]
    shows: tuple[str, ...]


@cache
def words() -> dict:
    """``words.json``: ``classes``, ``caption_words``, ``background``."""
    return json.loads(WORDS.read_text(encoding="utf-8"))


def classes(source: str) -> dict[str, Class]:
    """Label → what is known of it; labels that are not there are not learned. A source can share another's table."""
    table = words()["classes"].get(source, {})
    if isinstance(table, str):
        table = words()["classes"][table]
    return {label: Class(tuple(entry["names"]), tuple(entry["shows"])) for label, entry in sorted(table.items())}


def pictures(source: Source, folder: Path) -> list[Picture]:
    """What of a source lies in ``folder``, ordered so that neighbours are of different classes; of a captioned source,
    what has captions.

    The order is that of a digest of the path: the same on every machine, and the first n are as good as any n.
    """
    pattern = re.compile(source.files)
    known = None if source.captioned else classes(source.name)
    listed = _listed(folder)
    told = _captions_in(folder) if source.captioned else {}
    taken: dict[str, int] = defaultdict(int)
    found = []
    for path, tile in sorted(_tiles(folder, source.grid), key=lambda found: digest(found[0])):
        file = path.partition("#")[0] if source.grid > 1 else path
        match = pattern.fullmatch(file)
        if match is None or (source.captioned and path.rpartition("/")[2] not in told):
            continue
        label = "" if known is None else _label(match, listed)
        if known is not None and label not in known:
            continue
        taken[label] += 1
        if source.most_per_class and taken[label] > source.most_per_class:
            continue
        found.append(Picture(folder / file, path, label, tile))
    return found


def _label(match: re.Match[str], listed: dict[str, str]) -> str:
    groups = match.groupdict()
    if "listed" in groups:
        return listed.get(groups["listed"], "")
    return groups.get("label") or str(match.lastgroup)


def _listed(folder: Path) -> dict[str, str]:
    """Of ``labels.tsv``, a line each of what a file is called, a tab, and its class; nothing where it is not."""
    file = folder / LABELS
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return dict(line.split("\t") for line in lines)


def digest(path: str) -> int:
    """A number that depends on nothing but the path, evenly spread below 2^64."""
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=8).digest(), "big")


def is_held_out(source: Source, picture: Picture) -> bool:
    """Whether a picture is kept for measuring: decided by its path alone, so that no run ever trains on it."""
    return source.held_out > 0 and digest("held out:" + picture.path) % source.held_out == 0


def read_captions(file: Path) -> dict[str, list[str]]:
    """File name → sentences, plain and lower-case, from Flickr8k's ``name.jpg#0<blank>A sentence .``"""
    found: dict[str, list[str]] = defaultdict(list)
    for line in file.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"(\S+?\.jpg)(?:\.\d)?#\d\s+(.*)", line.strip()):
            found[match[1]].append(re.sub(r"\s+([.,])", r"\1", match[2]).strip(" .").lower())
    return dict(found)


def captions(source: Source, pictures: Path) -> dict[str, list[str]]:
    """File name → sentences of a captioned source, from ``PICTURES/<name>/captions.txt``; nothing where it is not."""
    return _captions_in(pictures / source.name)


def _captions_in(folder: Path) -> dict[str, list[str]]:
    file = folder / CAPTIONS
    return read_captions(file) if file.is_file() else {}


def _tiles(folder: Path, grid: int) -> Iterator[tuple[str, int]]:
    """Paths of pictures and their numbers in their files."""
    for file in folder.rglob("*"):
        if file.is_file():
            path = file.relative_to(folder).as_posix()
            yield from ((f"{path}#{tile}", tile) for tile in range(grid**2)) if grid > 1 else ((path, 0),)


def main(arguments: Sequence[str]) -> None:
    del arguments
    for source in SOURCES:
        print(f"{source.name}: {source.repository} at {source.commit}\n  {source.taken}\n  terms: {source.terms}")
