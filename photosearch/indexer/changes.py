"""Comparing what is on disk with what the catalog knows, and writing down the difference.

The rules that keep a library whole: "cannot be read now" is never "gone"; a folder that is away loses nothing; and when
more than a fifth of a folder's files are missing at once, they are shown as away instead of being forgotten.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from photosearch.catalog import Catalog, FileRow, FileStat
from photosearch.indexer.scan import Walk, leaves_out, walk
from photosearch.progress import CancelToken
from photosearch.records import FileState, Folder, FolderState

MASS_LOSS_SHARE = 0.2
MASS_LOSS_FILES = 50
"""Fewer missing files than this are believed: deleting one of three photos is not a lost drive."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look at the folders found, in files."""

    found: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    went_away: int = 0
    came_back: int = 0

    @property
    def any(self) -> bool:
        return bool(self.new or self.changed or self.moved or self.removed or self.went_away or self.came_back)


def record_changes(
    catalog: Catalog,
    *,
    places: Mapping[int, frozenset[bytes]] | None = None,
    cancel: CancelToken,
) -> Changes:
    """Look at every folder (or only at ``places``: folder id → relative paths) and bring the catalog up to date.

    New and changed files become pending; nothing is read here but directories. Raises Cancelled.
    """
    found = changed = removed = away = back = 0
    missing: list[tuple[int, FileRow]] = []
    arrivals: list[tuple[int, bytes, FileStat]] = []
    looked_at: list[Folder] = []
    for folder in catalog.folders.all():
        if places is not None and folder.id not in places:
            continue
        present, how_many = _root_is_here(catalog, folder)
        away += how_many
        identity = root_identity(folder.path)
        if not present or identity is None:
            continue
        other_device = folder.device is not None and identity[0] != folder.device
        whole = places is None or b"" in places[folder.id] or folder.state is not FolderState.HERE or other_device
        emptied = False
        for under in (b"",) if whole else _without_nested(places[folder.id]):  # type: ignore[index]
            excludes = [os.fsencode(e) for e in folder.excludes]
            try:
                seen = walk(folder.path, under=under, excludes=excludes, cancel=cancel)
            except OSError:
                continue  # the root went away just now; the next look says so
            if root_identity(folder.path) != identity:
                continue  # a drive was connected or taken away meanwhile, and what was seen is of both
            rows = catalog.files.snapshot(folder.id, under=under)
            emptied = other_device and bool(rows) and not seen.files
            if emptied:
                away += _set_away(catalog, folder, FolderState.AWAY)
                break
            found += len(seen.files)
            touched: list[tuple[int, FileStat]] = []
            returned: list[int] = []
            renumbered: list[tuple[int, FileStat]] = []
            for rel, stat in seen.files.items():
                row = rows.get(rel)
                if row is None:
                    arrivals.append((folder.id, rel, stat))
                elif _differs(row.stat, stat):
                    touched.append((row.id, stat))
                else:
                    if row.state is FileState.AWAY:
                        returned.append(row.id)
                    if row.stat != stat:
                        renumbered.append((row.id, stat))
            gone = [row for rel, row in rows.items() if rel not in seen.files and not _hidden_by(rel, seen)]
            if touched:
                catalog.files.touch(touched)
            if returned:
                catalog.files.set_back(returned)
            if renumbered:
                catalog.files.renumber(renumbered)
            changed += len(touched)
            back += len(returned)
            missing += [(folder.id, row) for row in gone]
        if not emptied:
            looked_at.append(folder)
            if folder.state is not FolderState.HERE or (folder.device, folder.inode) != identity:
                catalog.folders.set_state(folder.id, FolderState.HERE, device=identity[0], inode=identity[1])
    with catalog.database.writing():  # nobody removes or excludes a folder between the question and the answer
        arrivals = _still_wanted(arrivals, looked_at, catalog.folders.all())
        moves, arrivals, missing = _pair_moves(missing, arrivals)
        if moves:
            catalog.files.move(moves)
        by_folder: dict[int, list[tuple[bytes, FileStat]]] = {}
        for folder_id, rel, stat in arrivals:
            by_folder.setdefault(folder_id, []).append((rel, stat))
        for folder_id, files in by_folder.items():
            catalog.files.add(folder_id, files)
    for folder_id in {f for f, _ in missing}:
        ids = [row.id for f, row in missing if f == folder_id and row.state is not FileState.AWAY]
        if not ids:
            continue
        known = len(catalog.files.snapshot(folder_id))
        if len(ids) >= MASS_LOSS_FILES and len(ids) > MASS_LOSS_SHARE * known:
            catalog.files.set_away(folder_id, file_ids=ids)
            away += len(ids)
        else:
            catalog.files.remove(ids)
            removed += len(ids)
    return Changes(
        found=found,
        new=len(arrivals),
        changed=changed,
        moved=len(moves),
        removed=removed,
        went_away=away,
        came_back=back,
    )


