"""The place through which machines hand each other work: a shared folder or S3, every object named by its content.

An object is written whole or not at all, and read back only when its content is what its name says. Writing it twice, on
whatever machine, changes nothing: so a task may be repeated at any time.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.fs as fs
import pyarrow.parquet as pq

KEEP = timedelta(days=7)
"""What a killed run left behind goes after so long."""


class Damaged(Exception):
    """An object is not what its name says. The text names the object."""


@dataclass(frozen=True)
class Exchange:
    """`s3://bucket/prefix` (access as the environment variables of AWS say) or a folder that all machines see."""

    address: str

    def put(self, content: bytes) -> str:
        """Store an object; its name."""
        name = hashlib.sha256(content).hexdigest()
        system, folder = self._opened()
        target = f"{folder}/{name}"
        if system.get_file_info(target).type is fs.FileType.File:
            return name
        if isinstance(system, fs.S3FileSystem):  # an object appears as a whole
            with system.open_output_stream(target) as stream:
                stream.write(content)
            return name
        system.create_dir(folder, recursive=True)
        temporary = f"{folder}/.{uuid.uuid4().hex}"
        with system.open_output_stream(temporary) as stream:
            stream.write(content)
        system.move(temporary, target)
        return name

    def get(self, name: str) -> bytes:
        """The object of this name. Raises Damaged."""
        system, folder = self._opened()
        with system.open_input_stream(f"{folder}/{name}") as stream:
            content: bytes = stream.read()
        if hashlib.sha256(content).hexdigest() != name:
            raise Damaged(name)
        return content

    def put_tables(self, tables: Mapping[str, pa.Table]) -> dict[str, str]:
        """Store tables as Parquet; table -> name of the object."""
        names = {}
        for table, rows in tables.items():
            sink = pa.BufferOutputStream()
            pq.write_table(rows, sink, compression="zstd")
            names[table] = self.put(sink.getvalue().to_pybytes())
        return names

    def get_tables(self, names: Mapping[str, str]) -> dict[str, pa.Table]:
        """Tables that were stored with `put_tables`."""
        return {table: pq.read_table(pa.BufferReader(self.get(name))) for table, name in names.items()}

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; one that is gone already is no harm."""
        system, folder = self._opened()
        for name in set(names):
            if system.get_file_info(f"{folder}/{name}").type is fs.FileType.File:
                system.delete_file(f"{folder}/{name}")

    def sweep(self) -> None:
        """Remove what is older than `KEEP`: no run is still working with it."""
        system, folder = self._opened()
        old = datetime.now(UTC) - KEEP
        for found in system.get_file_info(fs.FileSelector(folder, allow_not_found=True)):
            if found.type is fs.FileType.File and found.mtime and found.mtime < old:
                system.delete_file(found.path)

    def _opened(self) -> tuple[fs.FileSystem, str]:
        if not self.address.startswith("s3://"):
            return fs.LocalFileSystem(), os.path.abspath(self.address)
        endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL", ""))
        options = {"endpoint_override": endpoint.netloc, "scheme": endpoint.scheme} if endpoint.netloc else {}
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        return fs.S3FileSystem(region=region, **options), self.address.removeprefix("s3://").rstrip("/")
