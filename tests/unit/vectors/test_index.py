from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from photosearch.errors import IndexDamaged
from photosearch.vectors import RECALL_FLOOR, VectorIndex, usable
from tests.small_library import full_disk, unmount

DIM = 32


def vectors_of(count: int, *, seed: int = 0, dim: int = DIM) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def index_of(count: int, *, seed: int = 0) -> tuple[VectorIndex, np.ndarray, np.ndarray]:
    """An index, the ids in it (with gaps, not in order) and their vectors."""
    index = VectorIndex(model="m", dim=DIM)
    ids = np.random.default_rng(seed + 1).permutation(count * 3)[:count].astype(np.int64) + 1
    rows = vectors_of(count, seed=seed)
    index.add(ids, rows)
    return index, ids, rows


def nearest(ids: np.ndarray, rows: np.ndarray, query: np.ndarray, count: int) -> list[int]:
    return ids[np.argsort(-(rows @ query), kind="stable")[:count]].tolist()


def test_the_nearest_are_those_that_comparing_all_finds():
    index, ids, rows = index_of(500)
    for query in vectors_of(10, seed=9):
        found, similarities = index.search(query, 20)
        truth = dict(zip(ids.tolist(), (rows @ query).tolist(), strict=True))
        # float16 may swap two that are equally near
        assert np.allclose(similarities, [truth[i] for i in found.tolist()], atol=2e-3)
        assert np.allclose(similarities, sorted(truth.values(), reverse=True)[:20], atol=2e-3)
        assert np.all(np.diff(similarities) <= 0)


def test_the_length_of_a_query_does_not_matter():
    index, _, _ = index_of(50)
    query = vectors_of(1, seed=5)[0]
    assert index.search(query, 5)[0].tolist() == index.search(query * 40, 5)[0].tolist()


def test_the_graph_of_a_large_library_finds_nearly_what_comparing_all_finds(monkeypatch):
    index, ids, rows = index_of(3000)
    monkeypatch.setattr("photosearch.vectors.index.EXACT_UP_TO", 100)
    hits = [
        len(set(index.search(query, 10)[0].tolist()) & set(nearest(ids, rows, query, 10)))
        for query in vectors_of(50, seed=9)
    ]
    assert sum(hits) / 500 > 0.97


def test_the_graph_can_be_asked_for_more_than_it_usually_looks_at(monkeypatch):
    index, _, _ = index_of(2000)
    monkeypatch.setattr("photosearch.vectors.index.EXACT_UP_TO", 100)
    found, _ = index.search(vectors_of(1, seed=9)[0], 800)
    assert len(set(found.tolist())) == 800


def test_an_added_id_replaces_what_was_there():
    index, ids, _ = index_of(50)
    new = vectors_of(1, seed=77)
    index.add(ids[:1], new)
    assert len(index) == 50
    assert index.search(new[0], 1)[0].tolist() == [ids[0]]
    assert np.allclose(index.vectors(ids[:1])[1], new, atol=1e-3)


def test_an_id_given_twice_at_once_counts_once():
    index = VectorIndex(model="m", dim=DIM)
    rows = vectors_of(2)
    index.add(np.array([5, 5]), rows)
    assert index.ids().tolist() == [5]
    assert index.search(rows[1], 1)[1][0] > 0.99


@pytest.mark.parametrize("exact_up_to", [10_000, 10])
def test_a_removed_photo_is_never_found_again_also_after_saving_and_loading(tmp_path, monkeypatch, exact_up_to):
    monkeypatch.setattr("photosearch.vectors.index.EXACT_UP_TO", exact_up_to)
    index, ids, rows = index_of(300)
    gone = set(ids[:100].tolist())
    index.remove(np.array([*gone, 99_999]))
    index.save(tmp_path / "x.usearch")
    for which in (index, VectorIndex.load(tmp_path / "x.usearch", model="m", dim=DIM)):
        assert len(which) == 200
        assert not gone & set(which.ids().tolist())
        for query in rows[:100:10]:
            found, _ = which.search(query, 300)
            assert not gone & set(found.tolist())
            assert len(set(found.tolist())) == len(found)
        assert len(which.vectors(ids[:100])[0]) == 0


def test_a_removed_id_may_come_back():
    index, ids, rows = index_of(20)
    index.remove(ids)
    assert len(index) == 0
    assert index.search(rows[0], 3)[0].tolist() == []
    index.add(ids[:1], rows[:1])
    assert index.search(rows[0], 3)[0].tolist() == [ids[0]]


