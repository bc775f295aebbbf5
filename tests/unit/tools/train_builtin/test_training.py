"""Towers learn, go on where they stopped, and end in a folder that the program loads."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from photosearch.model import Encoder, resolve
from tools.train_builtin import (
    architecture,
    average,
    course,
    export,
    norms,
    prepare,
    shards,
    targets,
    train_pictures,
    train_text,
)
from tools.train_builtin.augment import augment
from tools.train_builtin.course import Course, Randomness
from tools.train_builtin.lanes import Lanes, parts
from tools.train_builtin.sources import SOURCES, Source

CPU = torch.device("cpu")


def tiny_config() -> dict:
    """A picture tower and a text tower of a few thousand weights, beside the vocabulary."""
    config = architecture.config(side_px=32, tower="test_resnet", width=32, layers=1)
    return config | {"embed_dim": 32}


@pytest.fixture
def taught(tmp_path, paint):
    """A folder with a dozen prepared pictures, and where they should land."""
    torch.set_num_threads(1)
    torch.manual_seed(3)
    pictures = paint(6)
    (tmp_path / "measured").mkdir(exist_ok=True)
    prepare.main([str(tmp_path), "--pictures", str(pictures), "--measured", str(tmp_path / "measured")])
    model = architecture.build(tiny_config())
    data = targets.make(tmp_path, model, pictures)
    return tmp_path, model, data


def learner(taught, *, steps: int, cores: int = 1, first_side: int | None = None) -> train_pictures.Learner:
    out, model, data = taught
    chance = Randomness(5)
    lessons = train_pictures.lessons(out, data, CPU, chance)
    fresh = architecture.build(tiny_config())
    fresh.load_state_dict(model.state_dict())
    return train_pictures.Learner(
        fresh, tiny_config(), lessons, data["vocabulary"],
        device=CPU, batch=8, rate=2e-3, way=Course(steps=steps), chance=chance, cores=cores,
        first_side=first_side,
    )  # fmt: skip


@pytest.mark.parametrize("cores", [1, 2])
def test_the_loss_falls_within_a_few_steps(taught, cores):
    one = learner(taught, steps=24, cores=cores)
    losses = [one.step() for _ in range(24)]
    assert np.mean(losses[-6:]) < 0.8 * np.mean(losses[:6])


@pytest.mark.parametrize("cores", [1, 2])
def test_a_run_that_is_taken_up_ends_as_one_that_was_never_stopped(taught, cores):
    through = learner(taught, steps=6, cores=cores)
    for _ in range(6):
        through.step()
    stopped = learner(taught, steps=6, cores=cores)
    for _ in range(3):
        stopped.step()
    file = taught[0] / "pictures.pt"
    course.save(file, stopped.state())
    resumed = learner(taught, steps=6, cores=cores)
    resumed.take_up(course.read(file))
    for _ in range(3):
        resumed.step()
    assert resumed.way.progress == 1
    for name, value in through.net.state_dict().items():
        assert torch.equal(value, resumed.net.state_dict()[name]), name


def test_photos_are_no_counterexamples_of_a_word_that_thumbnails_show_far_more_often():
    def lesson(source: str, mask: list[list[float]], shown: list[int]) -> train_pictures.Lesson:
        none = torch.zeros(0, dtype=torch.int64)
        own = next(s for s in SOURCES if s.name == source)
        pixels, walk = np.zeros((0, 8, 8, 3), np.uint8), train_pictures.Walk(0, Randomness(1))
        labels = torch.tensor([i for i, count in enumerate(shown) for _ in range(count)])
        return train_pictures.Lesson(own, pixels, torch.tensor(mask), torch.zeros(0), labels, none, none, none, walk)

    # Half of the thumbnails show a goldfish, but one photo of ten; a dog half of either; a beach only photos.
    thumbnails = lesson("tiny", [[1.0, 0, 0], [0, 1, 0]], [5, 5])
    photos = lesson("places", [[0.0, 0, 1], [0, 1, 0], [1, 0, 0]], [4, 5, 1])
    train_pictures.ask_fairly([thumbnails, photos])
    assert photos.mask.tolist() == [[-1, 0, 1], [-1, 1, 0], [1, 0, 0]]
    assert thumbnails.mask.tolist() == [[1, 0, 0], [0, 1, 0]]  # a thumbnail shows no beach: that may be said
    photos = lesson("places", [[0.0, 0, 1], [0, 1, 0], [1, 0, 0]], [4, 4, 2])
    train_pictures.ask_fairly([thumbnails, photos])
    assert photos.mask.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    train_pictures.ask_fairly([thumbnails])
    assert thumbnails.mask.tolist() == [[1, 0, 0], [0, 1, 0]]


def test_pictures_that_are_much_reduced_are_smoothed():
    lots = torch.full((4, 8), 0.5)
    lots[:, 0] = 1.0  # the whole picture
    lots[:, 1] = -math.log(0.75) / math.log(1.33 / 0.75)  # not squeezed
    lots[:, 2] = 1.0  # not mirrored
    noise = torch.rand(4, 3, 64, 64)
    assert torch.allclose(augment(noise, 16, lots), F.avg_pool2d(noise, 4), atol=0.01)
    assert torch.allclose(augment(noise, 64, lots), noise, atol=0.01)


def test_a_run_can_begin_with_smaller_pictures_and_ends_with_those_of_the_tower(taught):
    one = learner(taught, steps=20, first_side=16)
    seen = []
    for _ in range(20):
        seen.append(one.side_px)
        one.step()
    assert seen == [16] * 17 + [32] * 3
    assert {learner(taught, steps=20).side_px} == {32}


def test_the_finished_folder_loads_in_the_program_and_answers(taught):
    out, model, _ = taught
    one = learner(taught, steps=2)
    course.train(one, out / "pictures.pt", tiny_config())
    run = course.read(out / "pictures.pt")
    export.export(export.put_together(run, model.state_dict()), run["config"], out / "model")
    with Encoder(resolve(str(out / "model")), device="cpu", threads=1) as encoder:
        texts = encoder.encode_texts(["red", "a photo of blue"])
        pixels = np.zeros((2, *encoder.info.preprocess.shape), np.uint8)
        assert encoder.encode_images(pixels).shape == (2, 32)
    expected = architecture.encode_texts(model, ["red", "a photo of blue"]).numpy()
    assert (texts * expected).sum(1) == pytest.approx([1, 1], abs=1e-4)


@pytest.mark.parametrize(("asked", "side"), [([], 32), (["--side", "48"], 48)])
def test_to_go_on_from_a_finished_model_keeps_what_its_tower_sees_or_makes_it_larger(taught, asked, side):
    out, model, _ = taught
    export.export(model, tiny_config(), out / "before")
    targets.main([str(out), "--pictures", str(out / "pictures"), "--text", str(out / "before")])
    train_pictures.main([str(out), "--steps", "2", "--batch", "8", "--from", str(out / "before"), *asked])
    export.main([str(out), str(out / "model"), "--text", str(out / "before")])
    assert architecture.read_config(out / "model")["vision_cfg"]["image_size"] == side
    assert architecture.load(out / "model").visual.image_size == (side, side)


@pytest.mark.parametrize(("asked", "share"), [([], 0.5), (["--share", "0.7"], 0.7)])
def test_the_mean_of_two_towers_has_the_mean_of_their_weights_and_statistics_of_its_own(taught, asked, share):
    out, model, _ = taught
    export.export(model, tiny_config(), out / "before")
    with torch.no_grad():
        for weights in model.visual.parameters():
            weights.mul_(1.2)
        model.token_embedding.weight.zero_()
    export.export(model, tiny_config(), out / "after")
    average.main([str(out), str(out / "before"), str(out / "after"), str(out / "mean"), *asked])
    before, after, mean = (architecture.load(out / name) for name in ("before", "after", "mean"))
    for theirs, others, ours in zip(*(m.visual.parameters() for m in (before, after, mean)), strict=True):
        assert torch.allclose((1 - share) * theirs + share * others, ours, atol=2e-3)
    measured = [m for m in mean.visual.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert measured and not any(torch.equal(m.running_var, torch.ones_like(m.running_var)) for m in measured)
    assert not mean.token_embedding.weight.any()  # the words are those of the second


def test_the_mean_of_words_keeps_the_second_picture_tower(taught):
    out, model, _ = taught
    export.export(model, tiny_config(), out / "before")
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(1.2)
    export.export(model, tiny_config(), out / "after")
    average.main([str(out), str(out / "before"), str(out / "after"), str(out / "mean"), "--words", "--share", "0.3"])
    before, after, mean = (architecture.load(out / name) for name in ("before", "after", "mean"))
    for theirs, others, ours in zip(*(architecture.text_weights(m) for m in (before, after, mean)), strict=True):
        assert torch.allclose(0.7 * theirs + 0.3 * others, ours, atol=2e-3)
    tower = mean.visual.state_dict()
    assert all(torch.equal(kept, tower[name]) for name, kept in after.visual.state_dict().items())


def test_without_prepared_pictures_no_mean_is_made(taught, tmp_path):
    out, model, _ = taught
    export.export(model, tiny_config(), out / "one")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match="too few prepared pictures"):
        average.main([str(tmp_path / "empty"), str(out / "one"), str(out / "one"), str(out / "mean")])
    assert not (out / "mean").exists()


def test_a_model_too_large_for_the_box_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "MOST_BYTES", 1_000_000)
    with pytest.raises(ValueError, match="at most 1 MB"):
        export.export(architecture.build(tiny_config()), tiny_config(), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_the_text_tower_learns_phrases_and_goes_on_where_it_stopped(tmp_path):
    torch.set_num_threads(1)
    phrases = [f"{a} {b}" for a in ("red", "blue", "old", "two") for b in ("dog", "cars", "tree", "sea", "cake")]
    wanted = torch.nn.functional.normalize(torch.randn(20, 32, generator=torch.Generator().manual_seed(1)), dim=-1)
    tokens = architecture.tokenizer(tiny_config()["text_cfg"]["context_length"])(phrases)

    def one(steps: int) -> train_text.Learner:
        chance = Randomness(2)
        model = architecture.build(tiny_config())
        return train_text.Learner(model, tokens, wanted, device=CPU, batch=8, way=Course(steps=steps), chance=chance)

    through = one(12)
    losses = [through.step() for _ in range(12)]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    stopped = one(12)
    for _ in range(5):
        stopped.step()
    course.save(tmp_path / "text.pt", stopped.state())
    resumed = one(12)
    resumed.take_up(course.read(tmp_path / "text.pt"))
    assert [resumed.step() for _ in range(7)] == losses[5:]
    assert resumed.fill_unused() > 49_000


def test_a_word_is_to_find_its_picture_among_those_that_do_not_show_it():
    mask = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [-1.0, 0.0]])  # nothing shows the second word
    logits = torch.tensor([[2.0, 9.0], [1.0, 9.0], [0.0, 9.0], [9.0, 9.0]], requires_grad=True)
    loss = train_pictures.found_by_word(logits, mask)
    assert loss.item() == pytest.approx(-torch.tensor([2.0, 1.0, 0.0]).log_softmax(0)[0].item(), abs=1e-5)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[:, 0].sign() == torch.tensor([-1, 1, 1, 0])).all() and not logits.grad[:, 1].any()


def test_a_word_is_shown_where_two_captions_name_it_and_unknown_where_one_does(monkeypatch):
    table = {"caption_words": {"dog": ["dog", "puppy"]}, "background": ["sky"]}
    monkeypatch.setattr(targets, "words", lambda: table)
    said = [["a dog runs", "a puppy on a red ball", "it runs"], ["the red dog", "a ball", "grass"]]
    masks = targets.caption_masks(said, ["dog", "red ball", "sky", "cat"])
    assert masks.tolist() == [[1, -1, -1, 0], [-1, 0, -1, 0]]


def test_of_a_picture_with_one_caption_nothing_is_known_but_what_it_names(monkeypatch):
    monkeypatch.setattr(targets, "words", lambda: {"caption_words": {"dog": ["dog", "puppy"]}, "background": ["sky"]})
    masks = targets.caption_masks([["a puppy runs"], []], ["dog", "sky", "cat"])
    assert masks.tolist() == [[1, -1, -1], [-1, -1, -1]]


def test_short_texts_are_placed_as_open_clip_places_them():
    model = architecture.build(tiny_config()).eval()
    texts = ["a dog", "", "a very long walk along the beach with two children and a dog"]
    tokens = architecture.tokenizer(tiny_config()["text_cfg"]["context_length"])(texts)
    with torch.inference_mode():
        expected = model.encode_text(tokens, normalize=True).numpy()
    assert architecture.encode_texts(model, texts).numpy() == pytest.approx(expected, abs=1e-5)


def test_the_rate_rises_then_falls_to_almost_nothing():
    way = Course(steps=100)
    rates = []
    for way.step in range(101):
        rates.append(way.rate(1.0))
    assert rates[0] < 0.02 and max(rates) == rates[3] == 1 and rates[100] == 0.001
    assert rates[3:] == sorted(rates[3:], reverse=True)


def test_a_course_is_by_the_clock_or_by_steps():
    for both in ({}, {"minutes": 1, "steps": 1}):
        with pytest.raises(ValueError):
            Course(**both)


def test_cores_that_share_a_batch_find_the_gradients_of_the_whole(monkeypatch):
    monkeypatch.setattr(course, "_has_bf16", lambda: False)  # which would round them
    torch.manual_seed(4)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.LazyLinear(2))
    pictures, wanted = torch.rand(7, 3, 8, 8), torch.rand(7, 2)
    net(pictures)
    found = []
    for cores in (1, 3):
        lanes = Lanes(net, parts(torch.zeros(7), cores), ThreadPoolExecutor(cores), device=CPU)
        made = lanes.forward(pictures)
        (made - wanted).square().sum().backward()
        net.zero_grad()
        lanes.backward()
        found.append([weights.grad.clone() for weights in net.parameters()])
    for whole, shared in zip(*found, strict=True):
        assert torch.allclose(whole, shared, rtol=1e-4, atol=1e-5)


def test_photos_and_thumbnails_go_through_the_tower_apart_and_photos_first():
    kinds = torch.tensor([1, 0, 0, 1, 0, 0, 0, 0])
    assert [part.tolist() for part in parts(kinds, 2)] == [[1, 5], [2, 6], [4, 7], [0, 3]]
    assert [part.tolist() for part in parts(kinds, 16)] == [[1], [2], [4], [5], [6], [7], [0], [3]]
    assert [part.tolist() for part in parts(torch.tensor([1, 0, 0, 1, 0]), 1)] == [[1, 2, 4], [0, 3]]


@pytest.mark.parametrize("cores", [1, 2])
def test_a_photo_is_normalised_by_photos_alone_and_the_weights_keep_their_statistics(monkeypatch, cores):
    monkeypatch.setattr(course, "_has_bf16", lambda: False)
    net = torch.nn.Sequential(torch.nn.BatchNorm2d(3, momentum=1.0), torch.nn.Flatten())
    taken = parts(torch.tensor([1, 0, 0, 1] * cores), cores)
    assert taken[0].tolist() == ([1, 2] if cores == 1 else [1, 5])
    lanes = Lanes(net, taken, ThreadPoolExecutor(cores), device=CPU)
    pictures = torch.rand(4 * cores, 3, 8, 8)
    made = lanes.forward(pictures).detach()
    alone = torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.Flatten()).train()
    for rows in taken:
        assert torch.allclose(made[rows], alone(pictures[rows]), atol=1e-6)
    assert torch.allclose(net[0].running_mean, pictures[taken[0]].mean((0, 2, 3)))


def test_a_finished_tower_goes_by_the_statistics_of_photos(tmp_path, monkeypatch):
    def source(name: str, side_px: int) -> Source:
        return Source(name, "nobody/nothing", "0", "", "generated", "none", side_px=side_px, share=5)

    largest = max(one.side_px for one in SOURCES)
    monkeypatch.setattr(norms, "SOURCES", (source("photos", largest), source("thumbnails", largest - 1)))

    def mean_of(**grey: int) -> float:
        out = tmp_path / "-".join(grey)
        for name, value in grey.items():
            pixels = np.full((10, 8, 8, 3), value, np.uint8)
            file = shards.shard_file(out, name, shards.TRAIN, 0)
            shards.write_shard(file, list(pixels), [""] * 10, [str(i) for i in range(10)], 8)
        tower = torch.nn.Sequential(torch.nn.BatchNorm2d(3))
        norms.measure(tower, out, 8)
        return float(tower[0].running_mean.mean())

    dark, light = mean_of(thumbnails=20), mean_of(photos=230)
    assert dark < -1 and light > 1
    assert mean_of(photos=230, thumbnails=20) == light
