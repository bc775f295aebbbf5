"""The folder of exports: damage, other versions, processes that are killed or come second."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from photosearch.model import ModelSpec, exports
from photosearch.model.exported import ExportedModel
from photosearch.model.exports import FP32, GRAPH, TEXT, WEIGHTS, Exports
from photosearch.model.text_tower import TextTower
from tests.unit.model.tiny_towers import SPEC, TinyRuntime, upkeep_of

ROOT = Path(__file__).resolve().parents[3]
LIMIT_SECONDS = 60
IDENTITY = SPEC.identity


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "models"
    upkeep_of(folder).run()
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "models"))


@pytest.fixture
def text_towers():
    towers = []

    def make(folder, idle_seconds=60.0):
        towers.append(TextTower(ExportedModel(folder, SPEC, threads=1), idle_seconds=idle_seconds))
        return towers[-1]

    yield make
    for tower in towers:
        tower.close()


def cut(file):
    os.truncate(file, file.stat().st_size // 2)


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS, "manifest.json"])
@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
def test_a_damaged_tower_is_noticed_thrown_away_and_made_again(folder, name, damage, caplog):
    damage(Exports(folder).folder(IDENTITY) / TEXT / name)
    reader = Exports(folder)
    assert reader.tower(IDENTITY, TEXT) is None
    assert "will be made again" in caplog.text
    assert reader.record(IDENTITY) is None
    upkeep_of(folder).run()
    assert Exports(folder).tower(IDENTITY, TEXT) is not None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b"{}", b'{"preprocess": 3}', b'{"identity": "tiny-0123"}']
)
def test_a_damaged_record_is_as_good_as_none(folder, content):
    (Exports(folder).folder(IDENTITY) / "record.json").write_bytes(content)
    assert Exports(folder).record(IDENTITY) is None
    upkeep_of(folder).run()
    assert Exports(folder).record(IDENTITY) is not None


def test_an_export_of_other_versions_or_another_processor_is_made_again(folder, monkeypatch):
    assert Exports(folder).record(IDENTITY)
    monkeypatch.setattr(exports, "environment", lambda: {"torch": "99"})
    assert Exports(folder).record(IDENTITY) is None


def test_what_an_export_holds_for_names_versions_and_processor():
    facts = exports.environment()
    assert facts["torch"] and facts["onnxruntime"] and facts["cpu"]
    json.dumps(facts)


def test_a_tower_is_read_through_once_in_a_process(folder, monkeypatch):
    reader = Exports(folder)
    assert reader.tower(IDENTITY, TEXT)
    monkeypatch.setattr(exports, "_sha256", lambda file: pytest.fail("it was read again"))
    assert reader.tower(IDENTITY, TEXT)


def test_a_failing_write_leaves_what_was_there(folder):
    def write_half(into):
        (into / GRAPH).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        Exports(folder).publish(IDENTITY, TEXT, write_half)
    assert Exports(folder).tower(IDENTITY, TEXT)
    assert not [p for p in Exports(folder).folder(IDENTITY).iterdir() if p.name.startswith(".")]


def test_without_a_folder_there_is_nothing_and_no_error(tmp_path):
    reader = Exports(tmp_path / "none")
    assert reader.record(IDENTITY) is None and reader.record(None) is None
    assert reader.tower(IDENTITY, FP32) is None
    assert not (tmp_path / "none").exists()


_AT_WORK = """
import sys, threading
from pathlib import Path
from photosearch.model.exports import FP32, Exports
from tests.unit.model.tiny_towers import SPEC

def write(into):
    (into / "weights.bin").write_bytes(bytes(1000))
    print("at work", flush=True)
    threading.Event().wait()

exports = Exports(Path(sys.argv[1]))
with exports.working(SPEC.identity) as ours:
    assert ours
    exports.publish(SPEC.identity, FP32, write)
