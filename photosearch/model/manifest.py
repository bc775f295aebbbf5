"""Which model is meant, whether its files are there, and what it is called in the catalog. No torch is imported here.

A model's identity names the space its vectors lie in: architecture, weights and preprocessing, by digest. Two files
that differ in one byte are two models, whatever their folder or tag is called.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from photosearch.errors import ModelUnavailable, display_path
from photosearch.model.json_files import read_json, write_json
from photosearch.model.preprocess import Preprocess
from photosearch.paths import resource

BUILTIN = "builtin"
CONFIG_NAME = "open_clip_config.json"

_BUILTIN_FOLDER = "photosearch-mini"
_LOCAL_PREFIX = "local-dir:"
# open_clip's own order (factory.py, _find_checkpoint_in_dir): these names first, then any file with these endings.
_WEIGHTS_NAMES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.pth",
    "model.pth",
)
_WEIGHTS_SUFFIXES = (".safetensors", ".bin", ".pth")
_CONFIG_KEYS = ("embed_dim", "vision_cfg", "text_cfg")
_DIGEST_LETTERS = 12
_DIGESTS = "digests.json"
_LABEL_LETTERS = 60


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that was asked for. ``name`` asks for the same one again.

    kind ``folder``: ``folder`` is set, and ``identity`` is known. kind ``pretrained``: ``architecture`` and ``tag`` are
    open_clip's, and ``identity`` is None until the weights were loaded (see ModelInfo).
    """

    name: str
    kind: Literal["folder", "pretrained"]
    folder: Path | None = None
    architecture: str | None = None
    tag: str | None = None
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A loaded model. ``dim`` is the length of its vectors; ``batch`` is how many images suit the device at once."""

    identity: str
    name: str
    dim: int
    preprocess: Preprocess
    device: str
    """``cpu``, ``mps``, or ``cuda:0`` and the name of the GPU."""
    precision: str
    """``fp32`` or ``fp16`` (PyTorch's), ``ONNX Runtime fp32`` or ``ONNX Runtime int8``."""
    batch: int


def resolve(name: str, *, cache: Path | None = None) -> ModelSpec:
    """What ``name`` means: ``builtin``, a model folder (``local-dir:PATH`` or a path), or ``NAME/TAG`` of open_clip.

    A folder's weights are read once for their digest, which is remembered in the folder ``cache`` where that exists: a
    gigabyte takes seconds to read. Raises ModelUnavailable with a sentence that says what is
    missing; whether open_clip knows the tag, and has its weights on this computer, is found when the model is loaded.
    """
    name = name.strip()
    if not name or name.lower() == BUILTIN:
        return _from_folder(resource("models", _BUILTIN_FOLDER), BUILTIN, cache)
    if name.startswith(_LOCAL_PREFIX):
        folder = _absolute(name.removeprefix(_LOCAL_PREFIX))
        return _from_folder(folder, str(folder), cache)
    folder = _absolute(name)
    if os.path.lexists(folder) or _looks_like_a_path(name):
        return _from_folder(folder, str(folder), cache)
    return _from_open_clip(name)


def find_weights(folder: Path) -> Path | None:
    """The weights file open_clip takes from a model folder."""
    files = sorted(p for p in folder.iterdir() if p.suffix in _WEIGHTS_SUFFIXES and p.is_file())
    by_name = {p.name: p for p in files}
    for name in _WEIGHTS_NAMES:
        if name in by_name:
            return by_name[name]
    files.sort(key=lambda p: p.suffix != ".safetensors")
    return files[0] if files else None


def folder_identity(folder: Path, *, name: str, cache: Path | None = None) -> str:
    """Identity of a model folder. Raises ModelUnavailable where a file is missing or not what it should be."""
    shown = display_path(folder)
    try:
        if not folder.is_dir():
            if os.path.lexists(folder):
                raise ModelUnavailable(name, f"{shown} is a file, not a model folder.")
            raise ModelUnavailable(name, f"there is no folder {shown}. Check the spelling, or connect its drive.")
        config = _read_config(folder / CONFIG_NAME, name)
        weights = find_weights(folder)
        if weights is None:
            raise ModelUnavailable(
                name, f"{shown} holds no weights. Put {_WEIGHTS_NAMES[0]} or {_WEIGHTS_NAMES[2]} beside {CONFIG_NAME}."
            )
        digest = file_digest(weights, cache=cache)
    except OSError as error:
        raise ModelUnavailable(name, f"{shown} cannot be read ({error.strerror or error}).") from error
    return identity_of(_architecture_label(config["model_cfg"]), config, digest)


def _architecture_label(model_cfg: Mapping) -> str:
    """A readable name for a folder's architecture; not the folder's own name, for renaming makes no other model."""
    vision = model_cfg["vision_cfg"]
    name = vision.get("timm_model_name") or f"vit-{vision.get('layers', '')}-{vision.get('patch_size', '')}"
    return f"{name}-{vision.get('image_size', '')}"


def identity_of(label: str, config: Mapping, weights_digest: str) -> str:
    """A readable label, then a digest of what decides the vectors.

    config: all of the model's configuration, preprocessing included, as plain JSON values.
    """
    facts = json.dumps([config, weights_digest], sort_keys=True, separators=(",", ":"))
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-.")[:_LABEL_LETTERS] or "model"
    return f"{readable}-{hashlib.sha256(facts.encode()).hexdigest()[:_DIGEST_LETTERS]}"


def file_digest(file: Path, *, cache: Path | None = None) -> str:
    """SHA-256 of a file, in hex. Remembered in this process, and in the folder ``cache`` for the next, until the file's
    size, time or inode changes."""
    facts = file.stat()
    if cache is None or not cache.is_dir():
        return _file_digest(file, facts.st_size, facts.st_mtime_ns)
    notes, mark = cache / _DIGESTS, [facts.st_size, facts.st_mtime_ns, facts.st_ino]
    known = read_json(notes)
    known = known if isinstance(known, dict) else {}
    entry = known.get(os.fspath(file))
    if isinstance(entry, dict) and entry.get("file") == mark and isinstance(entry.get("sha256"), str):
        return entry["sha256"]
    digest = _file_digest(file, facts.st_size, facts.st_mtime_ns)
    with contextlib.suppress(OSError, UnicodeEncodeError):  # a cache that cannot be written costs time, no more
        write_json(notes, known | {os.fspath(file): {"file": mark, "sha256": digest}})
    return digest


@functools.lru_cache(maxsize=16)
def _file_digest(file: Path, _size: int, _mtime_ns: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """`` Did you mean A or B?`` with what looks most like ``wrong``, or nothing."""
    by_lower = {k.lower(): k for k in known}
    close = [by_lower[k] for k in difflib.get_close_matches(wrong.lower(), by_lower, n=3, cutoff=0.5)]
    return f" Did you mean {' or '.join(close)}?" if close else ""


def _from_folder(folder: Path, name: str, cache: Path | None) -> ModelSpec:
    shown = BUILTIN if name == BUILTIN else display_path(folder)
    identity = folder_identity(folder, name=shown, cache=cache)
    return ModelSpec(name=name, kind="folder", folder=folder, identity=identity)


def _read_config(file: Path, name: str) -> dict:
    shown = display_path(file)
    if not file.is_file():
        raise ModelUnavailable(
            name, f"{display_path(file.parent)} is not a model folder of open_clip: it holds no {CONFIG_NAME}."
        )
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ModelUnavailable(name, f"{shown} is not readable as JSON ({error}).") from error
    model = config.get("model_cfg") if isinstance(config, dict) else None
    if not isinstance(model, dict):
        raise ModelUnavailable(name, f'{shown} has no "model_cfg" section, so it is not a configuration of open_clip.')
    for key in _CONFIG_KEYS:
        if key not in model:
            raise ModelUnavailable(name, f'{shown} lacks "{key}" in its "model_cfg" section.')
    return {"model_cfg": model, "preprocess_cfg": config.get("preprocess_cfg")}


def _from_open_clip(name: str) -> ModelSpec:
    known = _architectures(name)
    separator = ":" if ":" in name else "/"
    asked, found, tag = name.rpartition(separator)
    if not found:
        asked, tag = name, ""
    # open_clip spells ViT-B/32 as ViT-B-32.
    spelled = {k.lower(): k for k in known}
    architecture = spelled.get(asked.replace("/", "-").lower())
    whole = spelled.get(name.replace("/", "-").lower())
    if architecture is None and whole is not None:
        architecture, tag = whole, ""
    if architecture is None:
        raise ModelUnavailable(
            display_path(name),
            "there is no such folder, and open_clip knows no architecture of that name."
            + did_you_mean(asked.replace("/", "-"), (BUILTIN, *known)),
        )
    if not tag:
        raise ModelUnavailable(
            display_path(name),
            f"say which weights to use with it, for example {architecture}/TAG with a tag open_clip lists for it.",
        )
    return ModelSpec(name=f"{architecture}/{tag}", kind="pretrained", architecture=architecture, tag=tag)


def _architectures(name: str) -> list[str]:
    """Names in open_clip's folder of configurations, found without importing it (that would import torch)."""
    spec = importlib.util.find_spec("open_clip")
    if spec is None or not spec.submodule_search_locations:
        raise ModelUnavailable(display_path(name), "open_clip is not installed. Install PhotoSearch again.")
    return sorted(p.stem for p in (Path(spec.submodule_search_locations[0]) / "model_configs").glob("*.json"))


def _absolute(path: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:  # ~nobody: no such home
        return Path(path).absolute()


def _looks_like_a_path(name: str) -> bool:
    return name.startswith((".", "~", "/", "\\")) or "\\" in name or bool(re.match(r"[A-Za-z]:[/\\]", name))
