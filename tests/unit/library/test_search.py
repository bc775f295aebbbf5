from __future__ import annotations

import io
import os

import pytest
from PIL import Image

from photosearch.errors import PhotoError, ProblemCode, QueryError
from photosearch.records import Query
from photosearch.vectors import VectorIndex
from tests.small_library import RGB, paint


def first(library, query: Query) -> str:
    return library.search(query).hits[0].path.name


def pasted(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (20, 20), RGB[colour]).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("colour", list(RGB))
def test_words_find_what_they_name(indexed, colour):
    assert first(indexed, Query(colour)) == f"{colour}.jpg"


def test_a_hit_tells_all_that_is_shown_of_it(indexed, root):
    result = indexed.search(Query("  red  "))
    hit = result.hits[0]
    assert (hit.path, hit.width, hit.height, hit.away) == (root / "red.jpg", 32, 24, False)
    assert 0 <= hit.strength <= 1
    assert hit.reasons == (f"words {hit.similarity:.3f}",)
    assert (result.query, result.model) == (Query("red"), "builtin")
    assert [h.similarity for h in result.hits] == sorted((h.similarity for h in result.hits), reverse=True)


def test_a_picture_may_be_bytes_a_file_anywhere_or_a_photo_of_the_library(indexed, root, tmp_path):
    elsewhere = paint(tmp_path / "elsewhere.jpg", "blue", mark=5)
    assert first(indexed, Query(pictures=(pasted("blue"),))) == "blue.jpg"
    assert first(indexed, Query(pictures=(elsewhere,))) == "blue.jpg"
    assert first(indexed, Query(pictures=(root / "blue.jpg",))) == "blue.jpg"


def test_a_file_of_the_library_is_not_encoded_to_search_with_it(indexed, root, encoders, monkeypatch):
    monkeypatch.chdir(root)
    for path in (root / "blue.jpg", type(root)("blue.jpg")):
        indexed.search(Query(pictures=(path,)))
    assert encoders[0].images == 4


def test_a_photo_of_the_library_finds_others_not_itself(indexed, root):
    paint(root / "red-too.jpg", "red", mark=1)
    indexed.index()
    red = next(h for h in indexed.search(Query("red")).hits if h.path.name == "red.jpg")
    hits = indexed.search(Query(pictures=(red.photo_id,))).hits
    assert hits[0].path.name == "red-too.jpg"
    assert red.photo_id not in [h.photo_id for h in hits]


def test_words_and_pictures_go_together(indexed):
    both = indexed.search(Query("red", (pasted("yellow"),)))
    assert {h.path.name for h in both.hits[:2]} == {"red.jpg", "yellow.jpg"}
    assert [r.split()[0] for r in both.hits[0].reasons] == ["words", "picture"]


def test_only_as_many_as_asked_for_are_given(indexed):
    assert len(indexed.search(Query("red"), count=2).hits) == 2
    assert indexed.search(Query("red"), count=0).hits == ()


@pytest.mark.parametrize("query", [Query(), Query("   "), Query("x" * 5000)])
def test_what_is_no_query_is_refused_in_every_library(library, indexed, query):
    for which in (library, indexed):
        with pytest.raises(QueryError):
            which.search(query)


def test_pictures_that_cannot_be_used_are_told_also_in_an_empty_library(library, tmp_path):
    (tmp_path / "notes.jpg").write_text("these are notes")
    for picture, code in (
        (tmp_path / "none.jpg", ProblemCode.NOT_A_FILE),
        (tmp_path, ProblemCode.NOT_A_FILE),
        (tmp_path / "notes.jpg", ProblemCode.NOT_A_PICTURE),
        (b"pasted nonsense", ProblemCode.NOT_A_PICTURE),
        (b"", ProblemCode.EMPTY),
    ):
        with pytest.raises(PhotoError) as told:
            library.search(Query(pictures=(picture,)))
        assert told.value.code is code
    with pytest.raises(QueryError, match="not indexed yet"):
        library.search(Query(pictures=(4711,)))


def test_copies_are_one_hit(indexed, root):
    (root / "copy.jpg").write_bytes((root / "red.jpg").read_bytes())
    os.utime(root / "copy.jpg", (1, 1))
    indexed.index()
    assert len(indexed.search(Query("red")).hits) == 4