def _root_is_here(catalog: Catalog, folder: Folder) -> tuple[bool, int]:
    """Whether the root can be listed; where it cannot, its files become away. Returns how many that were."""
    try:
        with os.scandir(folder.path):
            pass
        return True, 0
    except PermissionError:
        state = FolderState.UNREADABLE
    except OSError:
        state = FolderState.AWAY
    return False, _set_away(catalog, folder, state)


def _set_away(catalog: Catalog, folder: Folder, state: FolderState) -> int:
    """The root is not there; returns how many files are away since now."""
    if folder.state is state:
        return 0
    catalog.folders.set_state(folder.id, state, device=folder.device, inode=folder.inode)
    catalog.files.set_away(folder.id)
    return len(catalog.files.snapshot(folder.id)) if folder.state is FolderState.HERE else 0


def _still_wanted(
    arrivals: list[tuple[int, bytes, FileStat]], before: list[Folder], now: list[Folder]
) -> list[tuple[int, bytes, FileStat]]:
    """Without what the user removed or excluded while it was looked at."""
    excludes = {f.id: f.excludes for f in now}
    for folder in before:
        if excludes.get(folder.id) != folder.excludes:
            left_out = [os.fsencode(e) for e in excludes.get(folder.id, ())]
            arrivals = [
                a for a in arrivals if a[0] != folder.id or (folder.id in excludes and not leaves_out(a[1], left_out))
            ]
    return arrivals


def _differs(known: FileStat, seen: FileStat) -> bool:
    """Size or time changed. Device and inode numbers do not count: device numbers change with every mount, and on FAT
    and many network drives inodes do as well, so that a whole drive would be read again each time."""
    return known.size != seen.size or known.mtime_ns != seen.mtime_ns


def _hidden_by(rel: bytes, seen: Walk) -> bool:
    return any(rel == place or rel.startswith(place + b"/") for place in seen.unreadable)


def _without_nested(places: frozenset[bytes]) -> list[bytes]:
    """The places that are not below another one of them."""
    kept: list[bytes] = []
    for place in sorted(places):
        if not kept or not place.startswith(kept[-1] + b"/"):
            kept.append(place)
    return kept


def _pair_moves(
    missing: list[tuple[int, FileRow]], arrivals: list[tuple[int, bytes, FileStat]]
) -> tuple[list[tuple[int, int, bytes, FileStat]], list[tuple[int, bytes, FileStat]], list[tuple[int, FileRow]]]:
    """A file that is missing here and the same inode, size and time that is new there: it was renamed or moved.

    Saves reading it again; what this cannot see (another drive, a file system without inodes) the hash will.
    """
    left = {row.stat: (folder_id, row) for folder_id, row in missing if row.stat.inode}
    moves: list[tuple[int, int, bytes, FileStat]] = []
    others: list[tuple[int, bytes, FileStat]] = []
    for folder_id, rel, stat in arrivals:
        pair = left.pop(stat, None) if stat.inode else None
        if pair is None:
            others.append((folder_id, rel, stat))
        else:
            moves.append((pair[1].id, folder_id, rel, stat))
    moved = {m[0] for m in moves}
    return moves, others, [(f, row) for f, row in missing if row.id not in moved]


def root_identity(path: Path) -> tuple[int, int] | None:
    """(device, inode) of a root that is here, None where it is not. In the catalog's range of numbers."""
    try:
        status = path.stat()
    except OSError:
        return None
    stat = FileStat.of(status)
    return stat.device, stat.inode
