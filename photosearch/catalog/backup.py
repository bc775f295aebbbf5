"""Rolling copies of the catalog, checking it, and putting the newest good copy back."""

from __future__ import annotations

import datetime
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from photosearch.catalog.database import NOT_DAMAGE, Database, explain, primary_code
from photosearch.errors import CatalogDamaged

KEPT_COPIES = 3
_COPIES = "catalog-????-??-??.sqlite3"


def keep_daily(database: Database, folder: Path) -> Path | None:
    """Copy the catalog to ``folder`` unless today's copy is there; the oldest beyond KEPT_COPIES go.

    A copy of a damaged catalog replaces no good one: it raises CatalogDamaged. Raises OSError as well.
    """
    target = folder / f"catalog-{datetime.date.today():%Y-%m-%d}.sqlite3"
    if target.exists():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        database.copy_to(unfinished)
        if fault := fault_in(unfinished):
            raise CatalogDamaged(database.path, fault)
        unfinished.replace(target)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            unfinished.with_name(unfinished.name + suffix).unlink(missing_ok=True)
    for old in sorted(folder.glob(_COPIES))[:-KEPT_COPIES]:
        old.unlink()
    return target


def keep_before_migration(catalog: Path, folder: Path, *, version: int) -> None:
    """Copy the file as it is, before its tables change."""
    folder.mkdir(parents=True, exist_ok=True)
    source = sqlite3.connect(catalog)
    try:
        copy = sqlite3.connect(folder / f"catalog-version-{version}.sqlite3")
        try:
            source.backup(copy)
        finally:
            copy.close()
    finally:
        source.close()


def was_emptied(catalog: Path, folder: Path) -> bool:
    """True for a file of no bytes that has good copies: SQLite would take it for a new database and begin anew."""
    journal = catalog.with_name(catalog.name + "-wal")
    try:
        return (
            not catalog.stat().st_size
            and not (journal.exists() and journal.stat().st_size)
            and any(folder.glob(_COPIES))
        )
    except OSError:
        return False


def fault_in(catalog: Path) -> str | None:
    """What SQLite finds wrong with a catalog file, None where it is sound.

    Raises LibraryBusy or DataFolderUnusable where it cannot be looked at now, which says nothing about the file.
    """
    try:
        connection = sqlite3.connect(catalog.absolute().as_uri() + "?mode=ro", uri=True)
        try:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            connection.execute("SELECT count(*) FROM photo").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        if primary_code(error) in NOT_DAMAGE:
            raise explain(error, catalog) from error
        return str(error)
    return None if answer == "ok" else str(answer)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a repair did: the copy that was put back (None: a new catalog begins), and where the damaged file went."""

    copy: Path | None
    damaged: Path


def restore(catalog: Path, folder: Path) -> Restored:
    """Move the damaged catalog aside and put the newest sound copy in its place. The damaged file is kept.

    The copy is complete before anything moves, so that a full disk does not leave an empty library. Raises OSError.
    """
    good = next((c for c in sorted(folder.glob(_COPIES), reverse=True) if fault_in(c) is None), None)
    unfinished = catalog.with_name(catalog.name + ".restoring")
    if good is not None:
        try:
            shutil.copyfile(good, unfinished)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    damaged = catalog.with_name(f"{catalog.stem}-damaged-{stamp}{catalog.suffix}")
    catalog.replace(damaged)
    for suffix in ("-wal", "-shm"):
        beside = catalog.with_name(catalog.name + suffix)
        if beside.exists():
            beside.replace(damaged.with_name(damaged.name + suffix))
    if good is not None:
        unfinished.replace(catalog)
    return Restored(copy=good, damaged=damaged)
