"""Parts of archives that came through the gate before, byte for byte: of the parts of a form most are in every workbook.

A part is known by all that its unpacking depends on, so what is said of it again is what unpacking it would say again.
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterable

MAX_KNOWN_BYTES, LARGEST_KNOWN = 24 << 20, 1 << 18
DAMAGED_ARCHIVE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),  # each way of packing has its own
    *(EOFError, OSError, ValueError, NotImplementedError),
)
"""What an archive may raise of which the directory or a part is not what it should be."""
_HEADER, _SIGNATURE = 30, b"PK\x03\x04"
_UTF_8, _EFFORT = 0x800, 0x6
"""Flags that an ordinary part may have: its name is UTF-8, and how much effort was made to make it small."""

Archived = tuple[str, int, int, int, int, bytes]
"""A part as it lies in an archive: name, checksum, size, method and flags as the directory has them, header and content."""


def ends_of(entries: Iterable[zipfile.ZipInfo], size: int) -> dict[int, int]:
    """Where parts must end that lie at these places of an archive: where the next one begins."""
    starts = sorted(entry.header_offset for entry in entries)
    return dict(reversed([*zip(starts, [*starts[1:], size], strict=True)]))


def as_archived(content: bytes, entry: zipfile.ZipInfo, end: int) -> Archived | None:
    """A part of an archive (`content`: all its bytes); None where it is too large to be remembered, or reaches beyond its
    `end`."""
    start = entry.header_offset
    if entry.file_size > LARGEST_KNOWN or entry.compress_size > LARGEST_KNOWN or start < 0:
        return None
    lengths = content[start + 26 : start + _HEADER]
    around = _HEADER + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
    if start + around + entry.compress_size > end:
        return None
    said = content[start : start + around + entry.compress_size]
    return entry.orig_filename, entry.CRC, entry.file_size, entry.compress_type, entry.flag_bits, said


def unpacked(entry: zipfile.ZipInfo, archived: Archived) -> bytes | None:
    """What an ordinary part holds. None where anything about it is not as it is in most archives: then the library of
    archives has to say whether it can be read, and what it holds."""
    said = archived[-1]
    encoding = "utf-8" if entry.flag_bits & _UTF_8 else "cp437"
    try:
        name = entry.orig_filename.encode(encoding)
    except UnicodeEncodeError:
        return None
    kind = entry.flag_bits.to_bytes(2, "little") + zipfile.ZIP_DEFLATED.to_bytes(2, "little")
    start = _HEADER + len(name) + int.from_bytes(said[28:_HEADER], "little")
    ordinary = entry.compress_type == zipfile.ZIP_DEFLATED and not entry.flag_bits & ~(_UTF_8 | _EFFORT)
    header = said[:4] == _SIGNATURE and said[6:10] == kind and said[26:28] == len(name).to_bytes(2, "little")
    if not (ordinary and header and said[_HEADER:].startswith(name) and len(said) == start + entry.compress_size):
        return None
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        part = inflating.decompress(said[start:], entry.file_size + 1)
    except zlib.error:
        return None
    whole = inflating.eof and not inflating.unused_data and len(part) == entry.file_size
    return part if whole and zlib.crc32(part) == entry.CRC else None


class KnownParts(dict[Archived, bytes]):
    """Unpacked parts by what they are in the archive."""

    size = 0

    def keep(self, archived: Archived, part: bytes) -> None:
        """Keep one that is in order; when there are too many, all are forgotten first."""
        self.size += len(part) + len(archived[-1])
        if self.size > MAX_KNOWN_BYTES:
            self.clear()
            self.size = len(part) + len(archived[-1])
        self[archived] = part