def test_ids_are_ascending():
    index, ids, _ = index_of(100)
    assert index.ids().tolist() == sorted(ids.tolist())


def test_vectors_come_in_the_order_asked_for_and_unknown_ids_are_left_out():
    index, ids, rows = index_of(10)
    asked = np.array([ids[7], 99_999, ids[2]])
    found, given = index.vectors(asked)
    assert found.tolist() == [ids[7], ids[2]]
    assert np.allclose(given, rows[[7, 2]], atol=1e-3)
    assert index.vectors(ids[:1])[1].shape == (1, DIM)


def test_an_empty_index_answers_with_nothing_and_can_be_saved(tmp_path):
    index = VectorIndex(model="m", dim=DIM)
    query = vectors_of(1)[0]
    index.remove(np.array([1]))
    index.save(tmp_path / "x.usearch")
    for which in (index, VectorIndex.load(tmp_path / "x.usearch", model="m", dim=DIM)):
        assert which.search(query, 5)[0].tolist() == []
        assert which.ids().tolist() == []
        assert which.vectors(np.array([1]))[1].shape == (0, DIM)


@pytest.mark.parametrize("count", [0, -1])
def test_asking_for_none_gives_none(count):
    index, _, rows = index_of(10)
    assert index.search(rows[0], count)[0].tolist() == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 1e-6, 1e6])
def test_a_vector_that_points_nowhere_or_fits_no_float16_is_refused_and_nothing_is_added(bad):
    index = VectorIndex(model="m", dim=DIM)
    rows = vectors_of(2)
    rows[1] = bad
    assert usable(rows).tolist() == [True, False]
    with pytest.raises(ValueError, match="finite"):
        index.add(np.array([1, 2]), rows)
    assert len(index) == 0


def test_vectors_and_queries_of_another_size_are_refused():
    index, _, _ = index_of(5)
    with pytest.raises(ValueError, match="shape"):
        index.add(np.array([1]), np.ones((1, DIM + 1), np.float32))
    with pytest.raises(ValueError, match="dimensions"):
        index.search(np.ones(DIM + 1), 1)
    for query in (np.zeros(DIM), np.full(DIM, np.nan)):
        with pytest.raises(ValueError, match="finite"):
            index.search(query, 1)


def test_a_saved_index_is_the_same_when_loaded(tmp_path):
    index, _, _ = index_of(300)
    assert index.dirty
    index.save(tmp_path / "new" / "folder" / "x.usearch")
    assert not index.dirty
    loaded = VectorIndex.load(tmp_path / "new" / "folder" / "x.usearch", model="m", dim=DIM)
    assert not loaded.dirty
    assert loaded.ids().tolist() == index.ids().tolist()
    for query in vectors_of(5, seed=3):
        assert loaded.search(query, 10)[0].tolist() == index.search(query, 10)[0].tolist()
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == ["x.json", "x.usearch"]


def _truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _change_manifest(**changes: object):
    def change(file: Path) -> None:
        manifest = json.loads(file.with_suffix(".json").read_text())
        file.with_suffix(".json").write_text(json.dumps({**manifest, **changes}))

    return change


