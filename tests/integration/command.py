"""The real ``photosearch`` command in a process of its own, and what it said."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photosearch.paths import ENVIRONMENT_OVERRIDE

PROGRAM = Path(sys.executable).with_name("photosearch")
LIMIT_SECONDS = 240.0
"""Far longer than any of these commands takes; a test asserts no time."""

_DROP_FROM_BOUNDING_SET = 24  # prctl(PR_CAPBSET_DROP)
_RIGHTS_THAT_PASS_PERMISSIONS = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: exit status, and the bytes of stdout and stderr."""

    status: int
    out: bytes
    err: bytes

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out.decode("utf-8"))

    @property
    def lines(self) -> list[str]:
        return self.out.decode("utf-8").splitlines()

    def sentence(self, *, status: int) -> str:
        """The one sentence on stderr of a command that ended with this status and printed nothing else."""
        text = self.err.decode("utf-8")
        assert "Traceback" not in text, text
        assert (self.status, self.out) == (status, b""), (self.status, self.out, text)
        assert text.startswith("photosearch: ") and text.endswith("\n") and text.count("\n") == 1, text
        assert all(c.isprintable() for c in text[:-1]), text
        assert text.rstrip().endswith((".", "?", "--help", "FOLDER", "NAME")), text
        return text.removeprefix("photosearch: ").rstrip("\n")


@dataclass(frozen=True)
class Command:
    """``photosearch`` on one data folder."""

    data_dir: Path

    def __call__(
        self, *arguments: str | bytes | Path, environment: Mapping[str, str] | None = None, obey: bool = False
    ) -> Outcome:
        """Run to the end. obey: file permissions count for it, also where the tests run as root."""
        done = subprocess.run(
            self.line(*arguments),
            capture_output=True,
            env=self.environment(environment),
            stdin=subprocess.DEVNULL,
            timeout=LIMIT_SECONDS,
            preexec_fn=obeying_permissions() if obey else None,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str | bytes | Path, **options: Any) -> subprocess.Popen[bytes]:
        """Begin; whoever starts it sees it end."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
        environment = self.environment(options.pop("environment", None))
        return subprocess.Popen(self.line(*arguments), env=environment, start_new_session=True, **options)

    def line(self, *arguments: str | bytes | Path) -> list[str | bytes | Path]:
        return [PROGRAM, "--data-dir", self.data_dir, *arguments]

    @staticmethod
    def environment(more: Mapping[str, str] | None) -> dict[str, str]:
        return {k: v for k, v in os.environ.items() if k != ENVIRONMENT_OVERRIDE} | dict(more or {})


def obeying_permissions() -> Callable[[], None] | None:
    """For ``preexec_fn``: root loses what lets it pass file permissions. None where there is nothing to lose."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    prctl = ctypes.CDLL(None).prctl

    def drop() -> None:
        for right in _RIGHTS_THAT_PASS_PERMISSIONS:
            prctl(_DROP_FROM_BOUNDING_SET, right, 0, 0, 0)

    return drop
