"""Every error PhotoSearch raises on purpose.

    PhotoSearchError
    ├── WorldError                 the world is not as asked: shown calmly, never with a traceback
    │   ├── FolderError            FolderMissing, NotAFolder, FolderUnreadable, FolderOverlap, FolderUnknown
    │   ├── PhotoError             one picture file cannot be used; carries a ProblemCode
    │   ├── QueryError             nothing to search for, or a picture that cannot be used as a query
    │   ├── ModelUnavailable       the model's files are missing, incomplete or damaged; ModelNotHere
    │   ├── LibraryError           LibraryBusy, LibraryTooNew, CatalogDamaged, DataFolderUnusable, DiskFull,
    │   │                          SettingsUnwritable
    │   ├── SettingInvalid         a value outside the settings table
    │   └── NoDisplay              a window was asked for where none can be shown
    ├── IndexDamaged               the vector index file cannot be trusted; it is rebuilt, nobody is asked
    ├── EncoderLost                the encoder process ended; it is started again
    └── Cancelled                  the user stopped it

An error carries facts as fields and a sentence that says what, which file, why, and what to do. Only ``cli`` and
``ui`` show it.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path


def display_path(path: str | bytes | os.PathLike) -> str:
    """A path as one line of text for people: undecodable bytes and control characters are escaped."""
    text = os.fsdecode(path)
    return "".join(
        c
        if c.isprintable()
        else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        if not 0xDC80 <= ord(c) <= 0xDCFF
        else f"\\x{ord(c) - 0xDC00:02x}"
        for c in text
    )


class ProblemCode(StrEnum):
    """Why a picture file is not searchable. The value is stored in the catalog: never rename one."""

    EMPTY = "empty"
    DAMAGED = "damaged"
    NOT_A_PICTURE = "not-a-picture"
    NO_CODEC = "no-codec"
    TOO_LARGE = "too-large"
    TOO_SLOW = "too-slow"
    OUT_OF_MEMORY = "out-of-memory"
    DECODER_CRASHED = "decoder-crashed"
    NO_PERMISSION = "no-permission"
    READ_FAILED = "read-failed"
    NOT_A_FILE = "not-a-file"
    ENCODER_FAILED = "encoder-failed"

    @property
    def transient(self) -> bool:
        """True when the file could not be read *now*: it is not gone, and what is known of it stays."""
        return self in (ProblemCode.NO_PERMISSION, ProblemCode.READ_FAILED)


class PhotoSearchError(Exception):
    """Root of the tree."""


class WorldError(PhotoSearchError):
    """The world is not as asked; the message is a sentence for the user."""


class FolderError(WorldError):
    """A folder cannot be used. ``path`` is the folder."""

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path


class FolderMissing(FolderError):
    def __init__(self, path: Path) -> None:
        super().__init__(path, f"There is no folder {display_path(path)}. Check the spelling, or connect its drive.")


class NotAFolder(FolderError):
    def __init__(self, path: Path) -> None:
        super().__init__(path, f"{display_path(path)} is a file, not a folder. Give the folder that holds it.")


class FolderUnreadable(FolderError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            path, f"The folder {display_path(path)} cannot be read ({reason}). Give yourself permission to read it."
        )


class FolderOverlap(FolderError):
    def __init__(self, path: Path, other: Path) -> None:
        super().__init__(
            path,
            f"{display_path(path)} holds the folder {display_path(other)}, which is in the library already."
            " Remove that one first, then add the larger one: nothing will be encoded again.",
        )
        self.other = other


class FolderUnknown(FolderError):
    def __init__(self, path: Path) -> None:
        super().__init__(
            path, f"{display_path(path)} is not in the library. `photosearch folders` lists the folders that are."
        )


class PhotoError(WorldError):
    """One picture file cannot be used. ``code`` says why for programs, the message says it for people."""

    def __init__(self, code: ProblemCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    def __reduce__(self):
        return type(self), (self.code, self.reason)


class QueryError(WorldError):
    """The query cannot be answered."""


class ModelUnavailable(WorldError):
    """The model cannot be loaded. ``name`` is what was asked for."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The model {name} cannot be used: {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self):
        return type(self), (self.name, self.reason)


class ModelNotHere(ModelUnavailable):
    """A NAME/TAG model whose weights are not on this computer; ``name`` is what to download."""

    def __init__(self, name: str) -> None:
        super().__init__(
            name,
            "its weights are not on this computer. Download them once, in the window or with"
            f" `photosearch models download {name}`.",
        )

    def __reduce__(self):
        return type(self), (self.name,)


class LibraryError(WorldError):
    """The library's own files cannot be used. ``path`` is the file or folder."""

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path


class LibraryBusy(LibraryError):
    def __init__(self, path: Path, owner: str) -> None:
        super().__init__(
            path,
            f"Another PhotoSearch ({owner}) is working on the library in {display_path(path)}."
            " Use that one, or close it and try again.",
        )


class LibraryTooNew(LibraryError):
    def __init__(self, path: Path, *, found: int, known: int) -> None:
        super().__init__(
            path,
            f"The catalog {display_path(path)} was written by a newer PhotoSearch (version {found}, this one knows"
            f" {known}). Update PhotoSearch; nothing was changed.",
        )
        self.found, self.known = found, known


class CatalogDamaged(LibraryError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            path,
            f"The catalog {display_path(path)} is damaged ({reason}). `photosearch doctor --repair` restores it;"
            " your photos are not touched.",
        )
        self.reason = reason


class DataFolderUnusable(LibraryError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            path,
            f"PhotoSearch cannot keep its data in {display_path(path)} ({reason})."
            " Make it writable, or choose another folder with --data-dir.",
        )


class DiskFull(LibraryError):
    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            f"The disk that holds {display_path(path)} is full. What was indexed is kept;"
            " free some space and start indexing again.",
        )


class SettingsUnwritable(LibraryError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            path,
            f"The settings cannot be written to {display_path(path)} ({reason}), so they stay as they were."
            " Make room there, or give yourself permission to write there.",
        )
        self.reason = reason


class SettingInvalid(WorldError):
    """A setting's value is not allowed."""


class NoDisplay(WorldError):
    """There is no screen to open a window on."""


class IndexDamaged(PhotoSearchError):
    """The index file fails its manifest or checksum; the index is rebuilt from the catalog."""


class EncoderLost(PhotoSearchError):
    """The encoder process ended without an answer."""


class Cancelled(PhotoSearchError):
    """The user, or the end of the program, stopped the work."""
