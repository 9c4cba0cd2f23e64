"""Alarms reach a real mail server and a webhook on loopback, wait when they cannot, and are not repeated."""

from __future__ import annotations

import base64
import http.server
import json
import shutil
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from flows import alarms, mail
from flows.alarm_settings import AlarmSettings, load_alarm_settings
from flows.alarms import Alarm, raise_alarm, retry, waiting_alarms
from flows.settings import SettingsError

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class SmtpSession(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client needs: EHLO, STARTTLS, AUTH PLAIN, MAIL, RCPT, DATA."""

    server: SmtpServer

    def handle(self) -> None:
        self.say("220 localhost")
        while line := self.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if verb.upper() == "QUIT":
                self.say("221 bye")
                return
            getattr(self, f"do_{verb.lower()}", self.unknown)(rest)

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def unknown(self, rest: str) -> None:
        self.say("250 ok")

    def do_ehlo(self, rest: str) -> None:
        offers = ["localhost", *(["STARTTLS"] if self.server.tls else []), "AUTH PLAIN"]
        for offer in offers[:-1]:
            self.say(f"250-{offer}")
        self.say(f"250 {offers[-1]}")

    def do_starttls(self, rest: str) -> None:
        assert self.server.tls is not None
        self.say("220 go ahead")
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        self.server.encrypted += 1

    def do_auth(self, rest: str) -> None:
        name, password = base64.b64decode(rest.split()[1]).decode().split("\0")[1:]
        self.server.logins.append(name)
        self.say("235 welcome" if password == self.server.password else "535 no")

    def do_rcpt(self, rest: str) -> None:
        self.say("550 unknown" if "nobody" in rest else "250 ok")

    def do_data(self, rest: str) -> None:
        if self.server.failing:
            self.say("451 later")
            return
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        self.server.messages.append(message_from_bytes(b"".join(lines), policy=policy.default))
        self.say("250 taken")


class SmtpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None, password: str = "") -> None:
        super().__init__(("127.0.0.1", 0), SmtpSession)
        self.tls, self.password = tls, password
        self.messages: list[EmailMessage] = []
        self.logins: list[str] = []
        self.encrypted, self.failing = 0, False
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Hook(http.server.BaseHTTPRequestHandler):
    """Remembers what is posted; answers 500 while the server is told to."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.status  # type: ignore[attr-defined]
        if status == 200:
            self.server.documents.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(status)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    server = SmtpServer()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.HTTPServer]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    server.documents, server.status = [], 200  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def by_mail(server: SmtpServer, **more: object) -> AlarmSettings:
    base = AlarmSettings(mail_to=("betrieb@example.org",), smtp_host="127.0.0.1", smtp_port=server.port)
    return replace(base, timeout_seconds=5.0, **more)  # type: ignore[arg-type]


ALARM = Alarm("LAUF", "Bitte nachsehen: Der Lauf ist gescheitert.", ("Programmfehler: ValueError.",), at=NOON)


def test_mail_arrives_with_what_to_do_in_the_first_line(tmp_path: Path, smtp: SmtpServer) -> None:
    assert raise_alarm(tmp_path, by_mail(smtp), ALARM).sent == 1
    (message,) = smtp.messages
    text = message.get_content()
    assert message["To"] == "betrieb@example.org"
    assert message["Subject"] == f"[Integrationsmonitoring] {ALARM.todo}"
    assert message["Auto-Submitted"] == "auto-generated"
    assert text.splitlines()[0] == ALARM.todo
    assert "Programmfehler: ValueError." in text
    assert "22.11.2026, 13:00 Uhr" in text
    assert "Alarm LAUF" in text
    assert waiting_alarms(tmp_path) == 0


def test_same_alarm_is_not_repeated_within_a_day_another_one_is_sent(tmp_path: Path, smtp: SmtpServer) -> None:
    ways = by_mail(smtp)
    for hours in (0, 1, 23.9):
        raise_alarm(tmp_path, ways, replace(ALARM, at=NOON + timedelta(hours=hours)))
    assert len(smtp.messages) == 1
    raise_alarm(tmp_path, ways, replace(ALARM, key="LAUF:other"))
    raise_alarm(tmp_path, ways, replace(ALARM, at=NOON + timedelta(hours=24.1)))
    assert len(smtp.messages) == 3


def test_unsent_alarms_wait_on_disk_and_go_out_later_once(tmp_path: Path, smtp: SmtpServer) -> None:
    ways = by_mail(smtp)
    smtp.failing = True
    handover = raise_alarm(tmp_path, ways, ALARM)
    assert (handover.sent, handover.waiting) == (0, 1)
    assert handover.errors == ["127.0.0.1: Der Server lehnt ab (451)."]
    raise_alarm(tmp_path, ways, replace(ALARM, at=NOON + timedelta(hours=2)))
    assert waiting_alarms(tmp_path) == 1
    smtp.failing = False
    assert retry(tmp_path, ways, NOON + timedelta(hours=3)).sent == 1
    assert retry(tmp_path, ways, NOON + timedelta(hours=4)).sent == 0
    assert len(smtp.messages) == 1


def test_each_way_gets_an_alarm_once_even_when_the_other_fails(
    tmp_path: Path, smtp: SmtpServer, hook: http.server.HTTPServer
) -> None:
    ways = by_mail(smtp, webhook=f"http://127.0.0.1:{hook.server_port}/alarm")
    hook.status = 500  # type: ignore[attr-defined]
    assert raise_alarm(tmp_path, ways, ALARM).waiting == 1
    hook.status = 200  # type: ignore[attr-defined]
    assert retry(tmp_path, ways, NOON).sent == 1
    assert len(smtp.messages) == 1
    (document,) = hook.documents  # type: ignore[attr-defined]
    assert document["title"] == ALARM.todo
    assert document["text"].startswith(ALARM.todo)
    assert (document["code"], document["time"]) == ("LAUF", "2026-11-22T12:00:00+00:00")


