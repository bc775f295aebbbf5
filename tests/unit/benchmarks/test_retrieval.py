"""The figures of the retrieval benchmark, against cases that were counted by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image, ImageOps

from benchmarks import retrieval

RANKS = np.array([1, 2, 4, 10, 11])


def test_recall_counts_the_questions_whose_photo_is_among_the_first():
    assert [retrieval.recall_at(k)(RANKS) for k in (1, 5, 10)] == [0.2, 0.6, 0.8]


def test_the_mean_reciprocal_rank_of_five_ranks():
    assert retrieval.mean_reciprocal_rank(RANKS) == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 10 + 1 / 11) / 5)


def test_chance_is_what_every_order_of_four_photos_gives_on_average():
    every_rank = np.array([1, 2, 3, 4])
    assert retrieval.chance_of_recall(2, 4) == retrieval.recall_at(2)(every_rank)
    assert retrieval.chance_of_recall(10, 4) == 1
    assert retrieval.chance_of_reciprocal_rank(4) == pytest.approx(retrieval.mean_reciprocal_rank(every_rank))


def test_precision_is_of_ten_also_where_fewer_are_right():
    assert retrieval.precision_at(10, list(range(100)), {0, 9, 10, 50}) == 0.2


def test_an_interval_holds_the_figure_and_is_wider_where_answers_stand_or_fall_together():
    values = np.repeat([0.0, 1.0], 50)

    def mean(x: np.ndarray) -> float:
        return float(np.mean(x))

    low, high = retrieval.interval(values, mean)
    assert 0.38 < low < 0.43 and 0.57 < high < 0.62  # 0.5 ± 1.96 · 0.05
    grouped = retrieval.interval(values, mean, groups=np.repeat(np.arange(10), 10))
    assert grouped[0] < low - 0.05 and grouped[1] > high + 0.05


def test_an_interval_of_a_share_is_known_from_the_literature():
    # Newcombe 1998, table I: 81 of 263, and 0 of 20.
    assert retrieval.wilson_interval(81, 263) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))
    assert retrieval.wilson_interval(0, 20) == (0, pytest.approx(0.1611, abs=1e-4))


def test_a_mixture_is_a_photo_of_one_thing_and_the_word_for_another():
    captions = [
        ("A dog on the beach.", "a"),
        ("Two dogs", "b"),
        ("at two beaches", "b"),
        ("A dog at home", "c"),
        ("A beach, and a hot dog stand far off", "d"),
        ("dogma", "e"),
    ]
    asked = retrieval.mixtures(captions, ["dog", "beach", "home", "cat"])
    assert asked == [("c", "beach", {"a", "b", "d"})]  # no photo shows a beach and no dog; one alone has dog and home


def test_the_tables_are_read_as_they_are_written(tmp_path):
    (tmp_path / "labelled.tsv").write_text("file\twnid\tlabel\tbroader\tknown\na.jpg\tn1\tred kite\tbird\tyes\n")
    (tmp_path / "present.tsv").write_text("dog\ta.jpg,b/c.jpg\ncat\ta.jpg\n")
    (tmp_path / "captions.json").write_text(
        json.dumps(
            {
                "images": [{"id": 7, "file_name": "a.jpg"}],
                "annotations": [{"image_id": 7, "id": 1, "caption": "A kite."}],
            }
        )
    )
    assert retrieval.read_labelled(tmp_path / "labelled.tsv") == [
        retrieval.Labelled("a.jpg", "red kite", "bird", known=True)
    ]
    assert retrieval.read_present(tmp_path / "present.tsv") == {"dog": ["a.jpg", "b/c.jpg"], "cat": ["a.jpg"]}
    assert retrieval.read_captions(tmp_path / "captions.json") == [("A kite.", "a.jpg")]


@pytest.mark.parametrize("what", retrieval.ALTERATIONS)
def test_an_altered_copy_shows_the_same_upright(tmp_path, what):
    left_red = Image.new("RGB", (160, 80), (0, 0, 200))
    left_red.paste((200, 0, 0), (0, 0, 80, 80))
    retrieval.ALTERATIONS[what](left_red, tmp_path / "copy.jpg")
    with Image.open(tmp_path / "copy.jpg") as copy:
        upright = ImageOps.exif_transpose(copy)
        assert (copy.size == (80, 160)) == what.startswith("turned")
        width, height = upright.size
        assert width == 2 * height
        assert upright.getpixel((width // 4, height // 2))[0] > 150
        assert upright.getpixel((3 * width // 4, height // 2))[2] > 150
    expected = {"half": (80, 40), "crop": (128, 64)}.get(what[:4], (160, 80))
    assert (width, height) == expected
