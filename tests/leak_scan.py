"""Looks for secret numbers in files of every kind that leaves the house, in the forms in which they could stand there."""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from email import message_from_bytes, policy
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from pypdf import PdfReader

_TAG = re.compile(r"<(script|style)\b.*?</\1>|<(/?\w[^<>]*)>", re.DOTALL)
_SPOKEN = re.compile(
    r"""\b(?:alt|title|aria-[a-z]+|data-[a-z-]+|content|href|id|name|value|datetime)=["']([^"']*)["']"""
)
_NUMBER = re.compile(r"(?<![\w.,#%/-])[-−]?\d[\d.,\u00a0\u202f]*(?![\w])")
_SPACES = dict.fromkeys(map(ord, "\u00a0\u202f"))
_TEXT = {".html", ".svg", ".xml", ".rdf", ".vml", ".rels"}
_PLAIN = {".json", ".jsonl", ".jsonld", ".csv", ".txt", ".md", ".yaml", ".log", ".ttl", ".js", ".css"}
KINDS = {*_TEXT, *_PLAIN, ".xlsx", ".zip", ".parquet", ".pdf", ".png", ".eml"}
"""Kinds of files that are read; others are passed over."""


@dataclass(frozen=True)
class Secret:
    """A number that nobody may find. A whole number is looked for as it is, another from three decimals on."""

    name: str
    value: Fraction

    def stands_in(self, number: Decimal) -> bool:
        """Is the number this one, rounded to the decimals it is written with?"""
        places = -int(number.as_tuple().exponent)
        if self.value.denominator == 1:
            return Fraction(number) == self.value
        if places < 3 or abs(Fraction(number) - self.value) > Fraction(1, 10**places):
            return False
        exact = Decimal(self.value.numerator) / Decimal(self.value.denominator)
        return abs(number) == abs(exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)) or places > 12


def forms(count: int, base: int, shown: Iterable[int]) -> Iterator[Secret]:
    """A hidden count with its base: itself, its remainder, its share, and its distances to printed counts."""
    yield Secret("count", Fraction(count))
    yield Secret("remainder", Fraction(base - count))
    for factor in (1, 100, 1000, 10000):
        yield Secret(f"share of {factor}", Fraction(factor * count, base))
        yield Secret(f"share of the remainder of {factor}", Fraction(factor * (base - count), base))
    for other in shown:
        yield Secret(f"ratio to {other}", Fraction(count, other))
        yield Secret(f"ratio of {other}", Fraction(other, count))


def findings(folder: Path, secrets: Iterable[Secret], without: Collection[Path] = ()) -> list[str]:
    """Where one of the secrets stands: file, place, text."""
    wanted = list(secrets)
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in without:
            for place, text in texts(path.name, path.read_bytes()):
                found += [f"{path.relative_to(folder)} {place}: {hit}" for hit in hits(text, wanted)]
    return found


def hits(text: str, secrets: list[Secret]) -> Iterator[str]:
    """Secrets in a text."""
    for token in dict.fromkeys(found.group() for found in _NUMBER.finditer(text)):
        for number in readings(token):
            for secret in secrets:
                if secret.stands_in(number):
                    yield f"{token} ({secret.name})"


def readings(token: str) -> Iterator[Decimal]:
    """What a token can mean in German, in English and to a machine."""
    plain = token.translate(_SPACES).replace("−", "-").rstrip(".,")
    found = {plain} if re.fullmatch(r"-?\d+(\.\d+)?", plain) else set()
    for group, point in ((".", ","), (",", ".")):
        if re.fullmatch(rf"-?(\d+|\d{{1,3}}(\{group}\d{{3}})+)(\{point}\d+)?", plain):
            found.add(plain.replace(group, "").replace(point, "."))
    yield from map(Decimal, sorted(found))


def texts(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    """The readable texts of a file with their place."""
    kind = Path(name).suffix.lower()
    if kind in _TEXT:
        yield from _of_markup(content.decode("utf-8"))
    elif kind in _PLAIN:
        yield "", content.decode("utf-8")
    elif kind in (".xlsx", ".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for inner in archive.namelist():
                for place, text in texts(inner, archive.read(inner)):
                    yield f"{inner} {place}", text
    elif kind == ".eml":
        message = message_from_bytes(content, policy=policy.default)
        yield "head", "\n".join(f"{name}: {value}" for name, value in message.items())
        for part in message.walk():
            if not part.is_multipart():
                yield from texts(part.get_filename() or "body.txt", part.get_payload(decode=True))  # type: ignore[arg-type]
    elif kind == ".parquet":
        yield from _of_parquet(content)
    elif kind == ".pdf":
        reader = PdfReader(io.BytesIO(content))
        yield "properties", json.dumps({key: str(value) for key, value in (reader.metadata or {}).items()})
        for number, page in enumerate(reader.pages, start=1):
            yield f"page {number}", page.extract_text()
    elif kind == ".png":
        yield "properties", json.dumps({k: str(v) for k, v in Image.open(io.BytesIO(content)).info.items()})


def _of_markup(text: str) -> Iterator[tuple[str, str]]:
    """What is read (also aloud, also by machines), without the geometry of charts: that is compared as a whole."""
    yield "text", html.unescape(_TAG.sub(" ", text))
    for found in _SPOKEN.finditer(text):
        yield "attribute", html.unescape(found.group(1))
    for found in re.finditer(r"<script\b[^>]*>(.*?)</script>", text, re.DOTALL):
        yield "script", found.group(1)


def _of_parquet(content: bytes) -> Iterator[tuple[str, str]]:
    file = pq.ParquetFile(pa.BufferReader(content))
    yield "properties", str(file.schema_arrow.metadata)
    for group in range(file.metadata.num_row_groups):
        for column in range(file.metadata.num_columns):
            limits: Any = file.metadata.row_group(group).column(column).statistics
            if limits is not None and limits.has_min_max:
                yield "statistics", f"{limits.min} {limits.max}"
    for row in file.read().to_pylist():
        yield "row", " ; ".join(str(value) for value in row.values() if value is not None)
