"""Parts of archives that came through the gate before, byte for byte: of the parts of a form most are in every workbook.

A part is known by all that its unpacking depends on, so what is said of it again is what unpacking it would say again.
"""

from __future__ import annotations

import zipfile

MAX_KNOWN_BYTES, LARGEST_KNOWN = 24 << 20, 1 << 18
_HEADER = 30

Archived = tuple[str, int, int, int, int, bytes]
"""A part as it lies in an archive: name, checksum, size, method and flags as the directory has them, header and content."""


def as_archived(content: bytes, entry: zipfile.ZipInfo) -> Archived | None:
    """A part of an archive (`content`: all its bytes); None where it is too large to be remembered."""
    start = entry.header_offset
    if entry.file_size > LARGEST_KNOWN or entry.compress_size > LARGEST_KNOWN or start < 0:
        return None
    lengths = content[start + 26 : start + _HEADER]
    around = _HEADER + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
    said = content[start : start + around + entry.compress_size]
    return entry.orig_filename, entry.CRC, entry.file_size, entry.compress_type, entry.flag_bits, said


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