"""


@pytest.fixture
def at_work(folder):
    """Another process in the middle of an export."""
    with subprocess.Popen(
        [sys.executable, "-c", _AT_WORK, folder], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout.readline() == "at work\n"
        yield process
        process.kill()


def test_one_process_at_a_time_makes_exports(folder, at_work, caplog):
    with Exports(folder).working(IDENTITY) as ours:
        assert not ours
    (Exports(folder).folder(IDENTITY) / "record.json").unlink()
    assert not upkeep_of(folder).run()
    assert Exports(folder).record(IDENTITY) is None


def test_a_process_killed_in_the_middle_leaves_nothing_that_looks_sound(folder, at_work):
    before = Exports(folder).tower(IDENTITY, TEXT)
    shutil.rmtree(Exports(folder).folder(IDENTITY) / FP32, ignore_errors=True)
    at_work.kill()
    at_work.wait(LIMIT_SECONDS)
    assert Exports(folder).tower(IDENTITY, FP32) is None
    assert Exports(folder).tower(IDENTITY, TEXT) == before
    (Exports(folder).folder(IDENTITY) / "record.json").unlink()
    upkeep_of(folder).run()
    assert not [p for p in Exports(folder).folder(IDENTITY).iterdir() if p.name.startswith(".")]
    assert Exports(folder).record(IDENTITY) is not None


def test_exports_of_an_older_form_are_cleared_away(folder):
    old = folder / f"{IDENTITY}-0"
    old.mkdir()
    with Exports(folder).working(IDENTITY) as ours:
        assert ours and not old.exists()
    assert Exports(folder).record(IDENTITY)


def test_a_name_leads_to_its_export_while_its_weights_are_the_same_file(folder, tmp_path):
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"weights")
    spec = ModelSpec(name="ViT-B-32/some_tag", kind="pretrained", architecture="ViT-B-32", tag="some_tag")
    assert Exports(folder).identity_of(spec) is None
    Exports(folder).remember_identity(spec, IDENTITY, weights)
    assert Exports(folder).identity_of(spec) == IDENTITY
    weights.write_bytes(b"others")
    assert Exports(folder).identity_of(spec) is None
    weights.unlink()
    assert Exports(folder).identity_of(spec) is None


def test_the_text_tower_answers_in_this_process(folder, text_towers):
    tower = text_towers(folder)
    assert not tower.loaded
    rows = tower.encode(["a dog", ""])
    assert tower.loaded and (rows * TinyRuntime().encode_texts(["a dog", ""])).sum(axis=1).min() > 0.99999


def test_the_text_tower_is_dropped_after_a_rest_and_comes_back(folder, text_towers):
    tower = text_towers(folder, idle_seconds=0.05)
    before = tower.encode(["a dog"])
    tower._resting.join(LIMIT_SECONDS)
    assert not tower.loaded
    assert np.array_equal(tower.encode(["a dog"]), before)


def test_a_text_tower_that_is_used_at_the_moment_of_its_rest_still_answers(folder, text_towers):
    tower = text_towers(folder, idle_seconds=0.001)
    for _ in range(30):
        assert tower.encode(["a dog"]).shape == (1, 16)


def test_a_closed_text_tower_loads_nothing(folder, text_towers):
    tower = text_towers(folder)
    tower.encode(["a dog"])
    tower.close()
    assert not tower.loaded and tower.encode(["a dog"]) is None and not tower.load()


def test_a_text_tower_that_is_closed_at_the_moment_it_is_there_closes_in_peace(folder, text_towers, monkeypatch):
    tower = text_towers(folder)

    class ClosedFirst(threading.Thread):
        def start(self) -> None:
            tower.close()  # as another thread may, just before this one begins
            super().start()

    monkeypatch.setattr("photosearch.model.text_tower.threading.Thread", ClosedFirst)
    tower.load()
    assert tower.encode(["red"]) is None


def test_a_text_tower_that_fails_is_thrown_away(folder, text_towers, caplog):
    tower = text_towers(folder)
    assert tower.load()

    def broken(texts):
        raise RuntimeError("a kernel is missing")

    tower._encode = broken
    assert tower.encode(["a dog"]) is None
    assert "a kernel is missing" in caplog.text
    assert tower.encode(["a dog"]) is None and Exports(folder).tower(IDENTITY, TEXT) is None


def test_without_an_export_the_text_tower_says_so(tmp_path, text_towers):
    assert text_towers(tmp_path / "none").encode(["a dog"]) is None
