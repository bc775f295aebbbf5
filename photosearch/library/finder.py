"""Answers queries: by the model in use, and for photos that it has not seen yet by the one that was used before."""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from photosearch.catalog import Catalog
from photosearch.errors import ModelUnavailable, PhotoError, ProblemCode, QueryError, display_path
from photosearch.library.model_in_use import ModelInUse
from photosearch.model import ModelSpec, Preprocess, resolve
from photosearch.records import Hit, Photo, Query, SearchResult
from photosearch.search import Answer, checked
from photosearch.vectors import VectorIndex

log = logging.getLogger(__name__)

_ENOUGH = 2000
"""A model that knows so many photos is believed first, for it can tell what is chance among them."""


class Finder:
    """Safe to use from several threads.

    before: what answers for photos that the model ``in_use`` has not seen; None where it has seen all. read: the pixels
    of a file or of encoded bytes, as a model wants them; raises PhotoError.
    """

    def __init__(
        self, catalog: Catalog, in_use: ModelInUse, before: ModelInUse | None, *,
        read: Callable[[Path | bytes, Preprocess], np.ndarray],
    ) -> None:  # fmt: skip
        self._catalog, self._in_use, self._before, self._read = catalog, in_use, before, read

    def warm_up(self) -> None:
        """Load what answers. Raises ModelUnavailable."""
        for model in (self._in_use, self._before):
            if model is not None and model.known_id is not None:
                model.encoder.warm_up()

    def search(self, query: Query, *, count: int) -> SearchResult:
        """The photos that fit, best first. Raises QueryError, PhotoError, ModelUnavailable."""
        started = time.monotonic()
        query = checked(query)
        answers, searched = self._answers(query, count)
        photos = self._catalog.photos.get([a.photo_id for a in answers])
        labels = (["words"] if query.words else []) + ["picture"] * len(query.pictures)
        return SearchResult(
            query=query,
            hits=tuple(_hit(a, photos[a.photo_id], labels) for a in answers if a.photo_id in photos),
            model=self._in_use.name,
            searched=searched,
            seconds=round(time.monotonic() - started, 4),
        )

    def _answers(self, query: Query, count: int) -> tuple[list[Answer], int]:
        """The best answers, and among how many photos. A photo is judged by the first model that knows it."""
        answering = self._answering()
        among = len(np.union1d(*(index.ids() for _, index in answering))) if len(answering) > 1 else None
        lists: list[list[Answer]] = []
        asked: list[VectorIndex] = []
        fault: QueryError | ModelUnavailable | None = None
        for model, index in answering:
            try:
                found = self._answers_of(model, query, count, among)
            except QueryError as error:  # it does not know that photo; the other may
                fault = fault or error
                continue
            except ModelUnavailable as error:
                log.warning("%s", error)
                if model is self._before:
                    self._before = None
                fault = fault or error
                continue
            ids = np.array([answer.photo_id for answer in found], np.int64)
            judged = {int(photo_id) for earlier in asked for photo_id in earlier.vectors(ids)[0]}
            lists.append([answer for answer in found if answer.photo_id not in judged])
            asked.append(index)
        if not asked:
            if fault is not None:
                raise fault
            for picture in query.pictures:
                self._vector(self._in_use, picture)  # one that cannot be used is an error in an empty library too
            return [], 0
        searched = among if among is not None and len(asked) > 1 else len(asked[0])
        # The scale of strengths is the same for all models.
        return list(heapq.merge(*lists, key=lambda answer: -answer.strength))[:count], searched

    def _answering(self) -> list[tuple[ModelInUse, VectorIndex]]:
        """The models that know photos, in the order in which they are believed."""
        now, before = self._in_use.index(), self._before
        first = [(self._in_use, now)] if now is not None and len(now) else []
        old = before.index() if before is not None else None
        if before is None or old is None:
            return first
        if now is None or not len(now):
            return [(before, old)]
        if not len(np.setdiff1d(old.ids(), now.ids(), assume_unique=True)):
            self._before = None  # it knows nothing more
            return first
        both = [*first, (before, old)]
        return both if len(now) >= min(_ENOUGH, len(old) / 2) else both[::-1]

    def _answers_of(self, model: ModelInUse, query: Query, count: int, among: int | None) -> list[Answer]:
        engine = model.engine()
        assert engine is not None, "a model that knows photos has an engine"
        pictures = [self._vector(model, picture) for picture in query.pictures]
        themselves = frozenset(picture for picture in query.pictures if isinstance(picture, int))
        return engine.answer(query.words, pictures, count=count, without=themselves, among=among)

    def _vector(self, model: ModelInUse, picture: Path | bytes | int) -> np.ndarray:
        """float32 [dim] of a picture of the query."""
        photo_id = self._catalog.photos.id_of_file(picture.absolute()) if isinstance(picture, Path) else picture
        if isinstance(photo_id, int) and (known := model.vector_of(photo_id)) is not None:
            return known
        if isinstance(picture, int):
            raise QueryError("That photo is not indexed yet; it can be searched with as soon as it is.")
        try:
            pixels = self._read(picture, model.encoder.info.preprocess)
        except PhotoError as error:
            if not isinstance(picture, Path):
                raise
            raise PhotoError(error.code, f"{display_path(picture)} cannot be searched with. {error.reason}") from error
        vector = model.encoder.encode_images(pixels[np.newaxis])[0]
        if not np.isfinite(vector).all():
            raise PhotoError(ProblemCode.ENCODER_FAILED, "The model could not make anything of this picture.")
        return vector


def spec_of_model_before(catalog: Catalog, in_use: ModelInUse, *, digests: Path) -> ModelSpec | None:
    """The model that knows most of the photos which the one in use has not seen; None where there is none of them, or
    where its files are not on this computer any more.

    digests: the folder where those of models are remembered.
    """
    rows = [row for row, count in catalog.embeddings.models() if count and row.id != in_use.known_id]
    if not rows:
        return None
    beyond = {row: catalog.embeddings.count_beyond(row.id, in_use.known_id) for row in rows}
    for row in sorted(rows, key=beyond.__getitem__, reverse=True):
        if not beyond[row]:
            break
        try:
            spec = resolve(row.name, cache=digests)
        except ModelUnavailable:
            continue
        if spec.identity in (None, row.identity):  # not another one under the same name
            return spec
    return None


def _hit(answer: Answer, photo: Photo, labels: list[str]) -> Hit:
    return Hit(
        photo_id=answer.photo_id,
        path=photo.path,
        strength=round(answer.strength, 4),
        similarity=round(answer.similarity, 4),
        width=photo.facts.width,
        height=photo.facts.height,
        taken=photo.facts.taken,
        away=photo.away,
        reasons=tuple(f"{label} {part:.3f}" for label, part in zip(labels, answer.parts, strict=False)),
    )
