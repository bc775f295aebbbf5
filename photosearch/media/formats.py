"""Which picture formats are read: their names, extensions, and how content is told apart by its first bytes.

A file is taken for a picture by its extension, so that a scan opens nothing. What it then holds is decided by content
alone, except for the few formats that have no mark of their own (TGA) or share one (a cursor begins like a TGA, and
most cameras' raw files like a TIFF).
Formats whose decoders run programs or fetch things (EPS, PDF, WMF, SVG) are never read. Loads no decoder.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass

from photosearch.errors import ProblemCode


@dataclass(frozen=True, slots=True)
class Format:
    """A picture format. ``plugin`` is Pillow's name of its decoder, None where it is not one of Pillow's.

    ``bytes_per_pixel`` is the most memory one pixel of the full picture takes while it is decoded, all copies counted
    (decoder's planes, the plug-in's buffer, Pillow's image); 0 where that depends on the picture's mode.
    """

    name: str
    plugin: str | None
    extensions: tuple[str, ...]
    bytes_per_pixel: int = 0
    feature: str | None = None
    """The name under which ``PIL.features`` knows the library it needs."""


JPEG = Format("JPEG", "JPEG", ("jpg", "jpeg", "jpe", "jfif", "jif", "mpo"), feature="jpg")
PNG = Format("PNG", "PNG", ("png", "apng"), feature="zlib")
WEBP = Format("WebP", "WEBP", ("webp",), bytes_per_pixel=20, feature="webp")
GIF = Format("GIF", "GIF", ("gif",))
TIFF = Format("TIFF", "TIFF", ("tif", "tiff", "btf"), feature="libtiff")
BMP = Format("BMP", "BMP", ("bmp", "dib"))
AVIF = Format("AVIF", "AVIF", ("avif", "avifs"), bytes_per_pixel=12, feature="avif")
HEIC = Format("HEIC", "HEIF", ("heic", "heif", "hif", "heics", "heifs"), bytes_per_pixel=7)
JPEG_2000 = Format("JPEG 2000", "JPEG2000", ("jp2", "j2k", "jpf", "jpx", "j2c", "jpc"), 24, feature="jpg_2000")
PNM = Format("PNM", "PPM", ("ppm", "pgm", "pbm", "pnm", "pfm"))
TGA = Format("TGA", "TGA", ("tga",))
PSD = Format("Photoshop", "PSD", ("psd",))
ICO = Format("ICO", "ICO", ("ico",))
CUR = Format("CUR", "CUR", ("cur",))
PCX = Format("PCX", "PCX", ("pcx",))
SGI = Format("SGI", "SGI", ("sgi",))
QOI = Format("QOI", "QOI", ("qoi",))
PCD = Format("Photo CD", "PCD", ("pcd",))
JPEG_XL = Format("JPEG XL", "JXL", ("jxl",), bytes_per_pixel=24)
RAW = Format(
    "RAW", None,
    ("3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "gpr", "iiq", "k25", "kdc", "mef", "mos", "mrw",
     "nef", "nrw", "orf", "ori", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf", "srw", "x3f"),
)  # fmt: skip

FORMATS: tuple[Format, ...] = (
    JPEG, PNG, WEBP, GIF, TIFF, BMP, AVIF, HEIC, JPEG_2000, PNM, TGA, PSD, ICO, CUR, PCX, SGI, QOI, PCD, JPEG_XL, RAW,
)  # fmt: skip

PACKAGES: dict[Format, str] = {HEIC: "pi_heif", RAW: "rawpy", JPEG_XL: "pillow_jxl"}
"""The formats that need a package beside Pillow."""

SUPPORTED_EXTENSIONS: frozenset[str] = frozenset(e for f in FORMATS for e in f.extensions)
"""Lower case, without the dot. JPEG XL is among them also where it cannot be read: its files are then listed with the
reason, not left unseen."""


def is_picture_name(name: bytes | str) -> bool:
    """Whether a file of this name is taken for a picture: by its extension, whatever the case.

    Names may be bytes, for they need not be UTF-8. ``._photo.jpg`` is not one: macOS keeps attributes in such files on
    foreign drives.
    """
    raw = os.fsencode(name)
    base = raw.replace(b"\\", b"/").rsplit(b"/", 1)[-1] if os.sep == "\\" else raw.rsplit(b"/", 1)[-1]
    return not base.startswith(b"._") and extension(base) in SUPPORTED_EXTENSIONS


PARTNER_EXTENSIONS = (*JPEG.extensions, *HEIC.extensions)
"""The pictures that cameras write beside a raw file, the preferred ones first."""


def raw_stem(rel: bytes) -> bytes | None:
    """The path of a raw file up to its extension, with the dot; None for any other file."""
    ending = extension(rel)
    return rel[: -len(ending)] if ending in RAW.extensions else None


def extension(name: bytes | str) -> str:
    """The extension, lower case, without the dot; empty where there is none. ``.jpg`` alone has none."""
    stem, dot, end = os.fsencode(name).rpartition(b".")
    return end.decode("ascii", "replace").lower() if dot and stem and not stem.endswith(b"/") else ""


def format_table() -> list[tuple[str, tuple[str, ...], bool]]:
    """Every format: its name, its extensions, and whether this installation can decode it."""
    from PIL import features  # here, so that asking for an extension loads no imaging library

    def available(f: Format) -> bool:
        if f in PACKAGES:
            return importlib.util.find_spec(PACKAGES[f]) is not None
        return f.feature is None or bool(features.check(f.feature))

    return [(f.name, f.extensions, available(f)) for f in FORMATS]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Content that is no picture we decode: ``code`` for programs, ``reason`` for people."""

    code: ProblemCode
    reason: str


def identify(data: bytes, *, name: str) -> Format | Unreadable:
    """What the bytes of a file are, by content first and extension where content cannot tell. ``data`` is not empty."""
    head = data[:64]
    ending = extension(name)
    if not any(head) and not any(data[: 1 << 20]) and not data.strip(b"\0"):
        return Unreadable(ProblemCode.DAMAGED, "The file holds nothing but zeros: its content was lost.")
    if _is_raw(head):
        return RAW
    # TGA has no mark, and one begins like a cursor: only its extension tells, unless the content says otherwise.
    if ending == "tga" and (found := _by_mark(data, head)) in (None, CUR, ICO):
        return TGA
    found = _by_mark(data, head)
    if found is TIFF and ending in RAW.extensions:
        return RAW
    if found is not None:
        return found
    if (kind := _media_family(head)) is not None:
        return kind
    for mark, picture in _OTHER_PICTURES:
        if head.startswith(mark):
            return Unreadable(ProblemCode.NO_CODEC, f"This is {picture}, a format PhotoSearch does not read.")
    if (what := _other_content(data)) is not None:
        return Unreadable(ProblemCode.NOT_A_PICTURE, f"This is {what}, not a picture{_named(ending)}.")
    if ending in RAW.extensions:  # some cameras' raw files have no mark
        return RAW
    return Unreadable(
        ProblemCode.NOT_A_PICTURE,
        "The content is of no known picture format: the file is badly damaged, or is not a picture.",
    )


def _named(ending: str) -> str:
    return f", though it is named .{ending}" if ending in SUPPORTED_EXTENSIONS else ""


def _by_mark(data: bytes, head: bytes) -> Format | None:
    for mark, found in _MARKS:
        if head.startswith(mark):
            return found
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head[:1] == b"P" and head[1:2] in b"123456Ffy" and head[2:3].isspace():
        return PNM
    if head[:1] == b"\n" and head[1:2] in b"\0\2\3\4\5" and head[2:3] in b"\0\1":
        return PCX
    if data[2048:2052] == b"PCD_":
        return PCD
    return None


_MARKS: tuple[tuple[bytes, Format], ...] = (
    (b"\xff\xd8", JPEG),
    (b"\x89PNG", PNG),
    (b"GIF8", GIF),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"BM", BMP),
    (b"\0\0\0\x0cjP  \r\n\x87\n", JPEG_2000),
    (b"\xff\x4f\xff\x51", JPEG_2000),
    (b"8BPS", PSD),
    (b"\0\0\1\0", ICO),
    (b"\0\0\2\0", CUR),
    (b"\x01\xda", SGI),
    (b"qoif", QOI),
    (b"\xff\x0a", JPEG_XL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", JPEG_XL),
)

_HEVC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_STILL_BRANDS = frozenset((b"mif1", b"msf1", b"mif2", b"avci", b"avcs", b"jpeg", b"j2ki", b"j2is", b"vvic", b"unif"))


def _media_family(head: bytes) -> Format | Unreadable | None:
    """AVIF, HEIC, Canon raw and MP4 share one container; the brands after ``ftyp`` tell which it is."""
    if head[4:8] != b"ftyp":
        return None
    size = min(int.from_bytes(head[:4], "big"), len(head))
    major = head[8:12]
    brands = [major] + [head[i : i + 4] for i in range(16, size - 3, 4)]
    if major in _AVIF_BRANDS:
        return AVIF
    if major in _HEVC_BRANDS:
        return HEIC
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return AVIF
        if brand in _HEVC_BRANDS:
            return HEIC
    if major in (b"mif1", b"msf1"):
        return HEIC
    if any(brand in _STILL_BRANDS for brand in brands):
        return Unreadable(
            ProblemCode.NO_CODEC, "This is a HEIF picture compressed in a way that PhotoSearch has no decoder for."
        )
    return Unreadable(ProblemCode.NOT_A_PICTURE, "This is a video, not a picture.")


def _is_raw(head: bytes) -> bool:
    return (
        (head.startswith((b"II*\0", b"MM\0*")) and head[8:10] == b"CR")
        or head[4:12] == b"ftypcrx "
        or head.startswith((b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM"))
        or head[6:14] == b"HEAPCCDR"
    )


_OTHER_PICTURES: tuple[tuple[bytes, str], ...] = (
    (b"gimp xcf", "a GIMP drawing"),
    (b"DDS ", "a DirectDraw texture"),
    (b"BLP", "a game texture"),
    (b"II\xbc", "a JPEG XR picture"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"SIMPLE  =", "a FITS picture"),
    (b"#?RADIANCE", "a Radiance picture"),
    (b"#?RGBE", "a Radiance picture"),
    (b"BPG\xfb", "a BPG picture"),
    (b"FLIF", "a FLIF picture"),
    (b"icns", "an Apple icon"),
    (b"PGF", "a PGF picture"),
)

_OTHER_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"%!PS", "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
    (b"%PDF", "a PDF document"),
    (b"PK\3\4", "a ZIP archive"),
    (b"PK\5\6", "an empty ZIP archive"),
    (b"\x7fELF", "a program (ELF)"),
    (b"MZ", "a Windows program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\0\5\x16\7", "the attributes macOS keeps beside a file (AppleDouble)"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\0\0\1\xba", "a video"),
    (b"\0\0\1\xb3", "a video"),
    (b"ID3", "a sound file"),
    (b"OggS", "a sound file"),
    (b"fLaC", "a sound file"),
    (b"#!", "a script"),
    (b"version https://git-lfs", "a Git LFS placeholder for a file that was not downloaded"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
)


def _other_content(data: bytes) -> str | None:
    """What the content is instead, as words that fit after "This is"."""
    for mark, what in _OTHER_MARKS:
        if data.startswith(mark):
            return what
    if data.startswith(b"RIFF"):
        return {b"AVI ": "a video", b"WAVE": "a sound file"}.get(data[8:12])
    start = data[:2048].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page"
    if b"<svg" in start and start.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")):
        return "an SVG drawing"
    if start.startswith(b"<?xml"):
        return "an XML document"
    if start[:1] in (b"{", b"["):
        return "a JSON document" if _is_text(data) else None
    return "a text file" if start and _is_text(data) else None


def _is_text(data: bytes) -> bool:
    sample = data[:2048]
    try:
        text = sample.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 4:
            return False
        text = sample[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\t\n\r\f\ufeff" for c in text)
