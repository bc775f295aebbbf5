"""Pictures as the picture tower sees them while it learns: another crop, flip and light each time."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

_DRAWN = 8


def draw(n: int) -> torch.Tensor:
    """What ``augment`` decides by lot for n pictures, float32 [n, 8] from 0 to 1: drawn by itself, on the processor, so
    that a seed gives the same on every device and in however many threads the pictures are changed."""
    return torch.rand(n, _DRAWN)


def augment(pixels: torch.Tensor, side_px: int, lots: torch.Tensor) -> torch.Tensor:
    """A random part of each picture at the tower's size.

    pixels: float32 [n, 3, any, any] from 0 to 1. lots: of ``draw``. Returns float32 [n, 3, side, side] from 0 to 1.
    Parts hold 40 to 100 % of the area, a little squeezed; half are mirrored, light and contrast vary by 30 %, 4 % lose
    their colours. Pictures that are reduced to less than two thirds are sampled at twice the size and averaged, for the
    sampling itself does not smooth.
    """
    n, device = len(pixels), pixels.device
    columns = iter(lots.to(device).unbind(1))

    def between(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * next(columns)

    size = between(0.4, 1.0).sqrt()
    aspect = torch.exp(between(math.log(0.75), math.log(1.33))).sqrt()
    width, height = (size * aspect).clamp(max=1.0), (size / aspect).clamp(max=1.0)
    move = torch.zeros(n, 2, 3, device=device)
    move[:, 0, 0] = width * torch.where(between(0, 1) < 0.5, -1.0, 1.0)
    move[:, 1, 1] = height
    move[:, 0, 2] = between(-1, 1) * (1 - width)
    move[:, 1, 2] = between(-1, 1) * (1 - height)
    finer = 2 if pixels.shape[-1] > 1.5 * side_px else 1
    grid = F.affine_grid(move, [n, 3, finer * side_px, finer * side_px], align_corners=False)
    x = F.grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    x = F.avg_pool2d(x, finer)
    light, contrast = between(0.7, 1.3).view(n, 1, 1, 1), between(0.7, 1.3).view(n, 1, 1, 1)
    middle = x.mean((1, 2, 3), keepdim=True)
    x = ((x - middle) * contrast + middle) * light
    grey = (between(0, 1) < 0.04).view(n, 1, 1, 1)
    return torch.where(grey, x.mean(1, keepdim=True), x).clamp(0, 1)


def plain(pixels: torch.Tensor, side_px: int) -> torch.Tensor:
    """The whole picture at the tower's size, as when it is searched. pixels and result as for ``augment``."""
    if pixels.shape[-1] == side_px:
        return pixels
    made = F.interpolate(pixels, (side_px, side_px), mode="bicubic", antialias=True, align_corners=False)
    return made.clamp(0, 1)


def normalised(pixels: torch.Tensor, mean: list[float], std: list[float]) -> torch.Tensor:
    """As the tower takes them, channels last in memory."""
    m = torch.tensor(mean, device=pixels.device).view(1, 3, 1, 1)
    s = torch.tensor(std, device=pixels.device).view(1, 3, 1, 1)
    return ((pixels - m) / s).contiguous(memory_format=torch.channels_last)
