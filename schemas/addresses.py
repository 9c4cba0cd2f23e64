"""Which typed addresses may be shown as such: a gate of its own, whatever was said when the delivery was checked."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

SCHEMES = ("http", "https")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def is_web_address(text: str) -> bool:
    """http or https with a host, without a login, blanks or signs that steer."""
    if any(sign.isspace() or ord(sign) < 32 for sign in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in SCHEMES and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def is_email_address(text: str) -> bool:
    """A plain address without parameters."""
    return _EMAIL.fullmatch(text) is not None
