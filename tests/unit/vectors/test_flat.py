"""Vectors that the graph does not have yet: searched all the same, and moved into it bit by bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from photosearch.vectors import VectorIndex
from photosearch.vectors import index as index_module

DIM = 32


def unit_vectors(count: int, seed: int = 1) -> np.ndarray:
    raw = np.random.default_rng(seed).normal(size=(count, DIM))
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def half_held() -> tuple[VectorIndex, np.ndarray]:
    """300 vectors with the ids 1 to 300; the graph has the odd ones, the even ones are held."""
    vectors = unit_vectors(300)
    ids = np.arange(1, 301)
    index = VectorIndex(model="m", dim=DIM)
    index.add(ids[::2], vectors[::2])
    index.hold(ids[1::2], vectors[1::2])
    return index, vectors


def best_ids(vectors: np.ndarray, query: np.ndarray, count: int) -> list[int]:
    return (np.argsort(-(vectors @ query))[:count] + 1).tolist()


def test_held_vectors_are_found_like_those_in_the_graph(half_held):
    index, vectors = half_held
    for query in unit_vectors(20, seed=2):
        ids, similarities = index.search(query, 10)
        assert ids.tolist() == best_ids(vectors, query, 10)
        assert np.allclose(similarities, (vectors @ query)[ids - 1], atol=2e-3)


def test_growing_moves_them_and_changes_no_answer(half_held):
    index, _ = half_held
    query = unit_vectors(1, seed=3)[0]
    before = index.search(query, 50)[0].tolist()
    left = [index.grow(64), index.grow(64), index.grow(64)]
    assert left == [86, 22, 0]
    assert index.held == 0
    assert len(index) == 300
    assert index.search(query, 50)[0].tolist() == before
    assert index.grow(64) == 0


def test_removed_and_replaced_held_vectors_are_gone(half_held):
    index, vectors = half_held
    index.remove(np.array([2, 3, 999]))
    assert len(index) == 298
    assert not {2, 3} & set(index.search(vectors[1], 300)[0].tolist())
    index.hold(np.array([4, 5]), vectors[[1, 2]])
    assert len(index) == 298
    assert index.search(vectors[1], 1)[0].tolist() == [4]
    assert index.search(vectors[2], 1)[0].tolist() == [5]


def test_vectors_come_back_in_the_order_asked_wherever_they_are(half_held):
    index, vectors = half_held
    ids, rows = index.vectors(np.array([7, 4, 1000, 1, 2]))
    assert ids.tolist() == [7, 4, 1, 2]
    assert np.allclose(rows, vectors[[6, 3, 0, 1]], atol=1e-3)
    assert index.ids().tolist() == list(range(1, 301))


def test_a_file_holds_the_graph_only_and_says_so(half_held, tmp_path: Path):
    index, _ = half_held
    index.save(tmp_path / "m.usearch")
    loaded = VectorIndex.load(tmp_path / "m.usearch", model="m", dim=DIM)
    assert loaded.ids().tolist() == list(range(1, 301, 2))


def test_a_graph_with_many_holes_is_made_anew(tmp_path: Path):
    index = VectorIndex(model="m", dim=DIM)
    index.add(np.arange(1, 101), unit_vectors(100))
    index.remove(np.arange(1, 41))
    index.save(tmp_path / "m.usearch")
    with pytest.raises(index_module.IndexDamaged, match="worn"):
        VectorIndex.load(tmp_path / "m.usearch", model="m", dim=DIM)
