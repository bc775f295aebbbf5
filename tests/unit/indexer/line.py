"""A pipeline over a folder on disk, for tests that look at what it does with each photo and when."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from photosearch.catalog import Catalog, ThumbnailStore
from photosearch.indexer.changes import record_changes
from photosearch.indexer.decode_pool import DecodePool
from photosearch.indexer.pace import Pace
from photosearch.indexer.pipeline import Pipeline, Tally
from photosearch.indexer.waiting import OnScreen
from photosearch.model import ModelSpec
from photosearch.progress import CancelToken, PauseSwitch, Progress
from photosearch.vectors import VectorIndex
from tests.fakes import ColourEncoder
from tests.small_library import InlinePool, paint


class Line:
    """A pipeline over a folder on disk, with an encoder that sees colours and no processes."""

    def __init__(self, catalog: Catalog, root: Path, *, batch: int = 4) -> None:
        self.catalog, self.root = catalog, root
        catalog.folders.add(root)
        self.folder_id = catalog.folders.all()[0].id
        self.encoder = ColourEncoder(ModelSpec(name="colours", kind="folder", identity="colours-1"), batch=batch)
        self.encoder.info = self.encoder.info.__class__(
            **{**{f: getattr(self.encoder.info, f) for f in self.encoder.info.__dataclass_fields__}, "batch": batch}
        )
        self.model_id = catalog.embeddings.register("colours-1", name="colours", dim=self.encoder.info.dim)
        self.index = VectorIndex(model="colours-1", dim=self.encoder.info.dim)
        self.thumbnails = ThumbnailStore(root.parent / "cache" / "thumbnails.sqlite3")
        self.cancel, self.pause = CancelToken(), PauseSwitch()
        self.pace = Pace(in_background=False)
        self.on_screen = OnScreen()
        self.said: list[Progress] = []
        self.added = 0
        self.pool: InlinePool | DecodePool = InlinePool()
        self.on_progress: Callable[[Progress], None] = self.said.append

    def _on_added(self, count: int) -> None:
        self.added += count

    def look(self) -> None:
        record_changes(self.catalog, cancel=CancelToken())

    def run(self) -> Tally:
        self.look()
        self.last = Pipeline(
            catalog=self.catalog, thumbnails=self.thumbnails, index=self.index, encoder=self.encoder, pool=self.pool,
            model_id=self.model_id, max_megapixels=250, on_progress=self.on_progress, on_added=self._on_added,
            cancel=self.cancel, pause=self.pause, pace=self.pace, on_screen=self.on_screen,
        )  # fmt: skip
        return self.last.run(self.catalog.files.work(self.model_id))

    def states(self) -> dict[str, str]:
        return {os.fsdecode(rel): r.state.value for rel, r in self.catalog.files.snapshot(self.folder_id).items()}

    def problems(self) -> dict[str, str]:
        return {p.path.name: p.code for p in self.catalog.files.problems()}


def paint_all(line: Line, count: int) -> None:
    for n in range(count):
        paint(line.root / f"{n:02}.jpg", "red", mark=n, age=n)
