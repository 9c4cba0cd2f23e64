"""The board: expected, received, accepted and confirmed per region and field; timeliness, rounds, questions, waivers.

Everything comes from the snapshot and holds no value of a cell, so that the page may be shown to everybody in the house.
A field counts as
  received   when a delivery of the region speaks of it (our form speaks of every field except those left empty),
  accepted   when its values are in the warehouse, or the region has declared that there is nothing to report (a
             Fehlanzeige, for the whole year or for the field),
  confirmed  when it is accepted and no question about it is open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flows.board_facts import Facts, unassigned
from flows.deadlines import Calendar, Waiver, YearDates, waived_variables
from flows.run_log import german_day
from flows.wording import text
from intake.form_request import OUR_FORM, REGISTER_FORM
from schemas.framework_model import Framework
from schemas.territory import reference_day
from warehouse.access import Connection

NOT_FILLED = "V02"  # the finding for a variable left empty in the form, the layout that asks for every field
MISSING, BACK, PARTIAL, QUESTIONS = "fehlt", "zurückgegeben", "unvollständig", "Rückfragen offen"
DONE, NIL, WAIVED, NOT_ASKED = "bestätigt", "Fehlanzeige", "ausgenommen", "nicht verlangt"
CODES = {
    MISSING: "missing",
    BACK: "back",
    PARTIAL: "partial",
    QUESTIONS: "questions",
    DONE: "done",
    NIL: "nil",
    WAIVED: "waived",
    NOT_ASKED: "not_asked",
}
"""The states as machines get them (in German), with the keys of their texts."""
SIGNS = {MISSING: "○", BACK: "↩", PARTIAL: "◐", QUESTIONS: "?", DONE: "✓", NIL: "–", WAIVED: "§", NOT_ASKED: ""}
OPEN_WORK = (MISSING, BACK, PARTIAL)


@dataclass(frozen=True)
class FieldStanding:
    """One field of one region. Counts are counts of variables (expected, accepted, missing) and findings."""

    field: str
    state: str
    expected: int
    received: bool
    accepted: int
    missing: int
    errors: int = 0
    questions: int = 0
    confirmed: int = 0

    @property
    def is_accepted(self) -> bool:
        return self.state in (QUESTIONS, DONE, NIL)

    @property
    def is_confirmed(self) -> bool:
        return self.state in (DONE, NIL)


@dataclass(frozen=True)
class RegionStanding:
    """One region. `rounds`: deliveries needed until the first was accepted, or sent so far when none was."""

    region: str
    name: str
    state: str
    fields: tuple[FieldStanding, ...]
    rounds: int = 0
    accepted_once: bool = False
    deliveries: int = 0
    newest: str = ""
    received_at: datetime | None = None
    days_early: int | None = None
    contact: str = field(default="", repr=False)
    waivers: tuple[Waiver, ...] = ()

    def total(self, name: str) -> int:
        """Sum of a count over the fields."""
        return sum(getattr(entry, name) for entry in self.fields)

    def open_fields(self) -> tuple[FieldStanding, ...]:
        """Fields for which something is still to be done by the region."""
        return tuple(entry for entry in self.fields if entry.state in OPEN_WORK)


@dataclass(frozen=True)
class Board:
    """A reporting year on a day. `unassigned`: unreadable deliveries since the collection opened, by sender folder."""

    dates: YearDates
    today: date
    regions: tuple[RegionStanding, ...]
    unassigned: Mapping[str, int]
    generation: int = 0

    def totals(self, code: str) -> dict[str, int]:
        """Regions that are expected, received, accepted and confirmed in one field."""
        cells = [entry for region in self.regions for entry in region.fields if entry.field == code]
        return {
            "expected": sum(entry.expected > 0 and entry.state != WAIVED for entry in cells),
            "received": sum(entry.received for entry in cells),
            "accepted": sum(entry.is_accepted for entry in cells),
            "confirmed": sum(entry.is_confirmed for entry in cells),
        }

    def count(self, *states: str) -> int:
        """Regions in one of these states."""
        return sum(region.state in states for region in self.regions)

    def counts(self) -> dict[str, int]:
        """Regions that are expected, and in each state; whoever has nothing to report is done."""
        states = Counter(DONE if region.state == NIL else region.state for region in self.regions)
        return {"expected": len(self.regions), **{code: states[state] for state, code in CODES.items()}}


def board(
    connection: Connection,
    framework: Framework,
    calendar: Calendar,
    waivers: Sequence[Waiver],
    year: int,
    today: date,
    generation: int = 0,
) -> Board:
    """The board of a reporting year, from an open snapshot."""
    dates = calendar.dates(year)
    facts = Facts(connection, year)
    codes = dict.fromkeys((*framework.territory.reporters(reference_day(year)), *sorted(facts.deliveries)))
    regions = tuple(_Region(framework, facts, dates, waivers, code, today).standing() for code in codes)
    return Board(dates, today, regions, unassigned(connection, dates), generation)


def as_records(found: Board) -> list[dict[str, Any]]:
    """For machines: one record per region with its fields; no contacts."""
    entries = []
    for region in found.regions:
        entry = {name: value for name, value in asdict(region).items() if name not in ("contact", "waivers")}
        waivers = [waiver.model_dump(mode="json") for waiver in region.waivers]
        entries.append({"year": found.dates.year, **entry, "waivers": waivers})
    return entries


def as_text(found: Board) -> str:
    """A few lines for the terminal."""
    dates = found.dates
    first = text("board.first", year=dates.year, phase=dates.phase(found.today), deadline=dates.deadline)
    return f"{first}\n{text('board.counts', **found.counts())}"


class _Region:
    """One region: its deliveries, the form that counts, the newest delivery when that came back."""

    def __init__(
        self, framework: Framework, facts: Facts, dates: YearDates, waivers: Sequence[Waiver], code: str, today: date
    ) -> None:
        self.framework, self.facts, self.dates, self.code = framework, facts, dates, code
        self.sent = facts.deliveries.get(code, [])
        self.figures = [row for row in self.sent if row["layout"] != REGISTER_FORM]
        self.counting = [row for row in self.figures if _accepted(row)]
        self.form = next((row for row in reversed(self.counting) if row["layout"] == OUR_FORM), None)
        self.nil = bool(self.form and self.form["nil_return"])
        declared = self.form["nil_fields"] if self.form else None  # None: stored before this was kept
        self.nil_fields = None if declared is None else frozenset(filter(None, declared.split(",")))
        newest = self.sent[-1] if self.sent else None
        self.back = newest if newest and not _accepted(newest) else None
        self.waived = waived_variables(framework, waivers, code, dates.year, today).keys()
        self.waivers = tuple(entry for entry in waivers if (entry.region, entry.year) == (code, dates.year))

    def standing(self) -> RegionStanding:
        fields = tuple(self._field(name) for name in self.framework.fields)
        first = self.counting[0] if self.counting else None
        newest = self.sent[-1] if self.sent else None
        latest = self.figures[-1] if self.figures else None
        arrived = (first or latest or {}).get("received_at") or self.facts.several_years.get(self.code)
        return RegionStanding(
            region=self.code,
            name=self.framework.territory.unit_name(self.code),
            state=_overall(fields, self.back is not None),
            fields=fields,
            rounds=self.figures.index(first) + 1 if first else len(self.figures),
            accepted_once=first is not None,
            deliveries=len(self.sent),
            newest=newest["id"] if newest else "",
            received_at=newest["received_at"] if newest else arrived,
            days_early=(self.dates.deadline - german_day(arrived)).days if arrived else None,
            contact=next((row["contact"] for row in reversed(self.sent) if row["contact"]), ""),
            waivers=self.waivers,
        )

    def _field(self, name: str) -> FieldStanding:
        asked = {variable.code for variable in self.framework.variables_of(name, self.dates.year)}
        accepted, expected = self.facts.accepted.get(self.code, set()) & asked, asked - self.waived
        own = [entry for entry in _findings(self.facts, self.form) if entry[3] in asked]
        empty = {entry[3] for entry in own if entry[0] == NOT_FILLED and entry[2] == "open"}
        nil = self.nil or name in (self.nil_fields or ())
        silent = self.nil_fields is not None and not accepted  # neither values nor a Fehlanzeige
        missing = set() if nil else (expected - accepted) & (empty if self.form and not silent else expected)
        returned = [entry for entry in _findings(self.facts, self.back) if entry[3] in asked]
        left_out = {entry[3] for entry in returned if entry[0] == NOT_FILLED}
        came_back = self.back is not None and self.back["layout"] == OUR_FORM and bool(asked - left_out)
        errors = _number(returned, ("fatal", "error"), "open")
        questions = _number([entry for entry in own if entry[0] != NOT_FILLED], ("warning",), "open")
        if not asked or not (expected or accepted):
            state = WAIVED if asked else NOT_ASKED
        elif errors or (came_back and not self.form and not accepted):
            state = BACK
        elif missing:
            state = PARTIAL if accepted else MISSING
        else:
            state = QUESTIONS if questions else NIL if nil or not accepted else DONE
        return FieldStanding(
            field=name,
            state=state,
            expected=len(expected),
            received=bool(accepted) or came_back or bool(self.form and asked - missing),
            accepted=len(accepted & expected),
            missing=len(missing),
            errors=errors,
            questions=questions,
            confirmed=_number(own, ("warning",), "confirmed"),
        )


def _overall(fields: Iterable[FieldStanding], back: bool) -> str:
    """The state of a region: what is most urgent for it."""
    states = Counter(entry.state for entry in fields if entry.state != NOT_ASKED)
    if back:
        return BACK
    if states.keys() <= {NIL, WAIVED}:
        return NIL if states[NIL] else WAIVED
    if states.keys() <= {MISSING, WAIVED}:
        return MISSING
    if states[MISSING] or states[PARTIAL]:
        return PARTIAL
    return QUESTIONS if states[QUESTIONS] else DONE


def _accepted(delivery: Mapping[str, Any]) -> bool:
    return str(delivery["verdict"]).startswith("accepted")


def _findings(facts: Facts, delivery: dict[str, Any] | None) -> list[tuple[str, str, str, str, int]]:
    return facts.findings.get(delivery["id"], []) if delivery else []


def _number(found: Iterable[tuple[str, str, str, str, int]], severities: tuple[str, ...], state: str) -> int:
    return sum(entry[4] for entry in found if entry[1] in severities and entry[2] == state)


def make_boards(root: Path, framework: Framework, years: Sequence[int], today: date) -> Iterator[Board]:
    """Boards from the published snapshot: of `years`, or of every year that is open or has deliveries."""
    from flows.deadlines import load_waivers
    from flows.status import years_with_deliveries
    from warehouse.snapshot import open_snapshot

    calendar, waivers = Calendar(framework), load_waivers(root, framework)
    with open_snapshot(root) as snapshot:
        wanted = years or sorted({*calendar.open_years(today), *years_with_deliveries(snapshot.connection)})
        for year in wanted:
            yield board(snapshot.connection, framework, calendar, waivers, year, today, snapshot.generation)