def test_a_photo_is_told_with_all_its_places(indexed, root):
    (root / "copy.jpg").write_bytes((root / "red.jpg").read_bytes())
    os.utime(root / "copy.jpg", (1, 1))
    indexed.index()
    photo = indexed.photo(indexed.search(Query("red")).hits[0].photo_id)
    assert {p.path.name for p in photo.places} == {"red.jpg", "copy.jpg"}
    assert photo.facts.format == "JPEG"
    with pytest.raises(KeyError):
        indexed.photo(4711)


def test_the_timeline_is_newest_first(indexed):
    names = [indexed.photo(t.photo_id).path.stem for t in indexed.timeline()]
    assert names == ["red", "green", "blue", "yellow"]


def test_a_preview_is_upright_and_as_small_as_asked(indexed):
    photo = indexed.timeline()[0].photo_id
    with Image.open(io.BytesIO(indexed.preview(photo, max_px=16))) as image:
        assert (image.format, image.size) == ("JPEG", (16, 12))
    with pytest.raises(KeyError):
        indexed.preview(4711, max_px=16)


def test_previews_and_thumbnails_come_from_a_copy_where_one_file_cannot_be_read(indexed, root):
    (root / "a-copy.jpg").write_bytes((root / "red.jpg").read_bytes())
    os.utime(root / "a-copy.jpg", (1, 1))
    indexed.index()
    photo = indexed.search(Query("red")).hits[0].photo_id
    indexed._thumbnails.remove([photo])
    (root / "a-copy.jpg").unlink()
    assert indexed.preview(photo, max_px=16)
    assert indexed.thumbnail(photo)


def test_a_preview_of_a_photo_that_is_away_says_so(indexed, root):
    photo = indexed.timeline()[0].photo_id
    root.rename(root.with_name("unplugged"))
    indexed.index()
    with pytest.raises(PhotoError, match=r"drive .* not connected"):
        indexed.preview(photo, max_px=16)
    assert indexed.thumbnail(photo)  # made while it was here


def test_a_lost_thumbnail_is_made_again_and_one_that_cannot_be_is_none(indexed, root):
    photo, other = (t.photo_id for t in indexed.timeline()[:2])
    before = indexed.thumbnail(photo)
    indexed._thumbnails.remove([photo, other])
    assert indexed.thumbnail(photo) == before
    for file in root.iterdir():
        file.unlink()
    assert indexed.thumbnail(photo) == before
    assert indexed.thumbnail(other) is None
    assert indexed.thumbnail(4711) is None


def test_after_a_rest_the_index_is_read_again_and_answers_as_before(indexed, monkeypatch):
    before = indexed.search(Query("red")).hits
    indexed.rest()
    monkeypatch.setattr(VectorIndex, "load", classmethod(lambda *_, **__: pytest.fail("nobody needs it yet")))
    assert indexed.status().index_count == 4
    monkeypatch.undo()
    assert indexed.search(Query("red")).hits == before
    assert indexed.status().index_count == 4


def test_an_index_that_could_not_be_written_is_kept_in_memory(indexed, monkeypatch):
    def full(self, file):
        raise OSError("no space left")

    monkeypatch.setattr(VectorIndex, "save", full)
    index = indexed._model.index()
    index._dirty = True
    indexed.rest()
    assert indexed._model.index() is index


def test_what_changes_while_the_index_rests_is_found_afterwards(indexed, root):
    indexed.rest()
    (root / "red.jpg").unlink()
    paint(root / "new.jpg", "blue", mark=5)
    indexed.index()
    names = {hit.path.name for hit in indexed.search(Query("blue")).hits}
    assert "new.jpg" in names and "red.jpg" not in names
    assert indexed.status().index_count == 4


def test_a_library_that_nobody_uses_rests_once(indexed, monkeypatch):
    rests = []
    monkeypatch.setattr(indexed, "rest", lambda: rests.append(1))
    indexed._rest_when_idle()
    assert not rests
    monkeypatch.setattr("photosearch.library.library.REST_SECONDS", -1.0)
    indexed._rest_when_idle()
    indexed._rest_when_idle()
    assert rests == [1]
    indexed.note_activity()
    indexed._rest_when_idle()
    assert rests == [1, 1]


def test_no_rest_during_a_run(indexed):
    index = indexed._model.index()
    with indexed._running:
        indexed.rest()
    assert indexed._model.index() is index
