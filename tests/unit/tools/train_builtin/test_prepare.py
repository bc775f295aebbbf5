"""Pictures become shards: once, whole, and without what is kept for measuring."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.unit.tools.train_builtin.conftest import scene
from tools.train_builtin import prepare, shards, sources


def prepared(tmp_path: Path, pictures: Path) -> Path:
    kept = [tmp_path / "measured", tmp_path / "development"]
    for folder in kept:
        folder.mkdir(parents=True, exist_ok=True)
    asked = ["--pictures", str(pictures), "--measured", *map(str, kept), "--side", "24"]
    prepare.main([str(tmp_path / "out"), *asked])
    return tmp_path / "out"


def test_every_picture_is_in_one_part_at_the_side_that_was_asked_for(tmp_path, paint):
    out = prepared(tmp_path, paint(20))
    train, held = (shards.read_part(out, "colours", part) for part in (shards.TRAIN, shards.HELD))
    assert not set(train.paths) & set(held.paths)
    assert len(train.paths) + len(held.paths) == 60
    assert train.pixels.shape == (len(train.paths), 24, 24, 3)
    assert all(path.startswith(f"{label}/") for path, label in zip(train.paths, train.labels, strict=True))
    red = train.pixels[train.labels == "red"].mean((0, 1, 2))
    assert red.argmax() == 0


def test_a_copy_of_a_measuring_photo_is_left_out_and_the_list_says_why(tmp_path, paint):
    pictures = paint(10)
    for path, kept in (("red/3.png", tmp_path / "measured"), ("blue/7.png", tmp_path / "development")):
        kept.mkdir(exist_ok=True)
        with Image.open(pictures / "colours" / path) as picture:
            picture.resize((96, 80)).save(kept / f"{path.replace('/', '-')[:-4]}.jpg", quality=90)
    out = prepared(tmp_path, pictures)
    learned = [*shards.read_part(out, "colours", "train").paths, *shards.read_part(out, "colours", "held").paths]
    assert len(learned) == 28 and not {"red/3.png", "blue/7.png"} & set(learned)
    listed = "".join(file.read_text() for file in (out / "shards" / "colours").glob("left-out-*.tsv"))
    assert "colours/red/3.png\tred-3.jpg" in listed and "colours/blue/7.png\tblue-7.jpg" in listed


def test_a_copy_of_a_held_out_picture_is_not_trained_on(tmp_path, paint):
    pictures = paint(20)
    held = shards.read_part(prepared(tmp_path / "once", pictures), "colours", shards.HELD).paths[0]
    source = pictures / "colours" / held
    source.with_name("copy.png").write_bytes(source.read_bytes())
    out = prepared(tmp_path / "twice", pictures)
    assert not any(path.endswith("copy.png") for path in shards.read_part(out, "colours", shards.TRAIN).paths)


def test_of_parts_of_photos_what_was_cut_from_a_kept_photo_or_is_called_like_a_held_out_picture_is_left_out(
    tmp_path, paint, monkeypatch
):
    pictures = paint(12)
    whole = sources.Source(
        "colours", "nobody/nothing", "0", r"(?P<label>\w+)/.*\.png", "", "", side_px=32, share=5, held_out=6
    )
    cut = dataclasses.replace(whole, name="parts", held_out=0, parts=True)
    monkeypatch.setattr(prepare, "SOURCES", (whole, cut))
    monkeypatch.setitem(sources.words()["classes"], "parts", sources.words()["classes"]["colours"])
    folder = pictures / "parts" / "red"
    folder.mkdir(parents=True)
    photo, other = scene(1, (200, 150)), scene(2, (200, 150))
    photo.crop((0, 0, 140, 140)).save(folder / "of the photo.png")
    other.crop((0, 0, 140, 140)).save(folder / "of another.png")
    (tmp_path / "measured").mkdir()
    photo.save(tmp_path / "measured" / "a.jpg")
    (tmp_path / "measured" / "labelled.tsv").write_text("file\twnid\tlabel\na.jpg\tred\tred\n", encoding="utf-8")
    held = next(p for p in sources.pictures(whole, pictures / "colours") if sources.is_held_out(whole, p))
    scene(3).save(folder / f"{held.file.stem}.png")
    out = prepared(tmp_path, pictures)
    assert shards.read_paths(out, "parts", shards.TRAIN) == ["red/of another.png"]
    assert shards.read_paths(out, "parts", shards.HELD) == []
    listing = (out / "shards" / "parts" / "left-out-train-000.tsv").read_text(encoding="utf-8")
    assert listing == "parts/red/of the photo.png\ta.jpg\n"


def test_a_run_that_was_stopped_makes_only_what_is_not_there(tmp_path, paint, monkeypatch, capsys):
    monkeypatch.setattr(shards, "PER_SHARD", 10)
    pictures = paint(12)
    out = prepared(tmp_path, pictures)
    whole = shards.read_part(out, "colours", shards.TRAIN)
    made = sorted((out / "shards" / "colours").glob("train-*.npz"))
    before = {file: file.stat().st_mtime_ns for file in made}
    made[1].unlink()
    capsys.readouterr()
    again = shards.read_part(prepared(tmp_path, pictures), "colours", shards.TRAIN)
    assert "train: " in capsys.readouterr().out
    assert [file for file in made if file.stat().st_mtime_ns == before[file]] == [made[0], *made[2:]]
    assert np.array_equal(again.pixels, whole.pixels) and list(again.paths) == list(whole.paths)


def test_a_picture_that_the_measuring_photos_name_is_left_out_though_it_looks_otherwise(tmp_path, paint):
    pictures = paint(8)
    (tmp_path / "measured").mkdir(exist_ok=True)
    told = {"images": [{"id": 1, "file_name": "x.jpg", "source": "colours 5.png"}], "annotations": []}
    (tmp_path / "measured" / "captions.json").write_text(json.dumps(told))
    out = prepared(tmp_path, pictures)
    assert len(shards.read_paths(out, "colours", "train")) + len(shards.read_paths(out, "colours", "held")) == 21


def test_a_photo_of_coco_is_known_by_its_number_whatever_its_file_is_called(tmp_path):
    told = {"images": [{"source": "COCO val2017 552775"}, {"source": "Flickr8k 1_a.jpg"}]}
    (tmp_path / "captions.json").write_text(json.dumps(told))
    names = prepare.named(tmp_path)
    known = ["000000552775.jpg", "COCO_val2014_000000552775.jpg", "1_a.jpg"]
    others = ["552775.jpg", "000000552776.jpg", "1_b.jpg", "2017.jpg"]
    assert [prepare.is_named(Path(name), names) for name in known + others] == [True] * 3 + [False] * 4


def test_a_damaged_picture_is_left_out(tmp_path, paint):
    pictures = paint(8)
    (pictures / "colours" / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    out = prepared(tmp_path, pictures)
    listed = "".join(file.read_text() for file in (out / "shards" / "colours").glob("left-out-*.tsv"))
    assert listed == "colours/red/broken.png\tcannot be read\n"


def test_a_file_name_can_tell_the_class_by_which_part_of_the_pattern_fits(tmp_path, monkeypatch):
    table = {"classes": {"faces": {name: {"names": [name], "shows": []} for name in ("baby", "man")}}}
    monkeypatch.setattr(sources, "words", lambda: table)
    pattern = r"crops/(?:(?P<baby>[12]_\d)|(?P<man>[2-5]\d_0)|(?P<woman>[2-5]\d_1))_.*\.jpg"
    source = sources.Source("faces", "nobody/nothing", "0", pattern, "", "", side_px=32, share=1)
    (tmp_path / "crops").mkdir()
    for name in ("1_0_0_a.jpg", "34_0_2_b.jpg", "34_1_2_c.jpg", "75_0_0_d.jpg", "34_0_notes.txt"):
        (tmp_path / "crops" / name).touch()
    found = {picture.path: picture.label for picture in sources.pictures(source, tmp_path)}
    assert not source.captioned
    assert found == {
        "crops/1_0_0_a.jpg": "baby",
        "crops/34_0_2_b.jpg": "man",
    }  # the woman has no words


def test_a_table_beside_the_pictures_can_tell_their_classes_and_sources_can_share_names(tmp_path, monkeypatch):
    one = {"names": ["dog"], "shows": []}
    table = {"classes": {"kennel": {"n01": one, "n02": one}, "snapshots": "kennel"}}
    monkeypatch.setattr(sources, "words", lambda: table)
    source = sources.Source("snapshots", "nobody/nothing", "0", r"(?P<listed>\w+)\.jpg", "", "", side_px=32, share=1)
    for name in ("a", "b", "c", "d"):
        (tmp_path / f"{name}.jpg").touch()
    (tmp_path / "labels.tsv").write_text("a\tn01\nb\tn02\nc\tNot sure\n", encoding="utf-8")
    found = {picture.path: picture.label for picture in sources.pictures(source, tmp_path)}
    assert found == {"a.jpg": "n01", "b.jpg": "n02"}
    assert sources.classes("snapshots") == sources.classes("kennel")


def test_the_first_pictures_of_a_part_can_be_read_alone(tmp_path):
    for number in range(3):
        pixels = [np.full((4, 4, 3), 10 * number + i, np.uint8) for i in range(2)]
        shards.write_shard(shards.shard_file(tmp_path, "s", shards.TRAIN, number), pixels, ["", ""], ["a", "b"], 4)
    for most, values in ((3, [0, 1, 10]), (4, [0, 1, 10, 11]), (9, [0, 1, 10, 11, 20, 21])):
        part = shards.read_part(tmp_path, "s", shards.TRAIN, most)
        assert part.pixels[:, 0, 0, 0].tolist() == values
        assert len(part.labels) == len(part.paths) == len(values)
    assert shards.read_part(tmp_path, "none", shards.TRAIN, 3) is None


def test_every_source_has_terms_and_every_class_a_name():
    for source in sources.SOURCES:
        assert source.terms and source.commit and source.repository.count("/") == 1
        if not source.captioned:
            known = sources.classes(source.name)
            assert known and all(each.names and each.names[0] for each in known.values())


def test_captions_are_read_plain_whether_a_blank_or_a_tab_follows_the_number(tmp_path):
    file = tmp_path / "captions.txt"
    file.write_text("a.jpg#0 A dog , running .\na.jpg#1\tTwo dogs .\nb.jpg.1#0 A Boy\nnothing\n", encoding="utf-8")
    assert sources.read_captions(file) == {"a.jpg": ["a dog, running", "two dogs"], "b.jpg": ["a boy"]}


def test_of_grids_every_tile_is_a_picture_and_what_is_a_kept_photo_squeezed_or_its_middle_is_left_out(
    tmp_path, paint, monkeypatch
):
    pictures = paint(12)
    whole = sources.Source(
        "colours", "nobody/nothing", "0", r"(?P<label>\w+)/.*\.png", "", "", side_px=32, share=5, held_out=6
    )
    grids = sources.Source(
        "grids", "nobody/nothing", "0", r"(?P<label>\w+)\.png", "", "", side_px=32, share=5, held_out=0, grid=2
    )
    monkeypatch.setattr(prepare, "SOURCES", (whole, grids))
    monkeypatch.setitem(sources.words()["classes"], "grids", sources.words()["classes"]["colours"])
    wide, held = scene(1, (180, 120)), scene(2, (180, 120))
    path = next(p.path for p in sources.pictures(whole, pictures / "colours") if sources.is_held_out(whole, p))
    held.crop((30, 0, 150, 120)).save(pictures / "colours" / path)
    (tmp_path / "measured").mkdir()
    wide.save(tmp_path / "measured" / "a.jpg")
    sheet = Image.new("RGB", (96, 96))
    tiles = [scene(3, (48, 48)), wide.resize((48, 48)), held.resize((48, 48)), Image.new("RGB", (48, 48), "red")]
    for number, picture in enumerate(tiles):
        sheet.paste(picture, (number % 2 * 48, number // 2 * 48))
    (pictures / "grids").mkdir()
    sheet.save(pictures / "grids" / "red.png")
    out = prepared(tmp_path, pictures)
    train = shards.read_part(out, "grids", shards.TRAIN)
    assert sorted(train.paths) == ["red.png#0", "red.png#3"]
    assert set(train.labels) == {"red"}
    plain = train.pixels[train.paths.tolist().index("red.png#3")]
    assert (plain == (255, 0, 0)).all()
    listed = (out / "shards" / "grids" / "left-out-train-000.tsv").read_text().splitlines()
    assert sorted(listed) == ["grids/red.png#1\ta.jpg", f"grids/red.png#2\tcolours/{path}"]
