"""The figures of the evaluation, against cases counted by hand; and one small set of photos, asked in full."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from photosearch.model import ModelInfo, Preprocess
from tools.train_builtin import evaluate
from tools.train_builtin.evaluate import Answers, difference, mean, unit


def test_the_rank_of_the_right_photo_counts_those_that_score_as_high():
    scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.4, 0.4]])
    assert list(evaluate.ranks_of(scores, [1, 1])) == [2, 2]


def test_absent_words_are_compared_with_present_ones():
    gap, above = evaluate.absent_gap(np.array([0.5, 0.3]), np.array([0.2, 0.4]))
    assert (gap, above) == (pytest.approx(0.1), 0.75)


def test_similar_pictures_of_the_same_group_are_counted():
    angles = np.radians([0, 10, 20, 90, 100])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # a: its two others are b's 10° and a's 20°. b: one other. c stands alone and is not asked.
    shares = evaluate.same_class_share(vectors, ["a", "b", "a", "b", "c"], top=2)
    assert list(shares) == [0, 0, 0, 0]
    assert list(evaluate.same_class_share(vectors, ["a", "a", "b", "b", "b"], top=1)) == [1, 1, 0, 1, 1]


def test_of_two_models_the_gain_is_taken_over_the_same_questions():
    before, after = Answers(np.array([0.0, 1, 0, 1] * 25), mean), Answers(np.array([1.0, 1, 0, 1] * 25), mean)
    gain, (low, high) = difference(before, after)
    assert gain == 0.25 and 0.1 < low < 0.25 < high < 0.4
    assert difference(before, before) == (0, (0, 0))


class Dictionary:
    """An encoder that knows three words, and pictures by their colour: a dog is red, a flower green, the sea blue."""

    info = ModelInfo(
        "three words", "three words", 3, Preprocess(8, "squash", "bicubic", (0,) * 3, (1,) * 3), "cpu", "", 2
    )

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        rows = [[("dog" in t or "poodle" in t), ("flower" in t or "daisy" in t), "sea" in t] for t in texts]
        return unit(np.array(rows, np.float32) + 0.01)

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        return unit(pixels.mean((1, 2)).astype(np.float32) + 0.01)


def test_every_question_of_a_folder_is_asked_and_counted(tmp_path):
    for name, colour in (
        ("poodle", (200, 40, 0)),
        ("beagle", (200, 0, 40)),
        ("daisy", (0, 200, 0)),
        ("sea", (0, 0, 200)),
    ):
        Image.new("RGB", (20, 20), colour).save(tmp_path / f"{name}.jpg", quality=95)
    (tmp_path / "labelled.tsv").write_text(
        "file\twnid\tlabel\tbroader\tknown\n"
        "poodle.jpg\tn1\tpoodle\tdog\tyes\n"
        "beagle.jpg\tn2\tbeagle\tdog\tno\n"
        "daisy.jpg\tn3\tdaisy\tflower\tno\n"
    )
    (tmp_path / "present.tsv").write_text("dog\tpoodle.jpg,beagle.jpg\nsea\tsea.jpg\n")
    (tmp_path / "absent.txt").write_text("rainbow\n")
    notes = {
        "images": [{"id": 1, "file_name": "sea.jpg"}],
        "annotations": [{"image_id": 1, "caption": "the wide sea in the evening"}],
    }
    (tmp_path / "captions.json").write_text(json.dumps(notes))
    figures = evaluate.on_photos(evaluate.Asked("three words", Dictionary()), tmp_path)
    assert figures["labels the first model never saw: recall@1"].result == 0.5  # beagle is a word it does not know
    assert figures["broader words: recall@1"].result == pytest.approx(2 / 3)  # of two dogs one comes first
    assert figures["captions: recall@1"].result == 1 and figures["captions: recall@1"].chance == 0.25
    assert figures["present words: precision@10"].result == pytest.approx((0.2 + 0.1) / 2)
    assert figures["a present word scores above an absent one"].result == 1
    assert list(figures["similar pictures: same broader word in ten"].values) == [1, 1]  # a daisy has no like


def test_of_development_photos_the_names_are_asked_taught_ones_apart_from_others(tmp_path):
    blue, green = (0, 0, 200), (0, 200, 0)
    for name, colour in (("sea", blue), ("daisy", green), ("lawn", green), ("left out", blue)):
        Image.new("RGB", (20, 20), colour).save(tmp_path / f"{name}.jpg", quality=95)
    (tmp_path / "labelled.tsv").write_text(
        "file\twnid\tlabel\tbroader\tknown\n"
        "sea.jpg\t\tsea\t\tyes\n"
        "daisy.jpg\t\tdaisy\t\tyes\n"
        "lawn.jpg\t\tthe sea\t\tno\n"
    )
    figures = evaluate.on_development(evaluate.Asked("three words", Dictionary()), tmp_path)
    taught, other = (figures[f"development photos, {which} names: recall@1"] for which in ("taught", "other"))
    assert taught.values[0] == 1 and len(taught.values) == 2  # only photos in the table are asked, or in the way
    assert other.result == 0 and other.chance == pytest.approx(1 / 3)


def test_names_and_captions_find_their_pictures_among_one_of_each_class():
    red, green, blue = np.eye(3, dtype=np.float32)
    figures: evaluate.Figures = {}
    evaluate.as_in_a_library(
        figures, evaluate.Asked("three words", Dictionary()), np.stack([red, red, green]), ["dog", "dog", "flower"],
        [np.stack([green]), np.stack([blue])], ["a daisy", "the sea"], [0, 1],
    )  # fmt: skip
    names, captions = (figures[f"held-out {what}, as in a library: recall@1"] for what in ("names", "captions"))
    assert names.result == 0.5  # a captioned picture is as near to the flower, which counts against it
    assert captions.result == 0.5 and names.chance == 0.25  # one dog, one flower, two captioned pictures
