"""Comparing what is on disk with what the catalog knows, and writing down the difference.

The rules that keep a library whole: "cannot be read now" is never "gone"; a folder that is away loses nothing; and when
more than a fifth of a folder's files are missing at once, they are shown as away instead of being forgotten.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from photosearch.catalog import Catalog, FileRow, FileStat, UsualRow
from photosearch.errors import ProblemCode
from photosearch.indexer.scan import Spelling, leaves_out, walk
from photosearch.indexer.volumes import volume_of
from photosearch.progress import CancelToken
from photosearch.records import FileState, Folder, FolderState

MASS_LOSS_SHARE = 0.2
MASS_LOSS_FILES = 50
"""Fewer missing files than this are believed: deleting one of three photos is not a lost drive."""
_Missing = tuple[int, bytes, FileRow]
"""Folder id, relative path and row of a file that is not on the disk."""
TRANSIENT = tuple(code for code in ProblemCode if code.transient)


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

    def __add__(self, other: Changes) -> Changes:
        return Changes(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


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
    missing: list[_Missing] = []
    arrivals: list[tuple[int, bytes, FileStat]] = []
    looked_at: list[Folder] = []
    for folder in catalog.folders.roots():
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
        spelling = Spelling(folder.path)
        asked = frozenset((b"",)) if whole else places[folder.id]  # type: ignore[index]
        for under in _without_nested(asked | {spelling.of(place) for place in asked if place}):
            rows = catalog.files.usual_rows(folder.id, under=under, device=identity[0])
            known = len(rows)
            try:
                if under and spelling.of(under) != under:
                    seen = _Seen(missing=list(rows))  # it has another spelling now, and is looked at under that
                else:
                    seen = _compare(folder, rows, under=under, device=identity[0], cancel=cancel)
            except OSError:
                continue  # the root went away just now; the next look says so
            if root_identity(folder.path) != identity:
                continue  # a drive was connected or taken away meanwhile, and what was seen is of both
            emptied = other_device and bool(known) and not seen.found
            if emptied:
                away += _set_away(catalog, folder, FolderState.AWAY)
                break
            found += seen.found
            arrivals += [(folder.id, rel, stat) for rel, stat in seen.new]
            if seen.touched:
                catalog.files.touch(seen.touched)
            if seen.returned:
                catalog.files.set_back(seen.returned)
            if seen.renumbered:
                catalog.files.renumber(seen.renumbered)
            if places is not None and seen.problems:
                # Events came from here: what had no permission may have been given it.
                catalog.files.retry(TRANSIENT, file_ids=seen.problems)
            changed += len(seen.touched)
            if places is not None and seen.linked:
                # The system tells of the name only under which a file was changed.
                changed += catalog.files.touch_links(seen.linked)
            back += len(seen.returned)
            if seen.missing:
                rest = catalog.files.snapshot(folder.id, under=under)
                missing += [(folder.id, rel, rest[rel]) for rel in seen.missing if rel in rest]
        if not emptied:
            looked_at.append(folder)
            if folder.state is not FolderState.HERE or (folder.device, folder.inode) != identity:
                catalog.folders.set_state(folder.id, FolderState.HERE, device=identity[0], inode=identity[1])
    if not (missing or arrivals):
        return Changes(found=found, changed=changed, went_away=away, came_back=back)
    with catalog.database.writing():  # nobody removes or excludes a folder between the question and the answer
        arrivals = _still_wanted(arrivals, looked_at, catalog.folders.roots())
        moves, arrivals, missing = _pair_moves(missing, arrivals)
        if moves:
            catalog.files.move(moves)
        by_folder: dict[int, list[tuple[bytes, FileStat]]] = {}
        for folder_id, rel, stat in arrivals:
            by_folder.setdefault(folder_id, []).append((rel, stat))
        for folder_id, files in by_folder.items():
            catalog.files.add(folder_id, files)
    for folder_id in {f for f, _, _ in missing}:
        ids = [row.id for f, _, row in missing if f == folder_id and row.state is not FileState.AWAY]
        if not ids:
            continue
        known_files, known_away = catalog.files.count_of(folder_id)
        # What is missing already counts: a tree that vanishes while it is looked at is lost piece by piece.
        lost = len(ids) + known_away
        if lost >= MASS_LOSS_FILES and lost > MASS_LOSS_SHARE * known_files:
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


@dataclass(slots=True)
class _Seen:
    """What a look at one place of a folder found, beside what the catalog knows of it."""

    found: int = 0
    new: list[tuple[bytes, FileStat]] = field(default_factory=list)
    touched: list[tuple[int, FileStat]] = field(default_factory=list)
    renumbered: list[tuple[int, FileStat]] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    problems: list[int] = field(default_factory=list)
    linked: list[FileStat] = field(default_factory=list)
    missing: list[bytes] = field(default_factory=list)


def _compare(folder: Folder, rows: dict[bytes, tuple], *, under: bytes, device: int, cancel: CancelToken) -> _Seen:
    """List a place and compare it with its rows (UsualRow), which are used up. device: the root's.

    The loop is what a look at an unchanged library consists of: per file one ``stat`` and one comparison.
    Raises Cancelled; OSError for the root itself.
    """
    seen = _Seen()
    unreadable: list[bytes] = []
    keeps_inodes = volume_of(folder.path, device).keeps_inodes
    excludes = [os.fsencode(e) for e in folder.excludes]
    found = 0
    for rel, status in walk(folder.path, under=under, excludes=excludes, unreadable=unreadable, cancel=cancel):
        found += 1
        known = rows.pop(rel, None)
        if (
            known is not None
            and known[2] == status.st_size
            and known[3] == status.st_mtime_ns
            and known[4] == status.st_ino
            and known[6] is None
            and known[5] is None
            and device == status.st_dev
        ):
            continue
        stat = FileStat.of(status)
        if known is None:
            seen.new.append((rel, stat))
            continue
        row = UsualRow._make(known)
        before = FileStat(row.size, row.mtime_ns, device if row.other_device is None else row.other_device, row.inode)
        was_away = row.other_state == FileState.AWAY
        if _differs(before, stat, keeps_inodes=keeps_inodes and not was_away):  # what is put back has another inode
            seen.touched.append((row.id, stat))
            if status.st_nlink > 1:
                seen.linked.append(stat)
            continue
        if was_away:
            seen.returned.append(row.id)
        elif row.other_state == FileState.PROBLEM:
            seen.problems.append(row.id)
        if before != stat:
            seen.renumbered.append((row.id, stat))
    seen.found = found
    seen.missing = [rel for rel in rows if not _hidden_by(rel, unreadable)]
    return seen


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
    return catalog.files.count_of(folder.id)[0] if folder.state is FolderState.HERE else 0


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


def _differs(known: FileStat, seen: FileStat, *, keeps_inodes: bool) -> bool:
    """Size or time changed, or another file of the same size and time took the place.

    Device numbers do not count, for they change with every mount; nor do inode numbers where they change as well (FAT,
    many network drives): a whole drive would be read again each time.
    """
    if known.size != seen.size or known.mtime_ns != seen.mtime_ns:
        return True
    return keeps_inodes and known.device == seen.device and known.inode != seen.inode


def _hidden_by(rel: bytes, unreadable: list[bytes]) -> bool:
    return any(rel == place or rel.startswith(place + b"/") for place in unreadable)


def _without_nested(places: frozenset[bytes]) -> list[bytes]:
    """The places that are not below another one of them."""
    kept: list[bytes] = []
    for place in sorted(places):
        if not kept or not place.startswith(kept[-1] + b"/"):
            kept.append(place)
    return kept


def _pair_moves(
    missing: list[_Missing], arrivals: list[tuple[int, bytes, FileStat]]
) -> tuple[list[tuple[int, int, bytes, FileStat]], list[tuple[int, bytes, FileStat]], list[_Missing]]:
    """A file that is missing here and the same inode, size and time that is new there: it was renamed or moved.

    Saves reading it again; what this cannot see (another drive, a file system without inodes) the hash will. So will
    it tell files of one size and time apart under new names: where copies are made and originals deleted by turns, a
    copy gets the inode number of the original before it.
    """
    left = {row.stat: (folder_id, rel, row) for folder_id, rel, row in missing if row.stat.inode}
    alike = Counter((row.stat.size, row.stat.mtime_ns) for _, _, row in missing)
    moves: list[tuple[int, int, bytes, FileStat]] = []
    others: list[tuple[int, bytes, FileStat]] = []
    for folder_id, rel, stat in arrivals:
        pair = left.get(stat) if stat.inode else None
        if pair is not None and (alike[stat.size, stat.mtime_ns] == 1 or _name(pair[1]) == _name(rel)):
            del left[stat]
            moves.append((pair[2].id, folder_id, rel, stat))
        else:
            others.append((folder_id, rel, stat))
    moved = {m[0] for m in moves}
    return moves, others, [m for m in missing if m[2].id not in moved]


def _name(rel: bytes) -> bytes:
    """Without its case, which is sometimes all that a renaming changes."""
    return rel.rsplit(b"/", 1)[-1].lower()


def root_identity(path: Path) -> tuple[int, int] | None:
    """(device, inode) of a root that is here, None where it is not. In the catalog's range of numbers."""
    try:
        status = path.stat()
    except OSError:
        return None
    stat = FileStat.of(status)
    return stat.device, stat.inode
