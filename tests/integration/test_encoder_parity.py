"""Real models through the encoder process give what open_clip gives, called directly in a process of its own."""

import json
import multiprocessing
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photosearch.errors import EncoderLost, ModelUnavailable
from photosearch.model import Encoder, Preprocess, resolve
from tests.integration.encoder_reference_data import TEXTS, TRANSFORMS
from tests.integration.python_process import LIMIT_SECONDS, ROOT, WITH_OPEN_CLIP, run_python

# Standing, lying, panoramas of ten to one both ways, one pixel, exact, nearly exact, a strip, and a photo's size.
SIZES = [(640, 480), (480, 640), (1000, 100), (100, 1000), (1, 1), (48, 48), (47, 49), (20, 500), (2000, 1500)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Path:
    """A folder with pictures, a small ViT that squashes, and what open_clip and torch_runtime say."""
    folder = tmp_path_factory.mktemp("reference")
    (folder / "pictures").mkdir()
    random = np.random.default_rng(3)
    for number, (width, height) in enumerate(SIZES):
        blots = random.integers(0, 256, (max(1, height // 12), max(1, width // 12), 3), dtype=np.uint8)
        picture = Image.fromarray(blots).resize((width, height), Image.Resampling.BICUBIC)
        picture.save(folder / "pictures" / f"{number}.png")
    run_python(
        f"{WITH_OPEN_CLIP}from tests.integration import encoder_reference\n"
        "encoder_reference.main(pathlib.Path(sys.argv[1]))",
        folder,
    )
    return folder


@pytest.fixture(scope="module")
def pictures(reference) -> list[Image.Image]:
    return [Image.open(p).convert("RGB") for p in sorted((reference / "pictures").iterdir())]


@pytest.fixture(scope="module")
def arrays(reference) -> dict[str, np.ndarray]:
    with np.load(reference / "reference.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def told(reference) -> dict:
    return json.loads((reference / "told.json").read_text())


@pytest.fixture(scope="module")
def builtin():
    with Encoder(resolve("builtin"), device="cpu") as encoder:
        encoder.start()
        yield encoder


@pytest.fixture(scope="module")
def vit(reference):
    with Encoder(resolve(str(reference / "vit")), device="cpu", threads=1) as encoder:
        encoder.start()
        yield encoder


def embedded(encoder: Encoder, pictures: list[Image.Image]) -> np.ndarray:
    return encoder.encode_images(np.stack([encoder.info.preprocess.apply(p) for p in pictures]))


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    assert one.shape == other.shape
    return (one * other).sum(axis=1)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_our_preprocessing_is_the_one_of_open_clip_to_two_grey_levels(name, arrays, pictures):
    config = {"mean": 0.5, "std": 0.5} | TRANSFORMS[name]
    preprocess = Preprocess.from_open_clip(config)
    for number, picture in enumerate(pictures):
        expected = arrays[f"{name}-{number}"].astype(int)
        ours = preprocess.apply(picture)
        assert np.abs(ours - expected).max() <= 2, picture.size


def assert_embeds_like_open_clip(encoder: Encoder, name: str, arrays, pictures) -> None:
    images = embedded(encoder, pictures)
    texts = encoder.encode_texts(TEXTS)
    assert cosines(images, arrays[f"{name}-images"]).min() >= 0.9999
    assert cosines(texts, arrays[f"{name}-texts"]).min() >= 0.9999
    assert np.linalg.norm(np.concatenate([images, texts]), axis=1) == pytest.approx(1, abs=1e-5)


def test_the_builtin_model_embeds_pictures_and_texts_as_open_clip_does(builtin, arrays, pictures):
    assert_embeds_like_open_clip(builtin, "builtin", arrays, pictures)


def test_a_model_folder_of_another_kind_embeds_as_open_clip_does(vit, arrays, pictures):
    assert_embeds_like_open_clip(vit, "vit", arrays, pictures)


def test_what_is_known_of_the_builtin_model(builtin):
    info = builtin.info
    assert (info.identity, info.name, info.dim) == (resolve("builtin").identity, "builtin", 256)
    assert (info.device, info.precision) == ("cpu", "fp32")
    side = info.preprocess.side_px
    assert info.preprocess.shape == (side, side, 3) and info.preprocess.resize_mode == "shortest"
    assert 1 <= info.batch <= 64


def test_another_model_brings_its_own_preprocessing(vit, reference):
    info = vit.info
    assert (info.dim, info.preprocess.shape, info.preprocess.resize_mode) == (48, (32, 32, 3), "squash")
    assert info.preprocess.mean == (0.5, 0.5, 0.5)
    assert info.name == str(reference / "vit")


def test_a_photo_is_nearest_to_the_word_for_what_it_shows(builtin, photos):
    """A plain check that texts and pictures lie in one space: by chance one in forty would be right."""
    rows = [row.split("\t") for row in (photos / "labelled.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    shown = dict(list({label: file for file, _, label, *_ in rows}.items())[:40])
    images = embedded(builtin, [Image.open(photos / file).convert("RGB") for file in shown.values()])
    nearest = (builtin.encode_texts(list(shown)) @ images.T).argmax(axis=0)
    assert (nearest == np.arange(len(shown))).mean() > 0.2


@pytest.mark.parametrize("text", ["", " ", "\udcff", "a\0b", "dog " * 2500, "x" * 10_000])
def test_any_text_has_a_vector(builtin, text):
    assert np.isfinite(builtin.encode_texts([text])).all()


def test_a_text_is_answered_while_a_long_batch_of_pictures_runs(builtin):
    pixels = np.random.default_rng(1).integers(0, 256, (1500, *builtin.info.preprocess.shape), dtype=np.uint8)
    with ThreadPoolExecutor(1) as pool:
        many = pool.submit(builtin.encode_images, pixels)
        for _ in range(3):
            assert len(builtin.encode_texts(["a dog"])) == 1
        assert not many.done()
        assert np.isfinite(many.result(LIMIT_SECONDS)).all()


def test_a_killed_encoder_comes_back_with_the_same_answers(pictures, arrays):
    others = set(multiprocessing.active_children())
    with Encoder(resolve("builtin"), device="cpu") as encoder, ThreadPoolExecutor(1) as pool:
        shape = encoder.start().preprocess.shape
        waiting = pool.submit(encoder.encode_images, np.zeros((2000, *shape), np.uint8))
        encoder.encode_texts(["it is at work"])
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        with pytest.raises(EncoderLost):
            waiting.result(LIMIT_SECONDS)
        assert cosines(embedded(encoder, pictures), arrays["builtin-images"]).min() >= 0.9999


def test_a_damaged_model_is_told_in_one_sentence(reference):
    with Encoder(resolve(str(reference / "damaged"))) as encoder, pytest.raises(ModelUnavailable) as caught:
        _ = encoder.info
    assert "files are damaged or do not belong together" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("odd", "files are damaged or do not belong together"),
        ("tokenizer of another library", "tokenizer|transformers"),
        ("unknown tag", "Did you mean openai"),
        ("strange tag", "It knows: openai, "),
        ("not here", "Download them once, .*`photosearch models download ViT-B-32/laion2b_s34b_b79k`"),
        ("not here, by address", "not on this computer"),
    ],
)
def test_a_model_that_cannot_be_had_is_told_in_one_sentence(told, case, says):
    assert re.search(says, told[case]) and "\n" not in told[case], told[case]


@pytest.mark.parametrize("case", ["broken device", "nonsense device"])
def test_a_device_that_does_not_prove_itself_is_not_used(told, case):
    assert told[case] is True


@pytest.mark.parametrize("model", ["builtin", "vit"])
def test_half_precision_is_used_where_it_agrees(told, model):
    assert told[f"half {model}"]["precision"] == "fp16"
    assert told[f"half {model}"]["cosine"] >= 0.999


def test_the_parent_imports_no_torch_and_its_terminal_stays_clean(tmp_path):
    program = tmp_path / "parent.py"
    program.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from photosearch.model import Encoder, resolve\n"
        "if __name__ == '__main__':\n"
        "    with Encoder(resolve('builtin')) as encoder:\n"
        "        encoder.encode_texts(['a dog'])\n"
        "    heavy = {'torch', 'torchvision', 'open_clip', 'timm', 'PySide6'} & set(sys.modules)\n"
        "    print('heavy:', *heavy)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", program], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("heavy:\n", "", 0)
