"""What the parity tests ask of open_clip and of PhotoSearch alike."""

TEXTS = ["a photo of a dog", "", "Zürich, 東京 🙂", "word " * 2000, "x" * 10_000]
TRANSFORMS = {
    "shortest": {"size": 48},
    "bilinear": {"size": 48, "interpolation": "bilinear"},
    "longest": {"size": (48, 48), "resize_mode": "longest", "fill_color": 200},
    "squash": {"size": 48, "resize_mode": "squash"},
    "wide": {"size": (32, 64)},
    "wide-longest": {"size": (32, 64), "resize_mode": "longest"},
    "wide-squash": {"size": (32, 64), "resize_mode": "squash"},
}
