"""The user's choices: one table of names, defaults, ranges and help, and the file that keeps them.

The table is the truth for the settings dialog, the documentation and the checks. A file with an unknown name or a bad
value loses nothing: the entry is ignored with a line in the log, and stays in the file until that setting is changed.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

from photosearch.errors import SettingInvalid, SettingsUnwritable, display_path

log = logging.getLogger(__name__)

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. ``smallest`` and ``largest`` bound numbers; ``choices`` bound words.

    title: what the dialog calls it; empty where something else in the window sets it. choices: each word, and what the
    dialog calls it. zero: what the dialog calls the number 0. suggestions: some of the words that can be entered, and
    what is to be said of each.
    """

    name: str
    default: Value
    help: str
    title: str = ""
    smallest: int | None = None
    largest: int | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    zero: str = ""
    suggestions: Mapping[str, str] = field(default_factory=dict)

    def check(self, value: object) -> Value:
        """The value if it is allowed; raises SettingInvalid."""
        if type(value) is not type(self.default):
            raise SettingInvalid(f"The setting {self.name} takes a {type(self.default).__name__}, not {value!r}.")
        if self.choices and value not in self.choices:
            raise SettingInvalid(f"The setting {self.name} is one of {', '.join(self.choices)}, not {value!r}.")
        if self.smallest is not None and not self.smallest <= value <= self.largest:  # type: ignore[operator]
            raise SettingInvalid(f"The setting {self.name} goes from {self.smallest} to {self.largest}, not {value!r}.")
        return value  # type: ignore[return-value]


TABLE: dict[str, Setting] = {
    s.name: s
    for s in (
        Setting("model", "builtin", "Which model looks at photos: builtin, a model folder, or open_clip's NAME/TAG."
                " Another model looks at all photos anew; until it has, the one before answers for the rest.",
                title="Model", suggestions={
                    "builtin": "Comes with PhotoSearch: quick, and knows everyday things roughly.",
                    "ViT-B-32-256/datacomp_s34b_b86k": "Finds far more. About 605 MB to download.",
                    "ViT-B-16/datacomp_xl_s13b_b90k": "Looks closer, at three times the work for a photo. About 600 MB"
                    " to download.",
                    "ViT-L-14/datacomp_xl_s13b_b90k": "Knows most; for computers with a GPU, at fourteen times the"
                    " work for a photo. About 1.7 GB to download.",
                }),
        Setting("device", "auto", "What the model runs on. A GPU is used only where it proves itself.",
                title="Runs on", choices={"auto": "a GPU where one works", "cpu": "the processor"}),
        Setting("cores", 0, "How many of the processor's cores indexing may use.",
                title="Processor cores", smallest=0, largest=256, zero="all"),
        Setting("on_battery", "slow", "How indexing goes on while the computer runs on its battery.",
                title="On battery", choices={"slow": "slowly", "pause": "not at all", "full": "at full speed"}),
        Setting("max_megapixels", 250, "In megapixels. Pictures with more are listed as problems instead of decoded.",
                title="Largest picture", smallest=1, largest=2000),
        Setting("pair_raw_with_jpeg", True,
                "A raw file with a JPEG or HEIC of the same name beside it counts as one photo with it.",
                title="Count a raw file and its JPEG as one photo"),
        Setting("paused", False, "Indexing waits until it is resumed."),
        Setting("tile_px", 190, "Height of the thumbnails in the window, in pixels.", smallest=80, largest=420),
    )
}  # fmt: skip


class Settings:
    """The choices in ``file``, over the table's defaults. Safe to use from several threads.

    ``fault`` says in a sentence why the file is not used, where it is not. It is kept beside the new one when a setting
    is changed.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.fault: str | None = None
        self._lock = threading.Lock()
        self._values: dict[str, object] = {}
        try:
            self._values = tomllib.loads(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            self.fault = f"The settings in {display_path(file)} are not used ({error}). Mend or delete that file."
            log.warning("%s", self.fault)

    def __getitem__(self, name: str) -> Value:
        setting = TABLE[name]
        try:
            return setting.check(self._values.get(name, setting.default))
        except SettingInvalid as error:
            log.warning("%s", error)
            return setting.default

    def set(self, name: str, value: Value) -> None:
        """As ``change`` does, of one."""
        self.change({name: value})

    def change(self, values: Mapping[str, Value]) -> None:
        """Check all, then write and keep them. Raises SettingInvalid, SettingsUnwritable; then nothing is changed."""
        with self._lock:
            changed = self._values | {name: TABLE[name].check(value) for name, value in values.items()}
            if changed == self._values:
                return
            try:
                self._write(changed)
            except OSError as error:
                raise SettingsUnwritable(self._file, error.strerror or str(error)) from error
            self._values = changed

    def _write(self, values: Mapping[str, object]) -> None:
        """Write beside, then rename: a crash leaves the old file or the new one."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        if self.fault is not None:
            self._file.replace(self._file.with_name(f"{self._file.stem}-damaged{self._file.suffix}"))
            self.fault = None
        handle, temporary = tempfile.mkstemp(dir=self._file.parent, prefix=".settings-")
        try:
            with os.fdopen(handle, "wb") as out:
                tomli_w.dump(values, out)
                out.flush()
                os.fsync(out.fileno())
            Path(temporary).replace(self._file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
