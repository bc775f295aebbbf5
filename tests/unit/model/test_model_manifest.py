"""Which model a name means, and what is said when its files are not there."""

import hashlib
import json
import os
import shutil

import pytest

from photosearch.errors import ModelUnavailable
from photosearch.model import resolve
from photosearch.model.manifest import _file_digest
from photosearch.paths import resource

BUILTIN_FOLDER = resource("models", "photosearch-mini")
_SIDE = json.loads((BUILTIN_FOLDER / "open_clip_config.json").read_text())["model_cfg"]["vision_cfg"]["image_size"]


@pytest.fixture
def folder(tmp_path):
    """A model folder like the built-in one, whose weights are a few bytes."""
    made = tmp_path / "my model"
    made.mkdir()
    shutil.copy(BUILTIN_FOLDER / "open_clip_config.json", made)
    (made / "open_clip_model.safetensors").write_bytes(b"weights")
    return made


def refused(name: str) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        resolve(name)
    sentence = str(caught.value)
    assert "\n" not in sentence and "Traceback" not in sentence
    return sentence


@pytest.mark.parametrize("name", ["builtin", " Builtin ", ""])
def test_the_builtin_model_is_the_shipped_folder(name):
    spec = resolve(name)
    assert (spec.name, spec.kind, spec.folder) == ("builtin", "folder", BUILTIN_FOLDER)
    assert spec.identity.startswith(f"regnetx_004-{_SIDE}-")


def test_a_folder_is_the_same_model_by_path_and_by_prefix(folder, monkeypatch):
    spec = resolve(str(folder))
    assert (spec.kind, spec.folder, spec.name) == ("folder", folder, str(folder))
    assert resolve(f"local-dir:{folder}") == spec
    monkeypatch.chdir(folder.parent)
    assert resolve("my model") == spec
    assert resolve("./my model") == spec
    assert resolve(spec.name) == spec


def test_the_digest_of_weights_is_remembered_until_the_file_is_another(folder, tmp_path):
    weights, cache = folder / "open_clip_model.safetensors", tmp_path / "cache"
    assert resolve(str(folder), cache=cache) == resolve(str(folder))
    assert not cache.exists()  # whoever only looks makes no folder
    cache.mkdir()
    first = resolve(str(folder), cache=cache)
    kept = json.loads((cache / "digests.json").read_text())
    assert kept[str(weights)]["sha256"] == hashlib.sha256(b"weights").hexdigest()
    _file_digest.cache_clear()  # as in another process
    kept[str(weights)]["sha256"] = "0" * 64  # so that it shows whether this was asked
    (cache / "digests.json").write_text(json.dumps(kept))
    assert resolve(str(folder), cache=cache) != first
    weights.write_bytes(b"others!")
    os.utime(weights, ns=(1, 1))
    assert resolve(str(folder), cache=cache) == resolve(str(folder))
    for damaged in ("[]", "{", json.dumps({str(weights): 3})):
        (cache / "digests.json").write_text(damaged)
        assert resolve(str(folder), cache=cache) == resolve(str(folder))


def test_the_builtin_model_given_by_its_folder_is_the_same_space(tmp_path):
    copy = shutil.copytree(BUILTIN_FOLDER, tmp_path / BUILTIN_FOLDER.name)
    assert resolve(str(copy)).identity == resolve("builtin").identity


def test_identity_follows_weights_and_configuration_and_not_how_the_file_is_laid_out(folder):
    before = resolve(str(folder)).identity
    assert before.startswith(f"regnetx_004-{_SIDE}-")
    config = folder / "open_clip_config.json"
    values = json.loads(config.read_text())
    config.write_text(json.dumps(values, indent=7))
    assert resolve(str(folder)).identity == before
    values["preprocess_cfg"]["resize_mode"] = "squash"
    config.write_text(json.dumps(values))
    squashed = resolve(str(folder)).identity
    (folder / "open_clip_model.safetensors").write_bytes(b"WEIGHTS!")
    assert len({before, squashed, resolve(str(folder)).identity}) == 3


def test_weights_are_taken_in_the_order_open_clip_takes_them(folder):
    expected = resolve(str(folder)).identity
    (folder / "a.safetensors").write_bytes(b"other")
    (folder / "open_clip_pytorch_model.bin").write_bytes(b"other")
    assert resolve(str(folder)).identity == expected
    (folder / "open_clip_model.safetensors").rename(folder / "zebra.pth")
    assert resolve(str(folder)).identity != expected


def test_a_missing_folder_is_named(tmp_path):
    assert f"there is no folder {tmp_path / 'none'}" in refused(str(tmp_path / "none"))
    assert "there is no folder" in refused("local-dir:nowhere")
    assert "there is no folder" in refused("~no-such-user/models")


def test_a_file_is_not_a_model_folder(folder):
    assert "is a file, not a model folder" in refused(str(folder / "open_clip_config.json"))


def test_a_folder_of_something_else_is_not_a_model_folder(tmp_path):
    assert "holds no open_clip_config.json" in refused(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{ not json", "is not readable as JSON"),
        (b"\xff\xfe\x00", "is not readable as JSON"),
        (b"[" * 100_000, "is not readable as JSON"),
        (b"[]", 'has no "model_cfg" section'),
        (b"{}", 'has no "model_cfg" section'),
        (b'{"model_cfg": 3}', 'has no "model_cfg" section'),
        (b'{"model_cfg": {"embed_dim": 3, "vision_cfg": {}}}', 'lacks "text_cfg"'),
    ],
)
def test_a_configuration_that_is_none_is_refused(folder, content, says):
    (folder / "open_clip_config.json").write_bytes(content)
    assert says in refused(str(folder))


def test_a_folder_without_weights_is_refused(folder):
    (folder / "open_clip_model.safetensors").unlink()
    assert "holds no weights" in refused(str(folder))


def test_a_name_with_line_breaks_stays_one_sentence(tmp_path):
    assert r"a\nb" in refused(str(tmp_path / "a\nb"))
    assert r"a\nb" in refused("a\nb/tag")


@pytest.mark.parametrize(
    "name", ["ViT-B-32/laion2b_s34b_b79k", "vit-b-32:laion2b_s34b_b79k", "ViT-B/32/laion2b_s34b_b79k"]
)
def test_a_name_and_a_tag_of_open_clip_are_recognised(name):
    spec = resolve(name)
    assert (spec.kind, spec.architecture, spec.tag) == ("pretrained", "ViT-B-32", "laion2b_s34b_b79k")
    assert (spec.name, spec.identity, spec.folder) == ("ViT-B-32/laion2b_s34b_b79k", None, None)


@pytest.mark.parametrize("name", ["ViT-B-32", "ViT-B/32", "ViT-B-32/"])
def test_an_architecture_without_a_tag_asks_for_one(name):
    assert "say which weights" in refused(name)


def test_an_unknown_architecture_gets_a_suggestion():
    assert "Did you mean ViT-B-32" in refused("ViT-B-23/openai")
    sentence = refused("qqqqqqqqqqqqqqqqqqqqqqqqqqqqq/openai")
    assert "knows no architecture" in sentence and "Did you mean" not in sentence
