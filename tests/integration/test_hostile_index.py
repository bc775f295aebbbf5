"""The whole hostile test material through the real command: everything is indexed or listed, within bounds of memory.

The tables of the material say what must become of each file. ``either`` may be either, but never nothing.
"""

from __future__ import annotations

import ast
import base64
import csv
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from photosearch.media.formats import is_picture_name
from tests.conftest import with_exports
from tests.integration.command import LIMIT_SECONDS, Command, obeying_permissions

FOLDERS = ("bombs", "broken", "formats", "metadata", "orientation", "raw")
PROCESS_LIMIT_BYTES = 2_500_000_000
"""What one process may have resident: a worker's limit of address space, and what the system adds to it."""
_LOOK_EVERY_S = 0.05


@dataclass
class MemoryWatch:
    """Resident memory of a process and all below it, looked at 20 times a second."""

    process: psutil.Process
    most_in_one: int = 0
    most_together: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> MemoryWatch:
        self._thread = threading.Thread(target=self._look, name="memory-watch")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_S):
            together = 0
            try:
                family = [self.process, *self.process.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for process in family:
                try:
                    resident = process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
                together += resident
                self.most_in_one = max(self.most_in_one, resident)
            self.most_together = max(self.most_together, together)


@dataclass(frozen=True)
class Account:
    """What became of each file, by path as bytes."""

    sizes: dict[bytes, tuple[int, int]]
    problems: dict[bytes, tuple[str, str]]

    @classmethod
    def of(cls, command: Command) -> Account:
        db = sqlite3.connect(f"file:{command.data_dir}/catalog.sqlite3?mode=ro", uri=True)
        try:
            files = "SELECT path, rel, {} FROM file JOIN folder ON folder.id = folder_id {}"
            sizes = db.execute(
                files.format("width, height", "JOIN photo ON photo.id = photo_id JOIN embedding USING (photo_id)")
            ).fetchall()
            problems = db.execute(files.format("code, sentence", "JOIN problem ON file_id = file.id")).fetchall()
        finally:
            db.close()
        return cls(
            {folder + b"/" + rel: (width, height) for folder, rel, width, height in sizes},
            {folder + b"/" + rel: (code, sentence) for folder, rel, code, sentence in problems},
        )


@pytest.fixture(scope="module")
def material(shared: Path) -> dict[bytes, dict[str, str]]:
    """The rows of all tables, by path."""
    rows = {}
    for folder in FOLDERS:
        with (shared / "hostile" / folder / "INDEX.tsv").open(newline="", encoding="utf-8") as table:
            for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
                rows[os.fsencode(shared / "hostile" / folder / row["file"])] = row
    return rows


@pytest.fixture(scope="module")
def indexed(
    shared: Path, exported_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Command, MemoryWatch]:
    """The material, indexed once, and the memory that took."""
    command = Command(with_exports(tmp_path_factory.mktemp("hostile") / "data", exported_model))
    process = command.start("index", shared / "hostile", "--json", "--verbose", stderr=subprocess.DEVNULL)
    with process, MemoryWatch(psutil.Process(process.pid)) as watch:
        process.communicate(timeout=2 * LIMIT_SECONDS)
    assert process.returncode == 0
    return command, watch


def claimed(path: bytes) -> bool:
    return is_picture_name(path.rsplit(b"/", 1)[-1])


def test_every_hostile_file_is_indexed_upright_or_listed_with_a_reason(indexed, material):
    account = Account.of(indexed[0])
    wrong = []
    for path, row in material.items():
        size, problem = account.sizes.get(path), account.problems.get(path)
        if not claimed(path):
            fits = size is None and problem is None
        elif row["expect"] == "ok":
            fits = size == (int(row["width"]), int(row["height"])) and problem is None
        elif row["expect"] == "problem":
            fits = size is None and problem is not None
        else:
            fits = (size is None) != (problem is None)
        if not fits:
            wrong.append(f"{row['file']}: {row['expect']} {row['width']}x{row['height']}, but {size} {problem}")
    assert not wrong, "\n".join(wrong)
    unlisted = (set(account.sizes) | set(account.problems)) - set(material)
    assert not [p for p in unlisted if b"/names/" not in p and not p.endswith(b".py")]


def test_every_problem_has_a_reason_in_a_sentence(indexed):
    problems = Account.of(indexed[0]).problems
    assert len(problems) > 300
    for code, sentence in problems.values():
        assert code and sentence.endswith((".", ")")) and sentence.isprintable(), (code, sentence)


def test_the_hostile_material_raises_nothing_unforeseen_and_stays_within_memory(indexed, record_property):
    command, watch = indexed
    log = (command.data_dir / "logs" / "photosearch.log").read_text(encoding="utf-8")
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]
    assert "index run" in log
    record_property("most_in_one_process_mb", watch.most_in_one // 10**6)
    record_property("most_in_all_processes_mb", watch.most_together // 10**6)
    print(f"peak: {watch.most_in_one / 1e6:.0f} MB in one process, {watch.most_together / 1e6:.0f} MB in all together")
    assert 0 < watch.most_in_one < PROCESS_LIMIT_BYTES


def test_the_hostile_library_answers_and_a_second_run_reads_nothing_again(indexed):
    command, _ = indexed
    again = command("index", "--json")
    assert (again.status, again.json["encoded"], again.json["new"], again.json["changed"]) == (0, 0, 0, 0)
    status = command("status", "--json").json
    assert status["photos"] == status["searchable"] == status["index"]["count"] and status["pending"] == 0
    assert len(command("search", "anything", "-n", "100000", "-0").out.split(b"\0")) == status["photos"] + 1


# Names


@dataclass(frozen=True)
class Names:
    folder: Path
    rows: list[tuple[str, str, bytes]]
    """(kind, expect, name)"""


@pytest.fixture(scope="module")
def names(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Names]:
    """The folder of hostile names. Each file gets a content of its own, so that each is a photo of its own."""
    folder = tmp_path_factory.mktemp("names") / "names"
    script = [sys.executable, shared / "hostile" / "names" / "make_names.py"]
    made = subprocess.run([*script, folder], capture_output=True, check=True, text=True)
    rows = [line.split("\t") for line in made.stdout.splitlines()]
    rows = [(row[0], row[1], ast.literal_eval(row[3])) for row in rows if row[0] != "left-out"]
    try:
        for number, (kind, expect, name) in enumerate(rows):
            if kind == "file" and expect != "problem" and name != b"hard-link.jpg":
                path = folder / os.fsdecode(name)
                times = path.stat()
                with path.open("ab") as file:
                    file.write(f"{number}".encode())  # after the end of the picture, where no decoder looks
                os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        yield Names(folder, rows)
    finally:
        subprocess.run([*script, "--remove", folder], check=True)


def test_every_name_is_kept_to_the_byte_and_what_is_no_picture_file_is_left_alone(names, new_data_dir):
    command = Command(new_data_dir)
    root = os.fsencode(names.folder)
    done = command("index", names.folder, "--json", obey=True)
    assert done.status == 0
    account = Account.of(command)
    by_name = {root + b"/" + name: (kind, expect) for kind, expect, name in names.rows}
    for path, (kind, expect) in by_name.items():
        if kind != "file" or path.startswith(root + b"/."):  # a leading dot hides a file, also that of "..\\..\\up.jpg"
            assert path not in account.sizes and path not in account.problems, path
        elif expect == "ok":
            assert account.sizes.get(path) == (24, 16), path
        elif expect == "problem":
            assert path in account.problems, path
    assert {Path(os.fsdecode(p)).name: c for p, (c, _) in account.problems.items()} == {
        "unreadable.jpg": "no-permission", "sparse-5GB.jpg": "too-large",
    }  # fmt: skip
    inside = {p for p in account.sizes if p.endswith(b"/inside.jpg")}
    assert len(inside) == 4  # all but the hidden and the locked folder

    hits = command("search", "grey", "-n", "1000", "--json").json["hits"]
    told = {base64.b64decode(h["path_bytes"]) if "path_bytes" in h else os.fsencode(h["path"]) for h in hits}
    raw = set(command("search", "grey", "-n", "1000", "-0").out[:-1].split(b"\0"))
    assert told == raw
    assert {p for p in account.sizes if p not in inside} - told <= {root + b"/hard-link.jpg", root + b"/target.jpg"}
    assert all(Path(os.fsdecode(p)).is_file() for p in told)

    again = command("index", "--json", obey=True).json
    assert {k: again[k] for k in ("encoded", "new", "changed", "moved", "copied", "removed")} == dict.fromkeys(
        ("encoded", "new", "changed", "moved", "copied", "removed"), 0
    )
    assert obeying_permissions() is None or again["problems"] <= 1
