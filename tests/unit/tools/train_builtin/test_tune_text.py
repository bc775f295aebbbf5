"""Words move to where their pictures are, and nothing else does."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tools.train_builtin import architecture, course, export, norms, prepare, targets, train_pictures, tune_text
from tools.train_builtin.course import Course, Randomness

CONFIG = architecture.config(side_px=32, tower="test_resnet", width=32, layers=1) | {"embed_dim": 32}
WORDS = ["apple", "boat", "cloud", "door"]


def model() -> architecture.Model:
    torch.set_num_threads(1)
    torch.manual_seed(3)
    return architecture.build(CONFIG).eval()


def album(*, captions: list[str], owner: list[int]) -> tune_text.Album:
    """Ten photos of each of four words, around a place of their own."""
    torch.manual_seed(5)
    places = torch.eye(32)[:4].repeat_interleave(10, dim=0) + 0.05 * torch.randn(40, 32)
    return tune_text.Album(
        F.normalize(places, dim=-1), torch.eye(4, dtype=torch.int8), torch.arange(4).repeat_interleave(10), captions,
        np.array(owner, dtype=np.int64),
    )  # fmt: skip


def learner(taught: tune_text.Album, *, steps: int, held: list[str] | None = None) -> tune_text.Learner:
    return tune_text.Learner(
        model(), taught, WORDS, held or ["sadness", "tax law"], rate=2e-3, way=Course(steps=steps), chance=Randomness(1)
    )


def test_words_find_their_photos_and_held_phrases_stay():
    taught = album(captions=[], owner=[])
    one = learner(taught, steps=60)
    before = architecture.encode_texts(one.model, ["sadness", "tax law"])
    for _ in range(60):
        one.step()
    for asked in (WORDS, [f"a photo of {word}" for word in WORDS], [f"{word}s" for word in WORDS]):
        found = (architecture.encode_texts(one.model, asked) @ taught.vectors.T).topk(10).indices // 10
        assert found.tolist() == [[i] * 10 for i in range(4)], asked
    after = architecture.encode_texts(one.model, ["sadness", "tax law"])
    assert (before * after).sum(1).min() > 0.9


def test_a_caption_finds_its_own_photo_among_others():
    captions = [f"the {colour} {thing}" for colour in ("red", "old", "wet") for thing in ("hat", "bus", "cup", "kite")]
    taught = album(captions=captions, owner=list(range(0, 36, 3)))
    taught.vectors = F.normalize(torch.randn(40, 32, generator=torch.Generator().manual_seed(2)), dim=-1)
    one = learner(taught, steps=150)
    for _ in range(150):
        one.step()
    scores = architecture.encode_texts(one.model, captions) @ taught.vectors[taught.owner].T
    assert scores.argmax(1).tolist() == list(range(12))


def test_a_run_that_is_taken_up_ends_as_one_that_was_never_stopped(tmp_path):
    taught = album(captions=["a red hat", "an old bus"], owner=[3, 30])
    through = learner(taught, steps=8)
    losses = [through.step() for _ in range(8)]
    stopped = learner(taught, steps=8)
    for _ in range(3):
        stopped.step()
    course.save(tmp_path / "tuned.pt", stopped.state())
    resumed = learner(taught, steps=8)
    resumed.take_up(course.read(tmp_path / "tuned.pt"))
    assert [resumed.step() for _ in range(5)] == losses[3:]


def test_the_step_puts_words_right_and_keeps_the_picture_tower(tmp_path, paint, colours, monkeypatch):
    for module in ("sources", "tune_text"):
        monkeypatch.setattr(f"tools.train_builtin.{module}.SOURCES", (colours,))  # the largest: no thumbnails
    monkeypatch.setattr(targets, "NEAR", 1.0)  # to a tower that learned nothing all words are alike
    pictures, before, after = paint(6), tmp_path / "before", tmp_path / "after"
    (tmp_path / "measured").mkdir()
    prepare.main([str(tmp_path), "--pictures", str(pictures), "--measured", str(tmp_path / "measured")])
    export.export(model(), CONFIG, tmp_path / "fresh")
    targets.main([str(tmp_path), "--pictures", str(pictures), "--text", str(tmp_path / "fresh")])
    begin = ["--from", str(tmp_path / "fresh"), "--steps", "60", "--batch", "8"]
    train_pictures.main([str(tmp_path), *begin])
    run, words = course.read(tmp_path / "pictures.pt"), architecture.load(tmp_path / "fresh").state_dict()
    red, blue = (int(row[1]) for row in architecture.tokenizer(CONFIG["text_cfg"]["context_length"])(["red", "blue"]))
    table = words["token_embedding.weight"]
    table[[red, blue]] = table[[blue, red]]  # the tower takes one for the other
    trained = export.put_together(run, words)
    norms.measure(trained.visual, tmp_path, 32)
    export.export(trained, CONFIG, before)
    (tmp_path / "phrases.json").write_text(json.dumps(["sadness", "tax law", "two reds"]), encoding="utf-8")
    tune_text.main([str(tmp_path), str(before), str(after), "--pictures", str(pictures), "--steps", "150"])

    wrong, right = architecture.load(before).eval(), architecture.load(after).eval()
    for name, value in wrong.visual.state_dict().items():
        assert torch.equal(value, right.visual.state_dict()[name]), name
    taught = tune_text.album(tmp_path, pictures, right)
    vocabulary = json.loads((tmp_path / "vocabulary.json").read_text(encoding="utf-8"))
    for word in ("red", "blue"):
        shown = taught.shows[taught.row][:, vocabulary.index(word)] == 1
        for tower, found in ((wrong, 0), (right, int(shown.sum()))):
            scores = (architecture.encode_texts(tower, [word]) @ taught.vectors.T)[0]
            assert int(shown[scores.topk(int(shown.sum())).indices].sum()) == found, word


def test_without_photos_it_says_which_steps_to_run(tmp_path):
    np.savez(tmp_path / "targets.npz", vocabulary=np.zeros((0, 32)))
    with pytest.raises(SystemExit, match="prepare and targets"):
        tune_text.album(tmp_path, tmp_path, model())


def test_so_many_of_each_class_are_taken():
    assert tune_text.first_of_each(np.array([2, 1, 2, 2, 1, 0]), 2).tolist() == [0, 1, 2, 4, 5]


def test_phrases_that_name_something_learned_do_not_stay():
    texts = ["a dog", "Dogs at night", "my two ponies", "hot dogma", "a fire engine", "an engine", "ice-cream", "men"]
    assert tune_text.without(texts, ["dog", "pony", "fire engine", "man"]) == ["hot dogma", "an engine", "ice-cream"]


@pytest.mark.parametrize(
    ("one", "many"),
    [("dog", "dogs"), ("bus", "buses"), ("beach", "beaches"), ("pony", "ponies"), ("toy", "toys"), ("glasses",) * 2,
     ("old man", "old men"), ("glass", "glasses"), ("fish", "fish")],
)  # fmt: skip
def test_plurals(one, many):
    assert tune_text.plural(one) == many
