"""Downloading a model: a real process, a real connection and the real library of the hub, with a hub on this computer.

The loader here runs in the encoder process, which imports this file for it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from photosearch.errors import Cancelled, ModelNotHere, ModelUnavailable
from photosearch.model import Download, Encoder, Fetched, ModelSpec, child
from tests.hub import Hub
from tests.integration.command import Command

SPEC = ModelSpec("tiny-vit/test", "pretrained", architecture="tiny-vit", tag="test")
TINY = {
    "embed_dim": 48,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
}
MAKE = """
import json, sys
from photosearch.model import torchvision_cpu
torchvision_cpu.prepare()
import open_clip, torch
from safetensors.torch import save_file
weights = open_clip.model.CLIP(**json.load(open(sys.argv[1]))).state_dict()
save_file(weights, sys.argv[2])
torch.save(weights, sys.argv[3])
"""
LIMIT_SECONDS = 60


def load(spec, options, say):
    """The loader of real models, with one more that open_clip knows."""
    from photosearch.model import torchvision_cpu

    torchvision_cpu.prepare()
    import open_clip
    from open_clip import pretrained

    open_clip.add_model_config(Path(os.environ["TINY_CONFIG"]))
    pretrained._PRETRAINED["tiny-vit"] = {"test": pretrained._pcfg(hf_hub="someone/tiny/")}
    return child.load_model(spec, options, say)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("weights")
    (folder / "tiny-vit.json").write_text(json.dumps(TINY))
    files = [folder / name for name in ("tiny-vit.json", "safetensors", "bin")]
    subprocess.run([sys.executable, "-c", MAKE, *files], check=True, timeout=LIMIT_SECONDS)
    return {file.name: file.read_bytes() for file in files}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hub's cache"


@pytest.fixture
def hub(tmp_path: Path, cache: Path, weights: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    (tmp_path / "tiny-vit.json").write_bytes(weights["tiny-vit.json"])
    hub = Hub({"someone/tiny/open_clip_model.safetensors": weights["safetensors"]})
    for name, value in {**hub.environment(cache), "TINY_CONFIG": str(tmp_path / "tiny-vit.json")}.items():
        monkeypatch.setenv(name, value)
    yield hub
    hub.close()


def half_fetched(cache: Path) -> list[Path]:
    return list(cache.rglob("*.incomplete"))


def test_a_model_is_fetched_once_tells_how_far_it_is_and_is_here_from_then_on(hub, weights):
    said: list[str | Fetched] = []
    info = Download(SPEC, load=load).run(said.append)
    size = len(weights["safetensors"])
    steps = [one for one in said if isinstance(one, Fetched)]
    assert (info.name, info.dim) == ("tiny-vit/test", 48)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[0].done == 0
    assert steps[-1] == Fetched(size, size)
    asked = len(hub.requests)
    with Encoder(SPEC, device="cpu", load=load) as encoder:
        assert encoder.encode_texts(["a dog"]).shape == (1, 48)
        assert encoder.info.identity == info.identity
    assert len(hub.requests) == asked
    Download(SPEC, load=load).run()
    assert [method for method, _ in hub.requests].count("GET") == 1
    assert all(path.startswith("/someone/tiny/") for _, path in hub.requests)


def test_the_hub_does_not_learn_who_asks(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_somebody")
    Download(SPEC, load=load).run()
    assert hub.headers
    assert not [headers for headers in hub.headers if "authorization" in headers or "hf_somebody" in str(headers)]


def test_weights_that_are_not_here_are_told_as_such_and_nothing_is_fetched(hub):
    with Encoder(SPEC, device="cpu", load=load) as encoder, pytest.raises(ModelNotHere) as caught:
        _ = encoder.info
    assert caught.value.name == "tiny-vit/test"
    assert hub.requests == []


def test_weights_in_torchs_own_form_are_taken_where_there_are_no_others(hub, weights):
    hub.files = {"someone/tiny/open_clip_pytorch_model.bin": weights["bin"]}
    assert Download(SPEC, load=load).run().dim == 48


def test_a_download_that_is_stopped_ends_at_once_and_leaves_nothing_behind(hub, cache):
    hub.hold_after = 1 << 20
    download = Download(SPEC, load=load)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(download.run)
        assert hub.sending.wait(LIMIT_SECONDS)
        download.cancel()
        with pytest.raises(Cancelled):
            running.result(LIMIT_SECONDS)
    assert half_fetched(cache) == []
    hub.hold_after = None
    assert Download(SPEC, load=load).run().dim == 48


def test_what_one_that_was_ended_by_force_has_left_goes_with_the_next(hub, cache):
    blobs = cache / "hub" / "models--someone--tiny" / "blobs"
    blobs.mkdir(parents=True)
    left, of_another_program = blobs / "1.incomplete", blobs / "2.incomplete"
    for file in (left, of_another_program):
        file.write_bytes(b"half of a model")
    long_ago = time.time() - 2 * 3600
    os.utime(left, (long_ago, long_ago))
    assert Download(SPEC, load=load).run().dim == 48
    assert half_fetched(cache) == [of_another_program]


def test_a_model_that_lacks_more_than_its_weights_says_so_before_they_are_fetched(hub, tmp_path):
    config = TINY | {"text_cfg": TINY["text_cfg"] | {"hf_tokenizer_name": "someone/tokenizer"}}
    (tmp_path / "tiny-vit.json").write_text(json.dumps(config))
    with pytest.raises(ModelUnavailable, match=r"tokenizer|package transformers"):
        Download(SPEC, load=load).run()
    assert not [path for _, path in hub.requests if path.startswith("/someone/tiny/")]


def test_a_download_that_is_stopped_before_it_begins_does_not_begin(hub):
    download = Download(SPEC, load=load)
    download.cancel()
    with pytest.raises(Cancelled):
        download.run()
    assert hub.requests == []


def test_a_repository_without_weights_is_told_in_a_sentence(hub):
    hub.files = {}
    with pytest.raises(ModelUnavailable, match="could not be fetched") as caught:
        Download(SPEC, load=load).run()
    assert "\n" not in str(caught.value)


@pytest.mark.long  # for the hub's library tries for half a minute
def test_the_command_says_where_the_hub_cannot_be_reached(tmp_path):
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        environment = {
            "HF_ENDPOINT": f"http://127.0.0.1:{taken.getsockname()[1]}",
            "HF_HOME": str(tmp_path / "cache"),
            "HF_HUB_OFFLINE": "0",
            "NO_PROXY": "127.0.0.1",
        }
        outcome = Command(tmp_path / "data")(
            "models", "download", "ViT-B-32/laion2b_s34b_b79k", environment=environment
        )
    first, second = outcome.err.decode().splitlines()
    assert outcome.status == 1
    assert first.startswith("photosearch: Downloading ViT-B-32/laion2b_s34b_b79k")
    assert second == (
        "photosearch: The model ViT-B-32/laion2b_s34b_b79k cannot be used: its weights could not be fetched"
        " (127.0.0.1 cannot be reached: check the connection to the network)."
    )
