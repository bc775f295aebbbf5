"""Parts of an image tower in forms that an export runs faster: the same arithmetic from the same weights.

torch's own attention becomes a graph that works out shapes at every run, the convolution that cuts a picture into
patches is none of the matrix products that int8 speeds up, and of what the last block makes, often only the first token
is used. Encoder process only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import nn

_PATCH_FROM_PX = 8
"""Smaller ones are steps of convolutional towers."""


class _Attention(nn.Module):
    """nn.MultiheadAttention of a sequence with itself, without a mask; float32 [n, length, width] in and out."""

    def __init__(self, own: nn.MultiheadAttention) -> None:
        super().__init__()
        self._width, self._heads = own.embed_dim, own.num_heads
        self.into = nn.Linear(1, 1, bias=own.in_proj_bias is not None)
        self.into.weight, self.into.bias = own.in_proj_weight, own.in_proj_bias
        self.out = own.out_proj

    def forward(
        self, x: torch.Tensor, keys_of: torch.Tensor, values_of: torch.Tensor, *, need_weights: bool, attn_mask: None
    ) -> tuple[torch.Tensor, None]:
        if not (keys_of is x and values_of is x) or need_weights or attn_mask is not None:
            raise ValueError("this attention is not of the plain kind")
        return self.of_tokens(x, int(x.shape[1])), None

    def of_tokens(self, x: torch.Tensor, count: int) -> torch.Tensor:
        """What the first ``count`` tokens attend to: [n, count, width]."""
        length, each = int(x.shape[1]), self._width // self._heads
        parts = self.into(x).reshape(-1, length, 3, self._heads, each)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4).unbind()
        weights = (queries[:, :, :count] * each**-0.5 @ keys.transpose(-1, -2)).softmax(dim=-1)
        return self.out((weights @ values).transpose(1, 2).reshape(-1, count, self._width))


class _LastBlock(nn.Module):
    """A block of which only the first token is wanted; float32 [n, length, width] in, [n, 1, width] out."""

    def __init__(self, own: ResidualAttentionBlock, attention: _Attention) -> None:
        super().__init__()
        self.attention = attention
        self.ln_1, self.ls_1, self.ln_2, self.ls_2, self.mlp = own.ln_1, own.ls_1, own.ln_2, own.ls_2, own.mlp

    def forward(self, x: torch.Tensor, attn_mask: None = None) -> torch.Tensor:
        if attn_mask is not None:
            raise ValueError("this attention is not of the plain kind")
        x = x[:, :1] + self.ls_1(self.attention.of_tokens(self.ln_1(x), 1))
        return x + self.ls_2(self.mlp(self.ln_2(x)))


class _Patches(nn.Module):
    """A convolution whose steps are as wide as its window, as one product; float32 [n, channels, height, width] in."""

    def __init__(self, own: nn.Conv2d) -> None:
        super().__init__()
        self._window = own.kernel_size
        self.product = nn.Linear(1, 1, bias=own.bias is not None)
        self.product.weight = nn.Parameter(own.weight.detach().flatten(1), requires_grad=False)  # not a copy
        self.product.register_parameter("bias", own._parameters["bias"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        high, wide = self._window
        _, channels, height, width = map(int, x.shape)
        rows, columns = height // high, width // wide
        x = x[:, :, : rows * high, : columns * wide].reshape(-1, channels, rows, high, columns, wide)
        x = self.product(x.permute(0, 2, 4, 1, 3, 5).reshape(-1, rows * columns, channels * high * wide))
        return x.transpose(1, 2).reshape(-1, self.product.weight.shape[0], rows, columns)


@contextmanager
def plain(tower: nn.Module) -> Iterator[None]:
    """Within this the parts of ``tower`` that have such a form take it; they share their weights with the others."""
    swapped = [
        (parent, name, form)
        for parent in tower.modules()
        for name, part in parent.named_children()
        if (form := _form_of(parent, part)) is not None
    ]
    if (last := _last_block(tower)) is not None:
        swapped.append(last)
    own = [getattr(parent, name) for parent, name, _ in swapped]
    try:
        for parent, name, form in swapped:
            setattr(parent, name, form)
        yield
    finally:
        for (parent, name, _), part in zip(swapped, own, strict=True):
            setattr(parent, name, part)


def _form_of(parent: nn.Module, part: nn.Module) -> nn.Module | None:
    if isinstance(part, nn.MultiheadAttention):
        # Which arguments a block of another kind gives its attention is not known.
        alike = type(parent) is ResidualAttentionBlock and not hasattr(parent, "ln_1_kv")
        whole = part.in_proj_weight is not None and part.bias_k is None and not part.add_zero_attn
        return _Attention(part) if alike and whole and part.batch_first else None
    if isinstance(part, nn.Conv2d):
        steps = part.stride == part.kernel_size and part.padding == (0, 0) and part.dilation == (1, 1)
        return _Patches(part) if steps and part.groups == 1 and min(part.kernel_size) >= _PATCH_FROM_PX else None
    return None


def _last_block(tower: Any) -> tuple[nn.Module, str, nn.Module] | None:
    """Where the last block is, its name there and its form, if nothing but the first token leaves the tower."""
    if type(tower) is not VisionTransformer or tower.output_tokens:
        return None
    if tower.attn_pool is not None or tower.pool_type != "tok" or not tower.transformer.batch_first:
        return None
    blocks = tower.transformer.resblocks
    block = blocks[-1]
    attention = _form_of(block, block.attn)
    return (blocks, str(len(blocks) - 1), _LastBlock(block, attention)) if isinstance(attention, _Attention) else None
