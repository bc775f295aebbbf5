"""The XMP packet inside a picture, as plain values: property to its texts.

XML from strangers: entities and document types are refused (defusedxml), and nesting, elements and text are bounded, so
neither a billion laughs nor 9,000 nested elements cost more than a moment. A packet that breaks in the middle yields
what came before.
Source: XMP specification part 1 (ISO 16684-1), sections 7.4 to 7.9.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from defusedxml.ElementTree import DefusedXMLParser

log = logging.getLogger(__name__)

_MAX_PACKET_BYTES = 4 << 20
_MAX_DEPTH = 40
_MAX_ELEMENTS = 50_000
_MAX_TEXTS = 2_000
_MAX_CHARS = 40_000

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

DC = "{http://purl.org/dc/elements/1.1/}"
EXIF = "{http://ns.adobe.com/exif/1.0/}"
AUX = "{http://ns.adobe.com/exif/1.0/aux/}"
EXIF_EX = "{http://cipa.jp/exif/1.0/}"
PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
TIFF = "{http://ns.adobe.com/tiff/1.0/}"
XMP = "{http://ns.adobe.com/xap/1.0/}"


def parse_xmp(packet: bytes, *, extension: bytes = b"") -> Mapping[str, list[str]]:
    """The packet's simple properties, by qualified name; of texts in several languages the default comes first.

    extension: a second packet, that a JPEG holds when the first is full. Never raises: what cannot be read is left out.
    """
    target = _Properties()
    for part in (packet, extension):
        part = part.strip(b"\0 \t\r\n")
        if part and len(part) <= _MAX_PACKET_BYTES:
            _parse(part, target)
    return target.found


def _parse(packet: bytes, target: _Properties) -> None:
    target.restart()
    try:
        parser = DefusedXMLParser(target=target, forbid_dtd=True)
        parser.feed(_without_trailer(packet))
        parser.close()
    except Exception as error:  # expat, defusedxml, codecs and our own bounds, each with its own kind
        log.debug("XMP packet read in part: %s", error)


def _without_trailer(packet: bytes) -> bytes:
    """Writers pad packets with spaces and NULs behind the last tag, which are not XML."""
    end = re.search(rb"</(?:\w+:)?xmpmeta\s*>|<\?xpacket\s+end=[^>]*>", packet)
    return packet[: end.end()] if end else packet


class _TooMuch(Exception):
    """The packet passes a bound."""


class _Properties:
    """Parser target: collects the children and attributes of every top-level rdf:Description."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self._elements = 0
        self.restart()

    def restart(self) -> None:
        """Begin a packet; what was found stays."""
        self._path: list[str] = []
        self._text: list[str] | None = None
        self._chars = 0
        self._default_language = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._path) >= _MAX_DEPTH or self._elements > _MAX_ELEMENTS:
            raise _TooMuch
        self._path.append(tag)
        base = self._base()
        if base is None:
            return
        depth = len(self._path) - base
        if depth == 0:
            for name, value in attributes.items():
                if not name.startswith(_RDF):
                    self._keep(name, value)
        elif depth == 1 or (depth == 3 and tag == f"{_RDF}li"):
            self._text, self._chars = [], 0
            self._default_language = attributes.get(_XML_LANG) == "x-default"
            if depth == 1:
                for name, value in attributes.items():  # <dc:title rdf:value="…"/> and the like
                    if name == f"{_RDF}value":
                        self._keep(tag, value)
        else:
            self._text = None

    def data(self, text: str) -> None:
        if self._text is not None and self._chars < _MAX_CHARS:
            self._text.append(text[: _MAX_CHARS - self._chars])
            self._chars += len(text)

    def end(self, tag: str) -> None:
        base = self._base()
        if base is not None and self._text is not None:
            depth = len(self._path) - base
            if depth == 1 or depth == 3:
                self._keep(self._path[base], "".join(self._text), first=self._default_language)
            self._text = None
        self._path.pop()

    def close(self) -> Mapping[str, list[str]]:
        return self.found

    def _base(self) -> int | None:
        """How many elements deep the rdf:Description around this one lies; None outside of one."""
        for depth in range(min(len(self._path), 4) - 1):
            if self._path[depth] == f"{_RDF}RDF" and self._path[depth + 1] == f"{_RDF}Description":
                return depth + 2
        return None

    def _keep(self, name: str, value: str, *, first: bool = False) -> None:
        value = value.strip()
        texts = self.found.setdefault(name, [])
        if value and len(texts) < _MAX_TEXTS:
            texts.insert(0 if first else len(texts), value)
