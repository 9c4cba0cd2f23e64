"""Reminders: on their days, once, to those with open work, one mail per contact, fields but never values."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from flows import mail, reminders
from flows.alarm_settings import AlarmSettings
from flows.board import BACK, DONE, MISSING, NIL, PARTIAL, QUESTIONS, WAIVED, Board, FieldStanding, RegionStanding
from flows.deadlines import Calendar
from flows.reminders import remind
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.yaml_source import FrameworkError

REPOSITORY = Path(__file__).resolve().parents[1]
DEADLINE = date(2026, 10, 31)
NAMES = {"06411": "Darmstadt", "06412": "Frankfurt am Main", "06413": "Offenbach am Main", "06414": "Wiesbaden"}


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework(REPOSITORY / "schemas" / "framework")


def standing(framework: Framework, region: str, state: str, contact: str = "", **field: Any) -> RegionStanding:
    """A region whose first field is in a state; the others are confirmed, or missing with the whole delivery."""
    first, *others = framework.fields
    rest = state if state in (MISSING, NIL, WAIVED) else DONE
    fields = [FieldStanding(first, state, 7, state != MISSING, 4, field.get("missing", 0), field.get("errors", 0))]
    fields += [FieldStanding(code, rest, 5, True, 5, 0, questions=field.get("questions", 0)) for code in others]
    delivered = {} if state == MISSING else {"deliveries": 1, "newest": f"2026-{region}-0001"}
    return RegionStanding(region, NAMES.get(region, region), state, tuple(fields), contact=contact, **delivered)


def year(framework: Framework, today: date, *regions: RegionStanding) -> Board:
    return Board(Calendar(framework).dates(2025), today, regions, {})


def before(days: int) -> date:
    return DEADLINE - timedelta(days)


def drafts(root: Path) -> dict[str, EmailMessage]:
    folder = root / "outbox" / "_reminders"
    return {path.name: message_from_bytes(path.read_bytes(), policy=policy.default) for path in folder.glob("*.eml")}


def text_of(root: Path) -> str:
    (message,) = drafts(root).values()
    return str(message.get_content())


@pytest.mark.parametrize(
    ("days", "name", "sentence"),
    [
        (21, "2025_21-Tage-vorher_06411.eml", "endet die Abgabefrist am 31.10.2026 (in 21 Tagen)."),
        (5, "2025_5-Tage-vorher_06411.eml", "endet die Abgabefrist am 31.10.2026 (in 5 Tagen)."),
        (-1, "2025_1-Tage-danach_06411.eml", "ist am 31.10.2026 abgelaufen."),
    ],
)
def test_reminder_on_its_day(tmp_path: Path, framework: Framework, days: int, name: str, sentence: str) -> None:
    region = standing(framework, "06411", MISSING, "Amt, amt@example.org")
    result = remind(tmp_path, framework, [year(framework, before(days), region)], AlarmSettings())
    assert [path.name for path in result.drafts] == [name]
    message = drafts(tmp_path)[name]
    assert (message["To"], message["X-Unsent"]) == ("amt@example.org", "1")
    assert message["From"] == message["Reply-To"] == "monitoring@example.org"
    assert sentence in message.get_content()
    assert "Es liegt noch keine Lieferung vor." in message.get_content()


@pytest.mark.parametrize("days", [60, 22, -16, -100])
def test_no_reminder_on_other_days(tmp_path: Path, framework: Framework, days: int) -> None:
    region = standing(framework, "06411", MISSING, "amt@example.org")
    result = remind(tmp_path, framework, [year(framework, before(days), region)], AlarmSettings())
    assert result.text() == "Nichts zu tun."
    assert drafts(tmp_path) == {}


def test_a_missed_day_is_made_up_for_and_no_occasion_is_told_twice(tmp_path: Path, framework: Framework) -> None:
    region = standing(framework, "06411", MISSING, "amt@example.org")
    told = [
        len(remind(tmp_path, framework, [year(framework, before(days), region)], AlarmSettings()).drafts)
        for days in (19, 18, 6, 5, 4, 0, -1, -2, -10)
    ]
    assert told == [1, 0, 0, 1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("state", [NIL, DONE, QUESTIONS, WAIVED])
def test_nobody_without_open_work_is_written_to(tmp_path: Path, framework: Framework, state: str) -> None:
    region = standing(framework, "06411", state, "amt@example.org")
    for days in (21, 5, -1):
        assert not remind(tmp_path, framework, [year(framework, before(days), region)], AlarmSettings()).drafts


def test_one_mail_per_contact_says_exactly_what_is_open(tmp_path: Path, framework: Framework) -> None:
    first = next(iter(framework.fields.values())).name_de
    shared = "Büro, amt@example.org"
    regions = (
        standing(framework, "06411", PARTIAL, shared, missing=3),
        standing(framework, "06412", BACK, shared, errors=2),
        standing(framework, "06413", DONE, shared),
    )
    remind(tmp_path, framework, [year(framework, before(5), *regions)], AlarmSettings())
    text = text_of(tmp_path)
    assert f"– {first}: 3 von 7 Merkmalen fehlen" in text
    assert f"– {first}: 2 Fehler zu berichtigen" in text
    assert "Ihre Lieferung 2026-06412-0001 ist zurückgegeben" in text
    assert "Offenbach" not in text


def test_singular_and_questions(tmp_path: Path, framework: Framework) -> None:
    region = replace(standing(framework, "06411", PARTIAL, "amt@example.org", missing=1))
    asked = replace(region, fields=(replace(region.fields[0], questions=1), *region.fields[1:]))
    remind(tmp_path, framework, [year(framework, before(0), asked)], AlarmSettings())
    assert "1 von 7 Merkmalen fehlt" in text_of(tmp_path)
    assert "1 offene Rückfrage." in text_of(tmp_path)
    assert "(heute)" in text_of(tmp_path)


def test_whole_delivery_missing_names_the_fields_once(tmp_path: Path, framework: Framework) -> None:
    region = standing(framework, "06411", MISSING, "amt@example.org")
    remind(tmp_path, framework, [year(framework, before(5), region)], AlarmSettings())
    text = " ".join(text_of(tmp_path).split())
    for entry in framework.fields.values():
        assert text.count(entry.name_de) == 1


def test_regions_without_address_get_a_draft_each_and_are_named(tmp_path: Path, framework: Framework) -> None:
    regions = [standing(framework, code, MISSING) for code in NAMES]
    result = remind(tmp_path, framework, [year(framework, before(5), *regions)], AlarmSettings())
    assert result.without_address == list(NAMES)
    assert "contacts.yaml ergänzen" in result.text()
    found = drafts(tmp_path)
    assert set(found) == {f"2025_5-Tage-vorher_{code}.eml" for code in NAMES}
    assert all(message["To"] is None for message in found.values())


def test_a_contact_of_many_regions_gets_one_mail(tmp_path: Path, framework: Framework) -> None:
    regions = [standing(framework, code, MISSING, "amt@example.org") for code in NAMES]
    remind(tmp_path, framework, [year(framework, before(5), *regions)], AlarmSettings())
    ((name, message),) = drafts(tmp_path).items()
    assert name == "2025_5-Tage-vorher_06411-06412-06413-und-1-weitere.eml"
    assert all(f"({code})" in message.get_content() for code in NAMES)


def test_contacts_file_comes_first_and_is_strict(tmp_path: Path, framework: Framework) -> None:
    path = tmp_path / "contacts.yaml"
    path.write_text("'06411': Leitung <leitung@example.org>, amt@example.org\n")
    region = standing(framework, "06411", MISSING, "alt@example.org")
    remind(tmp_path, framework, [year(framework, before(5), region)], AlarmSettings())
    (message,) = drafts(tmp_path).values()
    assert message["To"] == "leitung@example.org, amt@example.org"
    for text in ("'99999': a@example.org\n", "'06411': niemand\n"):
        path.write_text(text)
        with pytest.raises(FrameworkError, match=r"contacts\.yaml:1"):
            reminders.load_contacts(tmp_path, framework)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[EmailMessage]:
    messages: list[EmailMessage] = []
    monkeypatch.setattr(mail, "send", lambda server, message: messages.append(message))
    return messages


def test_sending_when_configured(tmp_path: Path, framework: Framework, sent: list[EmailMessage]) -> None:
    (tmp_path / "settings.toml").write_text('[reminders]\nsend = true\nmail_from = "office@example.org"\n')
    regions = [standing(framework, "06411", MISSING, "amt@example.org"), standing(framework, "06412", MISSING)]
    ways = AlarmSettings(smtp_host="localhost")
    result = remind(tmp_path, framework, [year(framework, before(5), *regions)], ways)
    assert result.sent == 1
    assert [message["From"] for message in sent] == ["office@example.org"]
    assert sent[0]["X-Unsent"] is None
    assert [path.name for path in result.drafts] == ["2025_5-Tage-vorher_06412.eml"]  # nobody to send it to


def test_a_mail_that_fails_is_tried_again(
    tmp_path: Path, framework: Framework, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(server: object, message: object) -> None:
        raise mail.MailError("localhost:25 ist nicht erreichbar")

    (tmp_path / "settings.toml").write_text("[reminders]\nsend = true\n")
    found = [year(framework, before(5), standing(framework, "06411", MISSING, "amt@example.org"))]
    monkeypatch.setattr(mail, "send", fail)
    result = remind(tmp_path, framework, found, AlarmSettings(smtp_host="localhost"))
    assert result.text().startswith("Bitte den Mailserver prüfen")
    messages: list[object] = []
    monkeypatch.setattr(mail, "send", lambda server, message: messages.append(message))
    assert remind(tmp_path, framework, found, AlarmSettings(smtp_host="localhost")).sent == 1
