"""Reads the words of each page of a PDF that Chromium printed: as much of the format as its writer uses."""

import re
import unicodedata
import zlib
from collections.abc import Iterator

OBJECT = re.compile(rb"(\d+) 0 obj\s(.*?)endobj", re.DOTALL)
SHOWN = re.compile(rb"/(F\d+) [\d.]+ Tf|(<[0-9A-Fa-f]+>|\((?:\\.|[^\\)])*\)) ?Tj|\[((?:[^\]\\]|\\.)*)\] ?TJ", re.DOTALL)
HEX = re.compile(rb"<([0-9A-Fa-f]+)>")
ONE = re.compile(rb"<([0-9A-F]{4})> <([0-9A-F]+)>\n")
RANGE = re.compile(rb"<([0-9A-F]{4})> <([0-9A-F]{4})> <([0-9A-F]{4})>")
Letters = dict[int, str]


def words_of(pdf: bytes) -> list[str]:
    """Return the text of each page without any space, in the order it was drawn; ligatures as their letters."""
    objects = {int(found[1]): found[2] for found in OBJECT.finditer(pdf)}
    (root,) = [body for body in objects.values() if b"/Type /Catalog" in body]
    return [_page(page, objects) for page in _leaves(_number(root, b"/Pages"), objects)]


def _number(body: bytes, name: bytes) -> int:
    found = re.search(re.escape(name) + rb" (\d+) 0 R", body)
    assert found, name
    return int(found[1])


def _leaves(number: int, objects: dict[int, bytes]) -> Iterator[bytes]:
    """Return the pages below a node, in order."""
    body = objects[number]
    kids = re.search(rb"/Kids \[([^\]]*)\]", body)
    if kids is None:
        yield body
        return
    for kid in re.findall(rb"(\d+) 0 R", kids[1]):
        yield from _leaves(int(kid), objects)


def _stream(body: bytes) -> bytes:
    packed = re.split(rb"stream\r?\n", body, maxsplit=1)[1]
    return zlib.decompressobj().decompress(packed)


def _page(body: bytes, objects: dict[int, bytes]) -> str:
    fonts = re.findall(rb"/(F\d+) (\d+) 0 R", body)
    letters = {name: _letters(objects[int(number)], objects) for name, number in fonts}
    text, font = "", b""
    for name, single, row in SHOWN.findall(_stream(objects[_number(body, b"/Contents")])):
        font = name or font
        for code in HEX.findall(single or row):
            glyphs = [int(code[at : at + 4], 16) for at in range(0, len(code), 4)]
            text += "".join(letters[font].get(glyph, "") for glyph in glyphs)
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def _letters(font: bytes, objects: dict[int, bytes]) -> Letters:
    """Return what each glyph of a font stands for."""
    table = _stream(objects[_number(font, b"/ToUnicode")])
    found: Letters = {}
    for block in re.findall(rb"beginbfchar\n(.*?)endbfchar", table, re.DOTALL):
        found |= {
            int(glyph, 16): bytes.fromhex(code.decode()).decode("utf-16-be") for glyph, code in ONE.findall(block)
        }
    for block in re.findall(rb"beginbfrange\n(.*?)endbfrange", table, re.DOTALL):
        for first, last, code in RANGE.findall(block):
            low = int(first, 16)
            found |= {glyph: chr(int(code, 16) + glyph - low) for glyph in range(low, int(last, 16) + 1)}
    return found