def _other_manifest(file: Path) -> None:
    other, _, _ = index_of(200, seed=40)
    other.save(file.with_name("other.usearch"))
    file.with_name("other.json").replace(file.with_suffix(".json"))


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(_truncate, id="truncated"),
        pytest.param(_flip_a_bit, id="a bit flipped"),
        pytest.param(lambda file: file.write_bytes(b""), id="emptied"),
        pytest.param(lambda file: file.with_suffix(".json").unlink(), id="no manifest"),
        pytest.param(lambda file: file.with_suffix(".json").write_text(""), id="empty manifest"),
        pytest.param(lambda file: file.with_suffix(".json").write_text("[1, 2]"), id="manifest of a list"),
        pytest.param(lambda file: file.with_suffix(".json").write_bytes(b"\xff"), id="manifest is no text"),
        pytest.param(_other_manifest, id="manifest of another file"),
        pytest.param(_change_manifest(model="another"), id="another model"),
        pytest.param(_change_manifest(dim=DIM * 2), id="another size"),
        pytest.param(_change_manifest(count=7), id="another count"),
        pytest.param(_change_manifest(format=99), id="another format"),
        pytest.param(_change_manifest(surprise=1), id="an unknown field"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused(tmp_path, harm):
    file = tmp_path / "x.usearch"
    index, _, _ = index_of(200)
    index.save(file)
    harm(file)
    with pytest.raises(IndexDamaged):
        VectorIndex.load(file, model="m", dim=DIM)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        VectorIndex.load(tmp_path / "none.usearch", model="m", dim=DIM)


def test_a_place_that_cannot_be_written_is_an_os_error_and_the_index_stays_dirty(tmp_path):
    index, _, _ = index_of(5)
    (tmp_path / "in-the-way").write_text("a file")
    with pytest.raises(OSError, match=r"in-the-way|exists|directory"):
        index.save(tmp_path / "in-the-way" / "x.usearch")
    assert index.dirty


def test_a_full_disk_keeps_the_old_file_and_leaves_no_rest(tmp_path):
    disk = tmp_path / "disk"
    if not full_disk(disk, size="300k"):
        pytest.skip("mounting a tiny disk needs root on Linux")
    try:
        small, ids, _ = index_of(100)
        small.save(disk / "x.usearch")
        large, _, _ = index_of(5000)
        with pytest.raises(OSError):
            large.save(disk / "x.usearch")
        assert large.dirty
        assert sorted(p.name for p in disk.iterdir()) == ["x.json", "x.usearch"]
        assert VectorIndex.load(disk / "x.usearch", model="m", dim=DIM).ids().tolist() == sorted(ids.tolist())
    finally:
        unmount(disk)


def test_searching_while_another_thread_adds_and_removes_gives_only_what_was_there():
    index, ids, _ = index_of(200)
    more, rows = np.arange(10_000, 10_400), vectors_of(400, seed=4)
    faults: list[Exception] = []
    ended = threading.Event()

    def look() -> None:
        try:
            while not ended.is_set():
                found, similarities = index.search(rows[0], 20)
                assert len(found) == len(similarities) == 20
                index.vectors(found)
                index.ids()
        except Exception as error:
            faults.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    for start in range(0, 400, 20):
        index.add(more[start : start + 20], rows[start : start + 20])
        index.remove(more[start : start + 10])
    ended.set()
    thread.join()
    assert faults == []
    assert len(index) == len(ids) + 200


def test_how_well_the_graph_finds_is_measured_and_kept_with_its_file(tmp_path, monkeypatch):
    index, _, _ = index_of(2000)
    assert index.measure(seed=1) is None  # every search is exact
    monkeypatch.setattr("photosearch.vectors.index.EXACT_UP_TO", 100)
    recall = index.measure(seed=1)
    assert recall is not None and recall.samples == 50 and recall.share > 0.97
    assert str(recall).startswith("recall@10 ")
    index.save(tmp_path / "m.usearch")
    assert VectorIndex.load(tmp_path / "m.usearch", model="m", dim=DIM).recall == recall


def test_vectors_that_are_all_alike_are_found_as_well_as_any(monkeypatch):
    monkeypatch.setattr("photosearch.vectors.index.EXACT_UP_TO", 100)
    index = VectorIndex(model="m", dim=DIM)
    index.add(np.arange(1, 301), np.repeat(vectors_of(1), 300, axis=0))
    recall = index.measure(seed=1)
    assert recall is not None and recall.share == 1.0


def test_a_graph_that_finds_too_little_is_noticed_and_started_over_without_losing_a_vector(monkeypatch):
    module = "photosearch.vectors.index"
    monkeypatch.setattr(f"{module}.EXACT_UP_TO", 100)
    with monkeypatch.context() as poor:
        for name, value in (("_CONNECTIVITY", 2), ("_EXPANSION_ADD", 1)):
            poor.setattr(f"{module}.{name}", value)
        index, ids, rows = index_of(2000)
    recall = index.measure(seed=1)
    assert recall is not None and recall.share < RECALL_FLOOR
    index.start_over()
    assert (index.held, index.recall) == (2000, None)
    query = vectors_of(1, seed=9)[0]
    assert index.search(query, 10)[0].tolist() == nearest(ids, rows, query, 10)
    while index.grow(500):
        pass
    recall = index.measure(seed=1)
    assert recall is not None and recall.share > 0.97
    assert index.ids().tolist() == sorted(ids.tolist())
