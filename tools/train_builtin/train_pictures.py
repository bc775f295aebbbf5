"""The picture tower learns to land where its words are.

Every batch mixes the sources by their shares, and four losses mix two questions (contrast as in CLIP, Radford et al.
2021, with the texts held fast as in LiT, Zhai et al. 2022). Which text belongs to a picture: cross entropy of its class
against the other classes of its source and every word that it is known not to show, or of its caption against 1,500
others. Which picture belongs to a text, as when one searches: cross entropy of a picture against all of the batch that
are known not to show the word, or are not the caption's. And a logistic loss for every word of which it is known
whether the picture shows it (as in SigLIP, Zhai et al. 2023). A running average of the weights is exported (Polyak
averaging).

``OUT/pictures.pt`` holds the run. Called again with it there, the run goes on; with ``--from`` a new one begins with
the weights of a model folder.
"""

from __future__ import annotations

import argparse
import copy
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from tools.train_builtin import architecture, course, shards
from tools.train_builtin.augment import augment, draw, normalised, plain
from tools.train_builtin.lanes import Lanes, parts
from tools.train_builtin.sources import SOURCES, Source, classes

OTHER_CAPTIONS = 1500
_AVERAGE_EVERY = 10
_SHARPEST = {"classes": 60.0, "captions": 40.0, "words": 60.0, "found": 60.0}
_SHARPNESS_AT_FIRST = {"classes": 20.0, "captions": 15.0, "words": 15.0, "found": 20.0}
_NEVER = -1e4
"""As a logit: not asked here."""
_FAR_MORE = 4
"""So many times as often do thumbnails show a word that photos are no counterexamples of."""
_FULL_SIZE_FROM = 0.85
"""From this part of a run on the tower sees pictures at its own size, where it began with smaller ones."""


class Walk:
    """The rows of a source in random order, again and again."""

    def __init__(self, rows: int, randomness: course.Randomness) -> None:
        self._random = randomness.numbers
        self._order = self._random.permutation(rows)
        self._at = 0

    def take(self, count: int) -> np.ndarray:
        """int [min(count, rows)], none twice."""
        count = min(count, len(self._order))
        if self._at + count > len(self._order):
            self._order, self._at = self._random.permutation(len(self._order)), 0
        self._at += count
        return np.sort(self._order[self._at - count : self._at])

    def state(self) -> dict[str, Any]:
        return {"order": torch.from_numpy(self._order), "at": self._at}

    def take_up(self, state: dict[str, Any]) -> None:
        self._order, self._at = state["order"].numpy(), state["at"]


@dataclass
class Lesson:
    """A source's pictures and where they should land; tensors on the device but for the pixels.

    labels: row of each picture's class; empty for captioned sources, which have captions and their owners instead.
    """

    source: Source
    pixels: np.ndarray
    mask: torch.Tensor
    vectors: torch.Tensor
    labels: torch.Tensor
    owner: torch.Tensor
    first: torch.Tensor
    count: torch.Tensor
    walk: Walk

    def shown(self, rows: torch.Tensor) -> torch.Tensor:
        """The masks of these pictures, float32 [n, words]."""
        return self.mask[rows if self.source.captioned else self.labels[rows]]

    def often(self) -> torch.Tensor:
        """How many of its pictures show each word, float32 [words] from 0 to 1."""
        shown = (self.mask == 1).float()
        if self.source.captioned:
            return shown.mean(0)
        return torch.bincount(self.labels, minlength=len(shown)).float() @ shown / len(self.labels)


def lessons(out: Path, targets: dict[str, np.ndarray], device: torch.device, chance: course.Randomness) -> list[Lesson]:
    """What was prepared and has targets."""
    found = []
    empty = torch.zeros(0, dtype=torch.int64, device=device)
    for source in SOURCES:
        part = shards.read_part(out, source.name, shards.TRAIN)
        if part is None:
            continue
        labels, owner, first, count = empty, empty, empty, empty
        if source.captioned:
            name = f"{source.name}_{shards.TRAIN}"
            counts = np.bincount(targets[f"{name}_owner"], minlength=len(part.paths))
            owner = torch.from_numpy(targets[f"{name}_owner"]).to(device)
            count = torch.from_numpy(counts).to(device)
            first = count.cumsum(0) - count
            vectors, mask = targets[f"{name}_captions"], targets[f"{name}_mask"]
        else:
            number = {label: i for i, label in enumerate(classes(source.name))}
            labels = torch.tensor([number[label] for label in part.labels], device=device)
            vectors, mask = targets[source.name], targets[f"{source.name}_mask"]
        found.append(
            Lesson(
                source, part.pixels, torch.from_numpy(mask).to(device, torch.float32),
                torch.from_numpy(vectors).to(device), labels, owner, first, count, Walk(len(part.paths), chance),
            )
        )  # fmt: skip
    if not found:
        raise SystemExit(f"{out} holds no prepared pictures: run the steps prepare and targets first.")
    ask_fairly(found)
    return found


