"""``kill -9`` at any moment of indexing: what is committed stays, at most one batch is encoded again, nobody is left.

The batches are counted on their way to the encoder (see ``counting_photosearch``). What a killed run sent and did not
commit is exactly what has to be encoded again.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest

from photosearch.vectors import VectorIndex
from tests.integration import counting_photosearch
from tests.integration.command import LIMIT_SECONDS, Command
from tests.integration.conftest import picture

PHOTOS = 150
ORPHANS_END_WITHIN_SECONDS = 5.0
_MARK = "PHOTOSEARCH_TEST_RUN"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")

Moment = Callable[["Run"], bool]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Real photos where the test material is there, else drawn ones."""
    folder = tmp_path_factory.mktemp("photos")
    try:
        real = sorted((request.getfixturevalue("photos") / "captioned").glob("*.jpg"))[:PHOTOS]
    except pytest.skip.Exception:
        real = []
    for number in range(PHOTOS):
        if number < len(real):
            shutil.copyfile(real[number], folder / f"{number}.jpg")
        else:
            picture(folder / f"{number}.jpg", number, width=500, height=375)
    return folder


class Run:
    """One ``photosearch index`` in a process group of its own. Every process it starts can be found by a mark."""

    def __init__(self, data_dir: Path, folder: Path) -> None:
        self.data_dir = data_dir
        self.mark = uuid.uuid4().hex
        self.log = data_dir.with_name(f"batches-{self.mark}.txt")
        self.out = data_dir.with_name(f"report-{self.mark}.json")
        script = counting_photosearch.__file__
        with self.out.open("wb") as out, self.out.with_suffix(".err").open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, script, self.log, "--data-dir", data_dir, "index", folder, "--json"],
                env=Command.environment({_MARK: self.mark}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def sent(self) -> list[int]:
        """Sizes of the batches that went to the encoder."""
        return [int(line) for line in self.log.read_text().split()] if self.log.exists() else []

    def alive(self) -> list[str]:
        """The processes of this run that still live."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(_MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def kill_when(self, moment: Moment, *, whole_group: bool) -> bool:
        """Kill at the moment; False where the run ended before. Returns when nothing of it lives any more."""
        limit = time.monotonic() + LIMIT_SECONDS
        while not moment(self) and self.process.poll() is None:
            assert time.monotonic() < limit, "the moment did not come"
            self._pause()
        killed = self.process.poll() is None
        if killed:
            (os.killpg if whole_group else os.kill)(self.process.pid, signal.SIGKILL)
        self.process.wait(LIMIT_SECONDS)
        limit = time.monotonic() + ORPHANS_END_WITHIN_SECONDS
        while left := self.alive():
            assert time.monotonic() < limit, f"these outlive the killed process: {left}"
            self._pause()
        return killed

    @staticmethod
    def _pause() -> None:
        """Leave the processor to the process that is watched."""
        threading.Event().wait(0.01)

    def finish(self) -> dict:
        """Let it end by itself; its report."""
        assert self.process.wait(LIMIT_SECONDS) == 0, self.out.with_suffix(".err").read_text()
        return json.loads(self.out.read_text())


def embedded(data_dir: Path) -> dict[bytes, bytes]:
    """What is committed: content hash → vector. {} before there is a catalog."""
    try:
        db = sqlite3.connect(f"file:{data_dir}/catalog.sqlite3?mode=ro", uri=True)
        try:
            return dict(db.execute("SELECT hash, vector FROM embedding JOIN photo ON photo.id = photo_id").fetchall())
        finally:
            db.close()
    except sqlite3.OperationalError:
        return {}


def check_whole(data_dir: Path) -> None:
    """The catalog is sound, and the index on disk holds exactly its vectors."""
    db = sqlite3.connect(f"file:{data_dir}/catalog.sqlite3?mode=ro", uri=True)
    try:
        assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        rows = dict(db.execute("SELECT photo_id, vector FROM embedding").fetchall())
        (identity,) = db.execute("SELECT identity FROM model").fetchone()
    finally:
        db.close()
    index = VectorIndex.load(data_dir / "indexes" / f"{identity}.usearch", model=identity, dim=256)
    ids, vectors = index.vectors(np.array(sorted(rows)))
    assert ids.tolist() == sorted(rows) and len(index) == len(rows)
    assert np.array_equal(vectors.astype("<f2"), np.stack([np.frombuffer(rows[i], "<f2") for i in sorted(rows)]))


@dataclass
class Account:
    """What a row of kills cost: images encoded again, for each kill, beside the size of its last batch."""

    again: list[tuple[int, int]] = field(default_factory=list)

    def kill(self, data_dir: Path, folder: Path, moment: Moment, *, whole_group: bool) -> bool:
        """One run that is killed, and everything that must hold after it. False where it ended before."""
        before = embedded(data_dir)
        seen: dict[bytes, bytes] = {}

        def look(run: Run) -> bool:
            nonlocal seen
            seen = embedded(data_dir)
            return moment(run)

        run = Run(data_dir, folder)
        killed = run.kill_when(look, whole_group=whole_group)
        after = embedded(data_dir)
        assert before.items() <= seen.items() <= after.items(), "something that was committed is gone"
        lost = sum(run.sent) - (len(after) - len(before))
        assert 0 <= lost <= (run.sent or [0])[-1], f"{lost} photos must be encoded again after batches of {run.sent}"
        self.again.append((lost, (run.sent or [0])[-1]))
        return killed

    def finish(self, data_dir: Path, folder: Path) -> None:
        """A run that may end: it does the rest and no more, and all agree."""
        before = embedded(data_dir)
        run = Run(data_dir, folder)
        report = run.finish()
        assert sum(run.sent) == report["encoded"] == PHOTOS - len(before)
        assert before.items() <= embedded(data_dir).items()
        status = Command(data_dir)("status", "--json").json
        assert (status["files"], status["pending"], status["problems"]) == (PHOTOS, 0, 0)
        assert status["photos"] == status["searchable"] == status["index"]["count"] == PHOTOS
        check_whole(data_dir)
        assert Command(data_dir)("index", "--json").json["encoded"] == 0


def scanning(run: Run) -> bool:
    return (run.data_dir / "catalog.sqlite3").exists()


def loading_the_model(run: Run) -> bool:
    return any("spawn_main" in command for command in run.alive())


def encoding(run: Run) -> bool:
    return len(run.sent) >= 1


def between_batches(run: Run) -> bool:
    return len(run.sent) >= 2


def closing(run: Run) -> bool:
    return run.out.stat().st_size > 0


def after(seconds: float, *, since: Moment = lambda run: True) -> Moment:
    """So long after another moment, or after the start."""
    begun: list[float] = []

    def moment(run: Run) -> bool:
        if not begun and since(run):
            begun.append(time.monotonic())
        return bool(begun) and time.monotonic() - begun[0] >= seconds

    return moment


def test_kill_9_at_each_stage_of_indexing_loses_at_most_the_batch_in_work(tmp_path, folder):
    account = Account()
    data_dir = tmp_path / "data"
    stages: list[tuple[Moment, bool]] = [
        (scanning, True), (loading_the_model, False), (encoding, False), (between_batches, True),
    ]  # fmt: skip
    for stage, whole_group in stages:
        assert account.kill(data_dir, folder, stage, whole_group=whole_group), f"it ended before {stage.__name__}"
    account.finish(data_dir, folder)
    fresh = tmp_path / "fresh"
    account.kill(fresh, folder, closing, whole_group=False)
    assert len(embedded(fresh)) == PHOTOS  # the report is printed when all is committed
    check_whole(fresh)


@pytest.mark.long
@pytest.mark.parametrize("kills", [30, 200])
def test_kill_9_at_random_moments_loses_at_most_the_batch_in_work(tmp_path, folder, kills):
    moments = random.Random(kills)
    data_dir = tmp_path / "0"
    started = time.monotonic()
    Run(data_dir, folder).finish()
    whole = time.monotonic() - started
    account = Account()
    for number in range(1, kills + 1):
        if len(embedded(data_dir)) == PHOTOS:
            account.finish(data_dir, folder)
            data_dir = tmp_path / str(number)
        moment = after(moments.uniform(0.05, whole)) if number % 2 else after(moments.uniform(0, 0.5), since=encoding)
        account.kill(data_dir, folder, moment, whole_group=moments.random() < 0.5)
    account.finish(data_dir, folder)
    hit = [lost for lost, _ in account.again if lost]
    print(f"{kills} kills in runs of {whole:.1f} s: {len(hit)} had a batch in work, {sum(hit)} photos encoded again")
