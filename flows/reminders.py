"""Reminders: 21 and 5 days before the deadline and the day after it, only to those with open work, never with values.

One mail per contact for all its regions, as a draft in `<data root>/outbox/_reminders/` (opens in a mail program ready to
be sent), or sent when `[reminders] send = true` stands in `settings.toml`. What was written is noted, so that no occasion
is told twice. Addresses come from `<data root>/contacts.yaml` (region: address), else from the cover of the newest
delivery.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from email.message import EmailMessage
from pathlib import Path

from flows import mail
from flows.alarm_settings import AlarmSettings, settings_table
from flows.board import BACK, DONE, MISSING, NIL, PARTIAL, QUESTIONS, WAIVED, Board, FieldStanding, RegionStanding
from flows.deadlines import YearDates
from flows.run_log import durable_write, read_json, state_folder
from flows.wording import count, counted, text
from schemas.framework_model import Framework
from schemas.yaml_source import FrameworkError, Problem, read_yaml

CONTACTS = "contacts.yaml"
_SETTLED = (DONE, NIL, WAIVED, QUESTIONS)


@dataclass(frozen=True)
class ReminderSettings:
    """Table `[reminders]` of `settings.toml`. The sender is by default the contact that the framework names."""

    send: bool = False
    mail_from: str = ""


@dataclass(frozen=True)
class Reminder:
    """One mail: to whom (empty when no address is known), which regions of which board, on which occasion."""

    to: tuple[str, ...]
    board: Board
    occasion: int
    regions: tuple[RegionStanding, ...]

    @property
    def name(self) -> str:
        """File name of the draft: year, occasion, regions; no address."""
        when = f"{self.occasion}-Tage-vorher" if self.occasion >= 0 else f"{-self.occasion}-Tage-danach"
        codes = [region.region for region in self.regions]
        more = f"-und-{len(codes) - 3}-weitere" if len(codes) > 3 else ""
        return f"{self.board.dates.year}_{when}_{'-'.join(codes[:3])}{more}.eml"

    def keys(self) -> tuple[str, ...]:
        """What is noted as done."""
        return tuple(f"{self.board.dates.year}|{self.occasion}|{region.region}" for region in self.regions)


@dataclass
class Reminded:
    """What became of the reminders."""

    drafts: list[Path] = field(default_factory=list)
    sent: int = 0
    without_address: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def text(self) -> str:
        """For the terminal; the first line says what to do."""
        lines: list[str]
        if self.errors:
            lines = [text("reminder.failed", count=len(self.errors))]
        elif self.drafts:
            lines = [counted("reminder.drafts", len(self.drafts))]
        else:
            lines = [text("run.nothing")]
        lines += [f"  {path}" for path in self.drafts] + [f"  {error}" for error in self.errors]
        if self.sent:
            lines.append(counted("reminder.sent", self.sent))
        if self.without_address:
            lines.append(text("reminder.no_address", regions=", ".join(self.without_address), file=CONTACTS))
        return "\n".join(lines)


def remind(root: Path, framework: Framework, boards: Sequence[Board], alarm: AlarmSettings) -> Reminded:
    """Write or send what is due on the day of the boards and was not told yet."""
    settings = ReminderSettings(**settings_table(root, "reminders", ReminderSettings))
    contacts, done = load_contacts(root, framework), _done(root)
    result = Reminded()
    for found in boards:
        for reminder in due(found, contacts, done):
            if not reminder.to:
                result.without_address += [region.region for region in reminder.regions]
            _tell(root, framework, reminder, settings, alarm, result)
    return result


def due(board: Board, contacts: Mapping[str, tuple[str, ...]], done: Iterable[str]) -> Iterator[Reminder]:
    """One reminder per contact; without an address one per region, for nobody needs to read what is open elsewhere."""
    occasion = board.dates.occasion(board.today)
    if occasion is None:
        return
    told = set(done)
    by_contact: dict[tuple[tuple[str, ...], str], list[RegionStanding]] = {}
    for region in board.regions:
        if has_open_work(region) and f"{board.dates.year}|{occasion}|{region.region}" not in told:
            to = contacts.get(region.region) or mail.addresses(region.contact)
            by_contact.setdefault((to, "" if to else region.region), []).append(region)
    for (to, _), regions in by_contact.items():
        yield Reminder(to, board, occasion, tuple(regions))


def has_open_work(region: RegionStanding) -> bool:
    """Something is missing or was returned; a Fehlanzeige, an accepted delivery or a waiver ends it."""
    return region.state not in _SETTLED


def compose(framework: Framework, reminder: Reminder, sender: str, *, draft: bool) -> EmailMessage:
    """The mail as it is written or sent."""
    dates = reminder.board.dates
    state = "Frist" if reminder.board.today <= dates.deadline else "Frist abgelaufen am"
    subject = f"Integrationsmonitoring {dates.year}: Ihre Lieferung, {state} {dates.deadline:%d.%m.%Y}"
    reply_to = next(iter(mail.addresses(framework.head.delivery.contact)), "")
    at = datetime.combine(reminder.board.today, time(8), tzinfo=UTC)
    text = "\n".join(_lines(framework, reminder))
    return mail.compose(sender, reminder.to, subject, text, at, reply_to=reply_to, draft=draft)


def load_contacts(root: Path, framework: Framework) -> dict[str, tuple[str, ...]]:
    """Addresses by region; raises FrameworkError with file and line."""
    path = root / CONTACTS
    if not path.exists():
        return {}
    problems: list[Problem] = []
    source = read_yaml(path, root, problems)
    found: dict[str, tuple[str, ...]] = {}
    for region, typed in (source.data or {}).items() if isinstance(source.data or {}, dict) else ():
        found[str(region)] = mail.addresses(str(typed))
        if not framework.territory.known(str(region)) or not found[str(region)]:
            problems.append(Problem(source.name, source.line((str(region),)), text("file.contact", region=region)))
    if problems:
        raise FrameworkError(problems)
    return found


def _tell(
    root: Path,
    framework: Framework,
    reminder: Reminder,
    settings: ReminderSettings,
    alarm: AlarmSettings,
    result: Reminded,
) -> None:
    sends = settings.send and bool(reminder.to) and bool(alarm.smtp_host)
    office = next(iter(mail.addresses(framework.head.delivery.contact)), alarm.mail_from)
    message = compose(framework, reminder, settings.mail_from or office, draft=not sends)
    if sends:
        try:
            mail.send(alarm.server, message)
        except mail.MailError as error:
            result.errors.append(f"{', '.join(region.region for region in reminder.regions)}: {error}")
            return
        result.sent += 1
    path = root / "outbox" / "_reminders" / reminder.name
    durable_write(path, message.as_bytes().decode("utf-8"))
    if not sends:
        result.drafts.append(path)
    _note(root, reminder)


def _lines(framework: Framework, reminder: Reminder) -> Iterator[str]:
    dates, today = reminder.board.dates, reminder.board.today
    yield "Guten Tag,"
    yield ""
    yield _deadline(dates, today)
    yield "Offen ist noch:"
    for region in reminder.regions:
        yield ""
        yield f"{region.name} ({region.region})"
        yield from (f"  {line}" for line in _open_work(framework, region))
    yield ""
    yield "Bitte legen Sie den ausgefüllten Erhebungsbogen in Ihren Eingangsordner; die Antwort liegt danach in Ihrem"
    yield "Ausgangsordner. Gibt es zu einem Feld nichts zu melden, wählen Sie auf dem Deckblatt „Fehlanzeige“."
    yield "Haben Sie inzwischen geliefert, ist diese Nachricht gegenstandslos."
    yield ""
    yield f"Fragen: {framework.head.delivery.contact}"
    yield ""


def _deadline(dates: YearDates, today: date) -> str:
    left = (dates.deadline - today).days
    if left < 0:
        return f"die Abgabefrist für das Berichtsjahr {dates.year} ist am {dates.deadline:%d.%m.%Y} abgelaufen."
    when = "heute" if left == 0 else f"in {count(left, 'Tag', 'Tagen')}"
    return f"für das Berichtsjahr {dates.year} endet die Abgabefrist am {dates.deadline:%d.%m.%Y} ({when})."


def _open_work(framework: Framework, region: RegionStanding) -> Iterator[str]:
    """Exactly what is open: names of fields and counts, never a value."""
    if region.state == BACK:
        yield f"Ihre Lieferung {region.newest} ist zurückgegeben; was zu berichtigen ist, steht in der Antwort."
    absent = [framework.fields[entry.field].name_de for entry in region.open_fields() if entry.state == MISSING]
    if region.state == MISSING:
        yield (
            "Es liegt noch keine Lieferung vor." if not region.deliveries else "Zu Ihrer Lieferung fehlen alle Felder."
        )
    if absent:
        yield f"Es {'fehlt das Feld' if len(absent) == 1 else 'fehlen die Felder'}: {', '.join(absent)}."
    for entry in region.open_fields():
        if told := _what(entry):
            yield f"– {framework.fields[entry.field].name_de}: {told}"
    if region.total("questions"):
        yield f"Außerdem: {count(region.total('questions'), 'offene Rückfrage', 'offene Rückfragen')}."


def _what(entry: FieldStanding) -> str:
    if entry.state == PARTIAL:
        return f"{entry.missing} von {entry.expected} Merkmalen {'fehlt' if entry.missing == 1 else 'fehlen'}"
    return f"{entry.errors} Fehler zu berichtigen" if entry.errors else ""


def _done(root: Path) -> set[str]:
    return set(read_json(_memory(root)) or {})


def _note(root: Path, reminder: Reminder) -> None:
    """Remember the occasion; entries of long past years are dropped."""
    oldest = reminder.board.today.year - 5
    kept = {key: day for key, day in (read_json(_memory(root)) or {}).items() if int(key.split("|")[0]) >= oldest}
    told = dict.fromkeys(reminder.keys(), reminder.board.today.isoformat())
    durable_write(_memory(root), json.dumps({**kept, **told}, indent=1))


def _memory(root: Path) -> Path:
    return state_folder(root) / "reminders.json"