def ask_fairly(found: Sequence[Lesson]) -> None:
    """Make of photos no counterexamples of a word that thumbnails show far more often; changes the masks.

    Thumbnails differ from photos in how they were reduced. Told that hardly a photo shows the word, the tower can learn
    to tell thumbnails from photos instead, and then does not find it among the user's.
    """
    often = []
    for thumbnails in (True, False):
        of_kind = [lesson for lesson in found if lesson.source.thumbnails is thumbnails]
        if not of_kind:
            return
        shares = sum(lesson.source.share for lesson in of_kind)
        often.append(sum(lesson.often() * (lesson.source.share / shares) for lesson in of_kind))
    told_by_kind = _FAR_MORE * often[1] < often[0]
    for lesson in found:
        if not lesson.source.thumbnails:
            lesson.mask[(lesson.mask == 0) & told_by_kind] = -1


def found_by_word(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Each picture that shows a word against all that do not. logits: float [n, words]; mask as the lessons'.

    A word that k pictures show has the weight of the square root of k, so that "person" does not drown the rest.
    """
    shown = mask == 1
    against = logits.masked_fill(mask != 0, _NEVER).logsumexp(0)
    weight = shown / shown.sum(0).clamp(min=1).sqrt()
    return (F.softplus(against - logits) * weight).sum() / weight.sum().clamp(min=1)


@torch.inference_mode()
def place(tower: torch.nn.Module, pixels: np.ndarray, side_px: int, device: torch.device) -> torch.Tensor:
    """Unit vectors, float32 [n, dim], of uint8 [n, any, any, 3], as when they are searched."""
    made = []
    for start in range(0, len(pixels), 250):
        x = torch.from_numpy(pixels[start : start + 250]).to(device).permute(0, 3, 1, 2).float() / 255
        x = normalised(plain(x, side_px), architecture.PREPROCESS["mean"], architecture.PREPROCESS["std"])
        with course.mixed(device):
            made.append(F.normalize(tower(x).float(), dim=-1))
    return torch.cat(made)


class Learner:
    """The picture tower, its average, and everything else a step changes.

    model_config: open_clip's. batch: pictures of a step, split among the lessons by their shares. cores: each takes
    its part of every batch, on a processor. first_side: what the tower sees at first, growing to its own size by
    ``_FULL_SIZE_FROM`` of the run, in pixels: smaller pictures cost less (progressive resizing, Howard 2018).
    """

    def __init__(
        self, model: architecture.Model, model_config: dict[str, Any], taught: Sequence[Lesson], vocabulary: np.ndarray,
        *, device: torch.device, batch: int, rate: float, way: course.Course, chance: course.Randomness, cores: int = 1,
        first_side: int | None = None,
    ) -> None:  # fmt: skip
        self._taught, self._device, self._rate, self.way, self._chance = taught, device, rate, way, chance
        self._side = int(model_config["vision_cfg"]["image_size"])
        self._first_side = first_side or self._side
        self.net: torch.nn.Module = model.visual.to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net).eval()
        self._vocabulary = torch.from_numpy(vocabulary).to(device)
        self.sharpness = torch.nn.ParameterDict(
            {name: torch.nn.Parameter(torch.tensor(math.log(v))) for name, v in _SHARPNESS_AT_FIRST.items()}
        ).to(device)
        self.bias = torch.nn.Parameter(torch.full((len(vocabulary),), -6.0, device=device))
        whole = sum(lesson.source.share for lesson in taught)
        self._counts = [
            min(len(lesson.pixels), max(1, round(batch * lesson.source.share / whole))) for lesson in taught
        ]
        kinds = [torch.full((count,), int(x.source.thumbnails)) for x, count in zip(taught, self._counts, strict=True)]
        cores = cores if device.type == "cpu" else 1
        self._pool = ThreadPoolExecutor(cores)
        self._lanes = Lanes(self.net, parts(torch.cat(kinds), cores), self._pool, device=device)
        weights = [p for p in self.net.parameters() if p.ndim > 1]
        rest = [p for p in self.net.parameters() if p.ndim <= 1]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": weights, "weight_decay": 0.05},
                {"params": [*rest, *self.sharpness.values(), self.bias], "weight_decay": 0.0},
            ],
            lr=rate, betas=(0.9, 0.98), fused=True,
        )  # fmt: skip

    def step(self) -> float:
        """One batch; returns its loss."""
        for group in self._optimizer.param_groups:
            group["lr"] = self.way.rate(self._rate)
        rows = [lesson.walk.take(count) for lesson, count in zip(self._taught, self._counts, strict=True)]
        lots = [draw(len(taken)) for taken in rows]
        see = partial(self._seen, self.side_px)
        made = self._lanes.forward(torch.cat(list(self._pool.map(see, self._taught, rows, lots))))
        loss = self._loss(F.normalize(made, dim=-1), rows)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._lanes.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
        self._optimizer.step()
        self.way.step += 1
        if self.way.step % _AVERAGE_EVERY == 0:
            self._follow()
        return float(loss.detach())

    @property
    def side_px(self) -> int:
        """What the tower sees in the next step; it grows by 16 pixels at a time."""
        grown = min(1.0, self.way.progress / _FULL_SIZE_FROM)
        return self._first_side + int(grown * (self._side - self._first_side)) // 16 * 16

    def _seen(self, side_px: int, lesson: Lesson, rows: np.ndarray, lots: torch.Tensor) -> torch.Tensor:
        pixels = torch.from_numpy(lesson.pixels[rows]).to(self._device).permute(0, 3, 1, 2).float() / 255
        changed = augment(pixels, side_px, lots)
        return normalised(changed, architecture.PREPROCESS["mean"], architecture.PREPROCESS["std"])

    def _loss(self, made: torch.Tensor, rows: Sequence[np.ndarray]) -> torch.Tensor:
        total = len(made)
        owns = [torch.from_numpy(taken).to(self._device) for taken in rows]
        mask = torch.cat([lesson.shown(own) for lesson, own in zip(self._taught, owns, strict=True)])
        words = made @ self._vocabulary.T
        logits = self._sharp("words") * words + self.bias
        each = F.binary_cross_entropy_with_logits(logits, mask.clamp(min=0), reduction="none")
        loss = (each * (mask >= 0)).sum() / total / 16 + 0.5 * found_by_word(self._sharp("found") * words, mask)
        start = 0
        for lesson, own in zip(self._taught, owns, strict=True):
            here = slice(start, start + len(own))
            if lesson.source.captioned:
                loss = loss + 0.5 * len(own) / total * self._captions(lesson, own, made, here)
            else:
                others = words[here].masked_fill(mask[here] != 0, _NEVER)
                logits = self._sharp("classes") * torch.cat([made[here] @ lesson.vectors.T, others], dim=1)
                loss = loss + len(own) / total * F.cross_entropy(logits, lesson.labels[own])
            start = here.stop
        return loss

    def _captions(self, lesson: Lesson, own: torch.Tensor, made: torch.Tensor, here: slice) -> torch.Tensor:
        """One caption of each picture, drawn by lot: among others of other pictures, and its picture in the batch.

        made: the whole batch, of which the lesson's pictures are ``here``.
        """
        n, device = len(own), self._device
        chosen = lesson.first[own] + (torch.rand(n).to(device) * lesson.count[own]).long()
        chosen = chosen.clamp(max=len(lesson.vectors) - 1)
        other = torch.randint(len(lesson.vectors), (OTHER_CAPTIONS,)).to(device)
        bank = torch.cat([lesson.vectors[chosen], lesson.vectors[other]])
        owner = torch.cat([own, lesson.owner[other]])
        same = owner[None] == own[:, None]
        right = torch.arange(n, device=device)
        same[right, right] = False
        sharp = self._sharp("captions")
        named = (sharp * made[here] @ bank.T).masked_fill(same, _NEVER)
        found = sharp * lesson.vectors[chosen] @ made.T
        loss = F.cross_entropy(named, right, reduction="none")
        loss = loss + F.cross_entropy(found, right + here.start, reduction="none")
        told = (lesson.count[own] > 0).float()
        return (loss * told).sum() / told.sum().clamp(min=1)

    def _sharp(self, name: str) -> torch.Tensor:
        sharp: torch.Tensor = self.sharpness[name]
        return sharp.exp().clamp(max=_SHARPEST[name])

    @torch.no_grad()
    def _follow(self) -> None:
        """The average follows the weights: slowly, but for the beginning of a run."""
        turn = self.way.step / _AVERAGE_EVERY
        keep = min(0.99, (1 + turn) / (10 + turn))
        for kept, fresh in zip(self.average.parameters(), self.net.parameters(), strict=True):
            kept.lerp_(fresh, 1 - keep)
        for ours, theirs in zip(self.average.buffers(), self.net.buffers(), strict=True):
            ours.copy_(theirs)

    def place(self, pixels: np.ndarray) -> torch.Tensor:
        """Unit vectors [n, dim] of uint8 [n, side, side, 3], by the average, on the processor."""
        return place(self.average, pixels, self._side, self._device).cpu()

    def state(self) -> dict[str, Any]:
        return {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "sharpness": self.sharpness.state_dict(),
            "bias": self.bias.data,
            "optimizer": self._optimizer.state_dict(),
            "course": self.way.state(),
            "chance": self._chance.state(),
            "walks": {lesson.source.name: lesson.walk.state() for lesson in self._taught},
        }

    def take_up(self, state: dict[str, Any]) -> None:
        """Go on with a run. Raises RuntimeError where it is of another tower or vocabulary."""
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.sharpness.load_state_dict(state["sharpness"])
        self.bias.data.copy_(state["bias"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.way.take_up(state["course"])
        for lesson in self._taught:
            lesson.walk.take_up(state["walks"][lesson.source.name])
        self._chance.take_up(state["chance"])


def held_out(learner: Learner, out: Path, targets: dict[str, np.ndarray]) -> dict[str, float]:
    """Share of held-out pictures of each source whose own class is the nearest of the source's classes."""
    found = {}
    for source in SOURCES:
        part = shards.read_part(out, source.name, shards.HELD)
        if part is None or source.captioned or source.name not in targets:
            continue
        labels = list(classes(source.name))
        best = (learner.place(part.pixels).numpy() @ targets[source.name].T).argmax(1)
        found[source.name] = float(np.mean([labels[b] == label for b, label in zip(best, part.labels, strict=True)]))
    return found


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="train-pictures", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path)
    course.add_arguments(parser)
    parser.add_argument("--from", dest="begin", type=Path, help="a model folder to begin with")
    parser.add_argument("--side", type=int, help="what the tower sees, in pixels: by default 64, or as it did before")
    parser.add_argument("--first-side", type=int, help="what it sees at first, growing to --side (pixels)")
    parser.add_argument("--tower", default="regnetx_004", help="of a new tower: timm's name")
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--rate", type=float, default=3e-3, help="highest learning rate; a tenth to go on from a model")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    device = course.device_of(options.device)
    way = course.Course(minutes=options.minutes, steps=options.steps)
    chance = course.Randomness(options.seed)
    file = options.out / "pictures.pt"
    state = course.read(file)
    if options.begin and state is None:
        model, config = architecture.load(options.begin), architecture.read_config(options.begin)
        config["vision_cfg"]["image_size"] = options.side or config["vision_cfg"]["image_size"]
    else:
        config = state["config"] if state else architecture.config(side_px=options.side or 64, tower=options.tower)
        model = architecture.build(config)
    targets = dict(np.load(options.out / "targets.npz"))
    learner = Learner(
        model, config, lessons(options.out, targets, device, chance), targets["vocabulary"],
        device=device, batch=options.batch, rate=options.rate, way=way, chance=chance, cores=options.threads,
        first_side=options.first_side,
    )  # fmt: skip
    if state is not None:
        learner.take_up(state)
        print(f"going on after step {way.step}", flush=True)

    course.train(learner, file, config)
    print({name: round(share, 4) for name, share in held_out(learner, options.out, targets).items()})