def test_without_any_way_the_alarm_stays_on_disk_and_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raise_alarm(tmp_path, AlarmSettings(), ALARM).waiting == 1
    assert ALARM.todo in capsys.readouterr().err
    assert waiting_alarms(tmp_path) == 1
    retry(tmp_path, AlarmSettings(), NOON + timedelta(days=alarms.KEEP_DAYS + 1))
    assert waiting_alarms(tmp_path) == 0


def test_an_alarm_that_fails_never_raises(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    handover = raise_alarm(tmp_path, AlarmSettings(), ALARM)
    assert handover.errors
    assert ALARM.todo in capsys.readouterr().err
    refused = AlarmSettings(mail_to=("betrieb@example.org",), smtp_host="127.0.0.1", smtp_port=9, timeout_seconds=2)
    assert raise_alarm(tmp_path / "other", refused, ALARM).waiting == 1


def test_damaged_memory_of_alarms_does_not_stop_them(tmp_path: Path, smtp: SmtpServer) -> None:
    spool = tmp_path / "state" / "alarms" / "spool"
    spool.mkdir(parents=True)
    (spool / "broken.json").write_text("{")
    (spool / "other.json").write_text('{"at": "gestern"}')
    (spool.parent / "sent.json").write_text('{"LAUF": 7}')
    assert raise_alarm(tmp_path, by_mail(smtp), ALARM).sent == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", f"{path}.key", "-out", f"{path}.crt", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    path.write_text(Path(f"{path}.crt").read_text() + Path(f"{path}.key").read_text())
    return path


def test_starttls_and_login(tmp_path: Path, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = SmtpServer(context, "geheim")
    ways = by_mail(server, smtp_host="localhost", smtp_encryption="starttls", smtp_user="monitor")
    try:
        wrong_paper = raise_alarm(tmp_path / "a", replace(ways, smtp_password="geheim"), ALARM)
        assert wrong_paper.waiting == 1  # nobody vouches for the certificate
        known = replace(ways, smtp_ca_file=str(certificate))
        wrong = raise_alarm(tmp_path / "b", replace(known, smtp_password="falsch"), ALARM)
        assert wrong.errors == ["localhost: Die Anmeldung wurde abgelehnt (535)."]
        assert raise_alarm(tmp_path / "c", replace(known, smtp_password="geheim"), ALARM).sent == 1
    finally:
        server.shutdown()
        server.server_close()
    assert server.logins == ["monitor", "monitor"]
    assert len(server.messages) == 1


def test_password_never_goes_over_an_open_line() -> None:
    server = mail.Server("mail.example.org", user="monitor", password="geheim")
    message = mail.compose("a@example.org", ["b@example.org"], "x", "y", NOON)
    with pytest.raises(mail.MailError, match="nur verschlüsselt"):
        mail.send(server, message)
    assert "geheim" not in repr(server)
    assert "geheim" not in repr(AlarmSettings(smtp_password="geheim", webhook="http://localhost/geheim"))


def test_refused_recipient_is_told(smtp: SmtpServer) -> None:
    server = mail.Server("127.0.0.1", smtp.port)
    with pytest.raises(mail.MailError, match="Kein Empfänger"):
        mail.send(server, mail.compose("a@example.org", ["nobody@example.org"], "x", "y", NOON))
    with pytest.raises(mail.MailError, match="1 Empfänger"):
        mail.send(server, mail.compose("a@example.org", ["b@example.org", "nobody@example.org"], "x", "y", NOON))


def test_line_breaks_cannot_add_headers() -> None:
    message = mail.compose("a@example.org", ["b@example.org"], "Betreff\r\nBcc: c@example.org", "Text", NOON)
    assert message["Bcc"] is None
    assert message["Subject"] == "Betreff Bcc: c@example.org"


def test_settings_from_file_environment_and_credential(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        'sample = true\n[alarm]\nmail_to = ["a@example.org"]\nsmtp_host = "localhost"\nsilence_hours = 30\n'
    )
    found = load_alarm_settings(tmp_path, {})
    assert (found.mail_to, found.channels, found.silence_hours) == (("a@example.org",), ("mail",), 30.0)
    (tmp_path / "smtp-password").write_text("geheim\n")
    given = {
        "MONITOR_ALARM_MAIL_TO": "b@example.org, c@example.org",
        "MONITOR_ALARM_SMTP_PORT": "2525",
        "CREDENTIALS_DIRECTORY": str(tmp_path),
    }
    found = load_alarm_settings(tmp_path, given)
    assert (found.mail_to, found.smtp_port) == (("b@example.org", "c@example.org"), 2525)
    assert found.smtp_password == "geheim"
    assert load_alarm_settings(tmp_path / "empty", {}) == AlarmSettings()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[alarm]\nmail = "a@example.org"\n', "sind bekannt: mail_to"),
        ('[alarm]\nmail_to = "a@example.org"\n', "„mail_to“ hat den falschen Typ"),
        ("[alarm]\nsmtp_port = true\n", "„smtp_port“ hat den falschen Typ"),
        ('[alarm]\nsmtp_encryption = "ssl"\n', "erlaubt sind none, starttls, tls"),
        ('[alarm]\nwebhook = "file:///etc/passwd"\n', "beginnt mit http"),
        ("[alarm\n", "nicht lesbar"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(SettingsError, match=why):
        load_alarm_settings(tmp_path, {})


def test_wrong_environment_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MONITOR_ALARM_SMTP_PORT"):
        load_alarm_settings(tmp_path, {"MONITOR_ALARM_SMTP_PORT": "viele"})
