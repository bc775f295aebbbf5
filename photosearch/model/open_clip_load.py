"""Builds an open_clip model with one copy of its weights in memory. Encoder process only.

open_clip fills a new model with random numbers, reads the file, and copies that over them: twice the weights. Here the
random numbers are left out, as all of them are overwritten, and what was read becomes the model's instead of being
copied. Of a safetensors file that is a mapping, which the system can drop and read again when memory is short. All else
is open_clip's own way; and where this does not go well for whatever reason, that way is taken as it is.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip import factory
from torch.overrides import TorchFunctionMode

log = logging.getLogger(__name__)

_WRITTEN_BY_NUMBERS = {".npz", ".npy"}
"""open_clip writes what it finds in these into the model, and leaves the rest as it was."""
_FILLING = frozenset(
    f"{name}_" for name in ("add", "clamp", "copy", "div", "erfinv", "fill", "mul", "normal", "sub", "uniform", "zero")
)


def create(name: str, tag: str | None) -> torch.nn.Module:
    """As ``open_clip.create_model_and_transforms`` does on the CPU. Raises what that raises."""
    try:
        with _one_copy() as first_values:
            model = _as_open_clip_does(name, tag)
        if first_values.overwritten:
            return model
        reason = "it has no weights in one file"
    except Exception as error:  # what is wrong with the files is found again below
        reason = " ".join(str(error).split())[:200] or type(error).__name__
    log.debug("%s is loaded with two copies of its weights: %s", name, reason)
    return _as_open_clip_does(name, tag)


def _as_open_clip_does(name: str, tag: str | None) -> torch.nn.Module:
    return open_clip.create_model_and_transforms(name, pretrained=tag, device="cpu")[0]


class _FirstValues(TorchFunctionMode):
    """Until they are overwritten, nothing is written into parameters; memory that nobody touches is not taken."""

    overwritten = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        fills = getattr(func, "__module__", "") == "torch.nn.init" or getattr(func, "__name__", "") in _FILLING
        if fills and not self.overwritten:
            target = args[0] if args else kwargs.get("tensor")
            if isinstance(target, torch.nn.Parameter):
                return target
        return func(*args, **kwargs)


@contextlib.contextmanager
def _one_copy() -> Iterator[_FirstValues]:
    plain = factory.load_checkpoint

    def load_checkpoint(model: Any, checkpoint_path: str, *args: Any, strict: bool = True, **kwargs: Any) -> Any:
        if not strict or Path(checkpoint_path).suffix in _WRITTEN_BY_NUMBERS or not _can_be_assigned(model):
            raise ValueError("open_clip may not overwrite all that there is")
        first_values.overwritten = True
        model.load_state_dict = lambda state, strict: _assign(model, state, strict=strict)
        try:
            return plain(model, checkpoint_path, *args, strict=strict, **kwargs)
        finally:
            del model.load_state_dict

    factory.load_checkpoint = load_checkpoint
    try:
        with _FirstValues() as first_values:
            yield first_values
    finally:
        factory.load_checkpoint = plain


def _can_be_assigned(model: torch.nn.Module) -> bool:
    """Not where two names share a parameter, which assigning would part, or where a class loads in its own way."""
    names = sum(1 for _ in model.named_parameters(remove_duplicate=False))
    return type(model).load_state_dict is torch.nn.Module.load_state_dict and names == len(list(model.parameters()))


def _assign(model: torch.nn.Module, state: dict[str, Any], *, strict: bool) -> Any:
    """Let what was read take the place of the model's parameters, in the type that those have."""
    own: Mapping[str, Any] = model.state_dict()
    for name, value in state.items():
        if isinstance(value, torch.Tensor) and isinstance(own.get(name), torch.Tensor):
            value = value.detach().to(own[name].dtype).contiguous()
            state[name] = value if value.data_ptr() % value.element_size() == 0 else value.clone()
    return torch.nn.Module.load_state_dict(model, state, strict=strict, assign=True)
