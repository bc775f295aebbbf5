"""After another model was chosen, the one before answers for photos that the new one has not seen yet."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photosearch.errors import ModelUnavailable, QueryError
from photosearch.library import Library
from photosearch.model import ModelSpec, resolve
from photosearch.paths import AppPaths
from photosearch.records import Query
from photosearch.settings import Settings
from tests.fakes import ColourEncoder
from tests.small_library import RGB, paint


class Encoder(ColourEncoder):
    """To "other" all colours are more alike: its cosines tell that it was asked."""

    broken = False
    tries = 0

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        return self._moved(super().encode_images(pixels))

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.tries += 1
        if self.broken:
            raise ModelUnavailable(self.info.name, "its weights are damaged.")
        return self._moved(super().encode_texts(texts))

    def _moved(self, vectors: np.ndarray) -> np.ndarray:
        if self.info.name != "other":
            return vectors
        moved = vectors + np.eye(vectors.shape[1], dtype=np.float32)[-1]
        return moved / np.linalg.norm(moved, axis=1, keepdims=True)


class Models:
    """Opens the library with "builtin" or "other"; keeps the encoder of each that was made last."""

    def __init__(self, paths: AppPaths, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths = paths
        self.encoders: dict[str, Encoder] = {}
        self.other_identity: str | None = "colours-other"
        self.gone: set[str] = set()
        for place in ("library", "finder"):
            monkeypatch.setattr(f"photosearch.library.{place}.resolve", self._resolve)

    def _resolve(self, name: str, **options) -> ModelSpec:
        if name in self.gone:
            raise ModelUnavailable(name, "it was taken away.")
        if name == "other":
            return ModelSpec(name="other", kind="folder", identity=self.other_identity)
        return resolve(name, **options)

    def _make(self, spec: ModelSpec, **options) -> Encoder:
        self.encoders[spec.name] = Encoder(spec, **options)
        return self.encoders[spec.name]

    def choose(self, name: str) -> Library:
        """As the settings dialog does."""
        Settings(self.paths.settings).set("model", name)
        return self.open()

    def open(self, **options) -> Library:
        return Library.open(self.paths, make_encoder=self._make, **options)


@pytest.fixture
def models(app_paths_in_tmp: AppPaths, monkeypatch: pytest.MonkeyPatch) -> Models:
    return Models(app_paths_in_tmp, monkeypatch)


@pytest.fixture
def seen_before(models: Models, root: Path) -> None:
    """The built-in model has seen four photos."""
    with models.open() as library:
        library.add_folder(root)
        library.index()


@pytest.fixture
def away_and_here(models: Models, seen_before: None, root: Path, tmp_path: Path) -> Iterator[Library]:
    """The four photos are away; "other", which was chosen then, has seen two, of a folder that was added."""
    root.rename(tmp_path / "drive not connected")
    for colour in ("red", "blue"):
        paint(tmp_path / "more" / f"new-{colour}.jpg", colour, mark=7)
    with models.choose("other") as library:
        library.add_folder(tmp_path / "more")
        library.index()
        assert library.status().searchable == 2
        yield library


def names(library: Library, query: Query) -> list[str]:
    return [hit.path.name for hit in library.search(query).hits]


def pasted(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (20, 20), RGB[colour]).save(out, "PNG")
    return out.getvalue()


@pytest.mark.usefixtures("seen_before")
def test_a_model_that_has_seen_nothing_leaves_the_answers_to_the_one_before(models, root):
    with models.choose("other") as library:
        for query in (Query("red"), Query(pictures=(pasted("red"),)), Query(pictures=(root / "red.jpg",))):
            result = library.search(query)
            assert result.hits[0].path.name == "red.jpg"
            assert (len(result.hits), result.searched, result.model) == (4, 4, "other")
        assert models.encoders["other"].texts == 0
        assert library.status().searchable == 0  # the account is the new model's


@pytest.mark.usefixtures("seen_before")
def test_a_model_that_is_named_for_one_call_answers_alone(models):
    with models.open(model="other") as library:
        result = library.search(Query("red"))
    assert (result.hits, result.searched) == ((), 0)


def test_each_photo_is_judged_by_a_model_that_has_seen_it_and_listed_once(away_and_here, models):
    result = away_and_here.search(Query("red"))
    assert result.searched == 6
    assert len(result.hits) == len({hit.photo_id for hit in result.hits}) == 6
    found = [hit.path.name for hit in result.hits]
    assert found[0] == "red.jpg"
    assert found.index("new-red.jpg") < found.index("new-blue.jpg")
    strengths = [hit.strength for hit in result.hits]
    assert strengths == sorted(strengths, reverse=True)
    assert len(away_and_here.search(Query("red"), count=3).hits) == 3


def test_a_photo_that_only_one_of_them_knows_is_searched_with_by_that_one(away_and_here):
    ids = {hit.path.name: hit.photo_id for hit in away_and_here.search(Query("red")).hits}
    assert names(away_and_here, Query(pictures=(ids["blue.jpg"],)))[0] != "blue.jpg"
    assert len(names(away_and_here, Query(pictures=(ids["blue.jpg"],)))) == 3
    assert names(away_and_here, Query(pictures=(ids["new-blue.jpg"],))) == ["new-red.jpg"]
    assert set(names(away_and_here, Query(pictures=(pasted("blue"),)))[:2]) == {"blue.jpg", "new-blue.jpg"}
    with pytest.raises(QueryError, match="not indexed yet"):
        away_and_here.search(Query(pictures=(4711,)))


def test_once_the_new_model_has_seen_all_it_answers_alone(away_and_here, models, root, tmp_path):
    (tmp_path / "drive not connected").rename(root)
    away_and_here.index()
    asked = models.encoders["builtin"].texts
    result = away_and_here.search(Query("green"))
    assert (result.hits[0].path.name, result.searched) == ("green.jpg", 6)
    assert models.encoders["builtin"].texts == asked
    with models.open(read_only=True) as again:
        assert names(again, Query("green")) == [hit.path.name for hit in result.hits]


@pytest.mark.parametrize(("enough", "judge"), [(2000, "builtin"), (1, "other")])
def test_a_photo_that_both_know_is_judged_by_the_new_one_as_soon_as_that_knows_enough(
    models, seen_before, root, tmp_path, monkeypatch, enough, judge
):
    monkeypatch.setattr("photosearch.library.finder._ENOUGH", enough)
    paint(tmp_path / "home" / "home.jpg", "red", mark=3)
    with models.open() as library:
        library.add_folder(tmp_path / "home")
        library.index()
    root.rename(tmp_path / "drive not connected")
    with models.choose("other") as library:
        assert library.index().encoded == 1

    def to_green(**options) -> float:
        with models.open(**options) as library:
            return next(hit.similarity for hit in library.search(Query("green")).hits if hit.path.name == "home.jpg")

    alone = {name: to_green(model=name) for name in ("builtin", "other")}
    assert alone["builtin"] != alone["other"]
    assert to_green() == alone[judge]


@pytest.mark.usefixtures("seen_before")
@pytest.mark.parametrize("why", ["gone", "another of the name"])
def test_a_model_before_that_is_not_on_this_computer_any_more_is_not_asked(models, why):
    with models.choose("other") as library:
        library.index()
        library.remove_folder(library.folders()[0].path)
    if why == "gone":
        models.gone.add("other")
    else:
        models.other_identity = "colours-other-2"
    del models.encoders["other"]
    with models.choose("builtin") as library:
        assert library.search(Query("red")).hits == ()
    assert "other" not in models.encoders


def test_a_model_before_that_fails_is_asked_once_and_the_new_one_answers(away_and_here, models):
    before = models.encoders["builtin"]
    before.broken = True
    assert set(names(away_and_here, Query("red"))) == {"new-red.jpg", "new-blue.jpg"}
    tries = before.tries
    assert tries >= 1
    assert names(away_and_here, Query("blue"))[0] == "new-blue.jpg"
    assert before.tries == tries


def test_a_new_model_that_fails_leaves_the_answers_to_the_one_before(away_and_here, models):
    models.encoders["other"].broken = True
    assert names(away_and_here, Query("green"))[0] == "green.jpg"
    models.encoders["builtin"].broken = True
    with pytest.raises(ModelUnavailable, match="damaged"):
        away_and_here.search(Query("blue"))


def test_what_is_taken_out_of_the_library_is_not_found_by_the_model_before_either(away_and_here, root):
    assert "green.jpg" in names(away_and_here, Query("green"))
    away_and_here.remove_folder(root)
    assert set(names(away_and_here, Query("green"))) == {"new-red.jpg", "new-blue.jpg"}
