"""Which files of a repository are asked for. The download itself: tests/integration/test_model_download.py."""

import pytest

from photosearch.model.fetch import names


@pytest.mark.parametrize(
    ("asked", "tried"),
    [
        ("", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]),
        ("open_clip_pytorch_model.bin", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]),
        ("other.bin", ["other.safetensors", "other.bin"]),
        ("other.pth", ["other.safetensors", "other.pth"]),
        ("model.pt", ["model.pt"]),
        ("model.safetensors", ["model.safetensors"]),
    ],
)
def test_safetensors_are_tried_first_as_open_clip_does(asked, tried):
    assert names(asked) == tried
