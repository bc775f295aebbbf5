"""Which files of a repository are asked for. The download itself: tests/integration/test_model_download.py."""

from types import SimpleNamespace

import pytest
from huggingface_hub.utils._xet_progress_reporting import XetDownloadProgressReporter

from photosearch.model.fetch import _meter, names
from photosearch.model.runtime import Fetched


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


def test_what_is_here_counts_and_not_what_was_transferred_the_hubs_faster_way():
    told: list[Fetched] = []
    with XetDownloadProgressReporter(
        reconstruction_desc="a", transfer_desc="b", total=1000, log_level=30, tqdm_class=_meter(told.append)
    ) as reporter:
        for here, transferred in ((0, 300), (400, 350), (1000, 350)):
            reporter.update_progress(
                SimpleNamespace(
                    total_bytes=1000, total_bytes_completed=here, total_bytes_completion_rate=1.0,
                    total_transfer_bytes_completed=transferred, total_transfer_bytes_completion_rate=1.0,
                )
            )  # fmt: skip
    assert told[0] == Fetched(0, 1000)
    assert told[-1] == Fetched(1000, 1000)
    assert [one.done for one in told] == sorted(one.done for one in told)
