"""Mail: plain text messages, and one way to hand them to a mail server."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr

from flows.wording import text as told

ENCRYPTIONS = ("none", "starttls", "tls")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


class MailError(Exception):
    """The mail could not be handed over; the text names the server and the cause, not the content."""


@dataclass(frozen=True)
class Server:
    """The mail server. `encryption`: none, starttls or tls (from the first byte)."""

    host: str
    port: int = 25
    encryption: str = "none"
    user: str = ""
    password: str = field(default="", repr=False)
    timeout_seconds: float = 20.0
    ca_file: str = ""


def compose(
    sender: str, to: Sequence[str], subject: str, text: str, at: datetime, *, reply_to: str = "", draft: bool = False
) -> EmailMessage:
    """A plain text message. A draft opens in a mail program ready to be sent."""
    message = EmailMessage(policy=SMTP)
    message["From"] = _one_line(sender)
    if to:
        message["To"] = ", ".join(_one_line(address) for address in to)
    if reply_to:
        message["Reply-To"] = _one_line(reply_to)
    message["Subject"] = _one_line(subject)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2] or "localhost")
    message["Content-Language"] = "de"
    if draft:
        message["X-Unsent"] = "1"
    else:
        message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    return message


def send(server: Server, message: EmailMessage) -> None:
    """Hand a message over; raises MailError. A password never goes over an open line to another machine."""
    if server.user and server.encryption == "none" and server.host not in _LOOPBACK:
        raise MailError(told("mail.open_line", host=server.host))
    try:
        with _connect(server) as connection:
            if server.encryption == "starttls":
                connection.starttls(context=_context(server))
            if server.user:
                connection.login(server.user, server.password)
            refused = connection.send_message(message)
    except smtplib.SMTPAuthenticationError as error:
        raise MailError(told("mail.login", host=server.host, code=error.smtp_code)) from error
    except smtplib.SMTPRecipientsRefused as error:
        raise MailError(told("mail.nobody", host=server.host)) from error
    except smtplib.SMTPResponseException as error:
        raise MailError(told("mail.refused", host=server.host, code=error.smtp_code)) from error
    except (OSError, smtplib.SMTPException) as error:
        raise MailError(
            told("mail.unreachable", host=server.host, port=server.port, why=type(error).__name__)
        ) from error
    if refused:
        raise MailError(told("mail.some", host=server.host, count=len(refused)))


def addresses(text: str) -> tuple[str, ...]:
    """Mail addresses in a text, each once, in lower case."""
    return tuple(dict.fromkeys(found.lower().rstrip(".") for found in _ADDRESS.findall(text)))


def _connect(server: Server) -> smtplib.SMTP:
    if server.encryption == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_seconds, context=_context(server))
    return smtplib.SMTP(server.host, server.port, timeout=server.timeout_seconds)


def _context(server: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file or None)


def _one_line(text: str) -> str:
    return " ".join(text.split())
