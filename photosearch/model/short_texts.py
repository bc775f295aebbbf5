"""A text tower that reads a text only as far as it goes, with the arithmetic and the weights of open_clip's.

CLIP's text towers read every text as 77 tokens, of which a query has five to ten; the rest is padding behind its end.
Where no token attends to a later one and the answer is taken at the text's end, what follows changes nothing. Encoder
process only.
"""

from __future__ import annotations

from typing import Any

import torch
from open_clip import CLIP, CustomTextCLIP
from open_clip.transformer import ResidualAttentionBlock, TextTransformer, text_global_pool
from torch import nn


def causal_tower(model: Any) -> Any | None:
    """The part of a model that holds such a text tower; None where the padding may count, or is not known to."""
    tower: Any = model if type(model) is CLIP else model.text if type(model) is CustomTextCLIP else None
    if type(tower) not in (CLIP, TextTransformer) or tower.attn_mask is None:
        return None
    if getattr(tower, "cls_emb", None) is not None or getattr(tower, "output_tokens", False):
        return None
    if _pool_type(tower) not in ("argmax", "eos") or not tower.transformer.batch_first:
        return None
    blocks = tower.transformer.resblocks
    return tower if all(type(b) is ResidualAttentionBlock and _is_plain(b.attn) for b in blocks) else None


class ShortTexts(nn.Module):
    """Tokens int64 [n, length], of any length that holds their ends, to float32 [n, dim], unit rows."""

    def __init__(self, tower: Any) -> None:
        super().__init__()
        self.tower = tower
        self._attentions = [_CausalAttention(block.attn) for block in tower.transformer.resblocks]

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tower, length = self.tower, tokens.shape[1]
        x = tower.token_embedding(tokens) + tower.positional_embedding[:length]
        mask = tower.attn_mask[:length, :length]
        for block, attention in zip(tower.transformer.resblocks, self._attentions, strict=True):
            x = x + block.ls_1(attention(block.ln_1(x), mask))
            x = x + block.ls_2(block.mlp(block.ln_2(x)))
        end = text_global_pool(tower.ln_final(x), tokens, _pool_type(tower), eos_token_id=_end_token(tower))
        projection = tower.text_projection
        if projection is not None:
            end = projection(end) if isinstance(projection, nn.Linear) else end @ projection
        return end / end.norm(dim=-1, keepdim=True)


class _CausalAttention:
    """nn.MultiheadAttention of a sequence with itself under a mask; float32 [n, length, width] in and out."""

    def __init__(self, own: nn.MultiheadAttention) -> None:
        self._own = own
        self._each = own.embed_dim // own.num_heads

    def __call__(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        own = self._own
        parts = nn.functional.linear(x, own.in_proj_weight, own.in_proj_bias)
        queries, keys, values = parts.unflatten(-1, (3, own.num_heads, self._each)).permute(2, 0, 3, 1, 4).unbind()
        weights = (queries * self._each**-0.5 @ keys.transpose(-1, -2) + mask).softmax(dim=-1)
        return own.out_proj((weights @ values).transpose(1, 2).flatten(2))


def _is_plain(attention: nn.MultiheadAttention) -> bool:
    whole = attention.in_proj_weight is not None and attention.bias_k is None and not attention.add_zero_attn
    return whole and attention.batch_first


def _pool_type(tower: Any) -> str:
    return tower.text_pool_type if type(tower) is CLIP else tower.pool_type


def _end_token(tower: Any) -> int | None:
    return getattr(tower, "text_eos_id", None) if type(tower) is CLIP else tower.eos_id
