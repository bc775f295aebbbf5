"""The text tower learns to place phrases where the sentence model does.

Loss: 1 - cosine to the phrase's vector, and a little contrast within the batch. 2,000 phrases are held out. Rows of the
token table that no phrase uses learn nothing; at the end each gets the mean of the rows that were used, so that a rare
word is nothing in particular rather than noise.

``OUT/text.pt`` holds the run; called again with it there, the run goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from tools.train_builtin import architecture, course, phrases

HELD_OUT = 2000
_BLOCK = 16
_RATE = 3e-3


class TextLearner:
    """A text tower and how a step changes it."""

    def __init__(
        self, model: architecture.Model, *, rate: float, way: course.Course, chance: course.Randomness
    ) -> None:
        self.model, self.way, self._rate, self._chance = model, way, rate, chance
        table = model.token_embedding.weight
        rest = [p for p in architecture.text_weights(model) if p is not table]
        self._learned = [table, *rest]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": [table], "weight_decay": 1e-4},
                {"params": [p for p in rest if p.ndim > 1], "weight_decay": 0.02},
                {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=rate, betas=(0.9, 0.98),
        )  # fmt: skip

    def improve(self, loss: torch.Tensor) -> float:
        """One step against the loss; returns it."""
        for group in self._optimizer.param_groups:
            group["lr"] = self.way.rate(self._rate)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._learned, 1.0)
        self._optimizer.step()
        self.way.step += 1
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        return {
            "model": {k: v for k, v in self.model.state_dict().items() if not k.startswith("visual.")},
            "optimizer": self._optimizer.state_dict(),
            "course": self.way.state(),
            "chance": self._chance.state(),
        }

    def take_up(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"], strict=False)
        self._optimizer.load_state_dict(state["optimizer"])
        self.way.take_up(state["course"])
        self._chance.take_up(state["chance"])


class Learner(TextLearner):
    """The text tower and everything else a step changes.

    tokens: int [n, context]; wanted: float32 [n, dim], unit vectors; both of the phrases that are trained on.
    """

    def __init__(
        self, model: architecture.Model, tokens: torch.Tensor, wanted: torch.Tensor, *,
        device: torch.device, batch: int, way: course.Course, chance: course.Randomness,
    ) -> None:  # fmt: skip
        super().__init__(model.to(device), rate=_RATE, way=way, chance=chance)
        self._tokens, self._wanted, self._device, self._batch = tokens, wanted, device, batch
        self._lengths = (tokens > 0).sum(1)
        self._waiting: list[torch.Tensor] = []

    def step(self) -> float:
        """One batch; returns its loss."""
        if not self._waiting:
            self._waiting = self._batches()
        rows = self._waiting.pop()
        goal = self._wanted[rows].to(self._device)
        with course.mixed(self._device):
            made = architecture.encode_short(self.model, self._tokens[rows].to(self._device))
        right = torch.arange(len(rows), device=self._device)
        return self.improve((1 - (made * goal).sum(1)).mean() + 0.1 * F.cross_entropy(20 * made @ goal.T, right))

    def _batches(self) -> list[torch.Tensor]:
        """All phrases once, in random batches of alike lengths, for padding is computed too."""
        order = torch.from_numpy(self._chance.numbers.permutation(len(self._tokens)))
        batches: list[torch.Tensor] = []
        for block in order.split(self._batch * _BLOCK):
            batches += block[self._lengths[block].argsort(stable=True)].split(self._batch)
        return [batches[i] for i in self._chance.numbers.permutation(len(batches))]

    @torch.no_grad()
    def fill_unused(self) -> int:
        """Give the rows of tokens that no phrase uses the mean of the others; how many there were."""
        table = self.model.token_embedding.weight
        used = torch.zeros(len(table), dtype=torch.bool)
        used[self._tokens.unique()] = True
        used = used.to(table.device)
        table[~used] = table[used].mean(0)
        return int((~used).sum())

    def state(self) -> dict[str, Any]:
        return {**super().state(), "waiting": self._waiting}

    def take_up(self, state: dict[str, Any]) -> None:
        super().take_up(state)
        self._waiting = list(state["waiting"])


def agreement(model: architecture.Model, texts: list[str], wanted: np.ndarray) -> tuple[float, float]:
    """Mean cosine to the wanted vectors, and the share of texts whose own is the nearest of them."""
    alike = architecture.encode_texts(model, texts).numpy() @ wanted.T
    return float(alike.diagonal().mean()), float(np.mean(alike.argmax(1) == np.arange(len(texts))))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="train-text", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path)
    course.add_arguments(parser)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--batch", type=int, default=512)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    device = course.device_of(options.device)
    way, chance = course.Course(minutes=options.minutes, steps=options.steps), course.Randomness(options.seed)
    texts, vectors = phrases.read(options.out)
    order = np.random.default_rng(0).permutation(len(texts))
    held, taught = order[:HELD_OUT], order[HELD_OUT:]
    file = options.out / "text.pt"
    state = course.read(file)
    config = state["config"] if state else architecture.config(width=options.width, layers=options.layers)
    tokens = architecture.tokenizer(config["text_cfg"]["context_length"])([texts[i] for i in taught])
    learner = Learner(
        architecture.build(config), tokens, torch.from_numpy(vectors[taught]),
        device=device, batch=options.batch, way=way, chance=chance,
    )  # fmt: skip
    if state is not None:
        learner.take_up(state)
    course.train(learner, file, config)
    learner.fill_unused()
    course.save(file, {"config": config, **learner.state()})
    cosine, own = agreement(learner.model, [texts[i] for i in held], vectors[held])
    print(f"done after {way.step} steps: held-out cosine {cosine:.4f}, nearest is its own {own:.4f}")
