"""A few register rows of two model regions, made by hand, for the tests of warehouse and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from report_sample import YEAR

from indicators.registers import published_registers
from report.data import ReportData
from schemas.framework_model import Framework
from schemas.shapes import Record, Registers

CITY, TOWN = "06611", "06532023"
HIDDEN = "Geheimmittel 98765"
"""Content of a field that is not public."""
UNLISTED = "Nicht öffentliches Angebot"
EVIL = "javascript:alert(1)"


def offer(number: int, title: str, **more: str) -> tuple[str, str, dict[str, str]]:
    """A row of the register of offers with what is required."""
    values = {
        "TITLE": title,
        "FIELDS": "SPR",
        "SERVICE": "COUNSELLING",
        "FORM": "REGULAR",
        "PROVIDER": "Integrationsbüro",
        "PROVIDER_TYPE": "MUNICIPALITY",
        "MO_INVOLVED": "NONE",
        "START": "2020-01-01",
        "CAPACITY": "40",
        "PARTICIPANTS": "31337",
        "EVALUATED": "yes",
        "LISTED": "yes",
        "LAST_CHECKED": "2026-02-03",
    }
    return "OFFER", f"A-{number}", values | more


CITY_ROWS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    offer(1, "Sprachcafé im Stadtteil", FIELDS="SPR;TEI", LANGUAGES="DE;AR;UK", AREAS="02;04", PARTNERS="O-1",
          MO_INVOLVED="PARTNER",
          SERVICE="ENCOUNTER", TARGET_GROUPS="WOMEN;PARENTS", URL="https://www.example.org/sprachcafe?a=1&b=2",
          EMAIL="integration@example.org", DESCRIPTION="Üben bei Kaffee & Tee <ohne> Anmeldung."),
    offer(2, "Beratung zur Anerkennung", FIELDS="ARB", LAST_CHECKED="2024-05-01", URL=EVIL, PARTNERS="O-1;O-9"),
    offer(3, UNLISTED, LISTED="no"),
    ("CONCEPT", "K-1", {"TITLE": "Integrationskonzept 2030", "VALID_FROM": "2023-01-01", "ADOPTED_BY": "COUNCIL",
                        "ADOPTED_ON": "2022-12-08", "FIELDS": "SPR;ARB", "URL": "https://www.example.org/konzept.pdf"}),
    ("TARGET", "Z-1", {"TITLE": "Mehr Einbürgerungen", "CONCEPT": "K-1", "FIELD": "REC", "INDICATOR": "REC-01",
                       "TARGET_VALUE": "5", "TARGET_DATE": "2030-12-31", "STATUS": "RUNNING",
                       "STATUS_DATE": "2025-12-31", "RESOURCES": HIDDEN}),
    ("TARGET", "Z-2", {"TITLE": "Verwaltung spricht verständlich", "CONCEPT": "K-1", "FIELD": "IKO", "STATUS": "MISSED",
                       "STATUS_DATE": "2025-06-30", "STATUS_REASON": "Die Stelle war unbesetzt."}),
    ("MEASURE", "M-1", {"TITLE": "Einbürgerungslotsen", "TARGET": "Z-1", "KIND": "PROJECT", "START": "2024-01-01",
                        "STATUS": "RUNNING", "MILESTONES": "Mai 2024 Schulung; Januar 2026 Bilanz", "BUDGET": "98765",
                        "OFFERS": "A-1;A-3"}),
    ("MEASURE", "M-2", {"TITLE": "Leitfaden Klartext", "KIND": "STRUCTURAL", "START": "2025-01-01", "STATUS": "PLANNED"}),
    ("ORGANISATION", "O-1", {"NAME": "Haus der Kulturen e. V.", "LEGAL_FORM": "REGISTERED", "ACTIVE": "yes",
                             "FIELDS": "TEI", "EMAIL": "info@example.org", "LAST_CHECKED": "2025-02-01", "FUNDED": "yes"}),
    ("ORGANISATION", "O-2", {"NAME": "Frauen für Frauen", "LEGAL_FORM": "INITIATIVE", "ACTIVE": "no"}),
    ("PARTICIPATION", "T-1", {"ORGANISATION": "O-1", "BODY": "G-1", "ROLE": "MEMBER", "PROPOSALS_MADE": "4",
                              "PROPOSALS_ADOPTED": "1"}),
    ("PARTICIPATION", "T-2", {"ORGANISATION": "O-2", "BODY": "G-2", "ROLE": "ADVISORY"}),
    ("BODY", "G-1", {"NAME": "Runder Tisch Integration", "KIND": "ROUND_TABLE", "FREQUENCY": "QUARTERLY"}),
    ("BODY", "G-2", {"NAME": "Steuerungsgruppe", "KIND": "STEERING"}),
    ("MEMBERSHIP", "S-1", {"BODY": "G-1", "MEMBER": "Jobcenter", "SECTOR": "LABOUR"}),
    ("MEMBERSHIP", "S-2", {"BODY": "G-2", "MEMBER": "Jobcenter", "SECTOR": "LABOUR"}),
    ("MEMBERSHIP", "S-3", {"BODY": "G-2", "MEMBER": "Schulamt", "SECTOR": "EDUCATION"}),
    ("MEETING", "N-1", {"BODY": "G-1", "HELD_ON": "2025-03-04", "TOPICS": "Wohnen", "PARTICIPANTS": "24"}),
    ("COOPERATION", "C-1", {"TITLE": "Gemeinsamer Sprachmittlerpool", "KIND": "PROJECT", "REGIONS": TOWN,
                            "START": "2024-01-01"}),
    ("PAGE", "W-1", {"TITLE": "Willkommen", "URL": "https://www.example.org/willkommen", "PURPOSE": "FIRST_INFORMATION",
                     "LANGUAGES": "DE;EN", "SERVICES": "12", "SERVICES_ML": "5"}),
    ("EVENT", "E-1", {"TITLE": "Interkulturelle Woche", "HELD_ON": "2025-09-27", "KIND": "THEME_WEEKS"}),
    ("OFFICE", "B-1", {"NAME": "Büro für Integration", "EMAIL": "buero@example.org", "PHONE": "06151 13-0"}),
    ("GOOD_PRACTICE", "P-1", {"TITLE": "Sprachcafé zum Nachmachen", "FIELDS": "SPR;TEI", "OFFER": "A-1",
                              "PROBLEM": "Zu wenig Gelegenheit zum Sprechen.", "SOLUTION": "Ein offenes Café.",
                              "OFFICE": "B-1"}),
    ("GOOD_PRACTICE", "P-2", {"TITLE": "Lehre aus dem Verborgenen", "FIELDS": "SPR", "OFFER": "A-3", "PROBLEM": "p",
                              "SOLUTION": "s"}),
)  # fmt: skip
TOWN_ROWS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    offer(1, "Lernhilfe", FIELDS="SCH", PROVIDER="Verein Brücke", PROVIDER_TYPE="MIGRANT_ORGANISATION",
          MO_INVOLVED="PROVIDER", AREAS="01", LAST_CHECKED="2026-03-01", SERVICE="EDUCATION"),
    ("OFFICE", "B-1", {"NAME": "Koordinierungsbüro", "EMAIL": "kontakt@example.org"}),
)  # fmt: skip


def records(framework: Framework, year: int = 2025) -> tuple[Record, ...]:
    """The rows of both regions; each register begins in row 7 of its sheet."""
    found: list[Record] = []
    for region, rows in ((CITY, CITY_ROWS), (TOWN, TOWN_ROWS)):
        next_row: dict[str, int] = {}
        for code, id_, values in rows:
            register = framework.registers[code]
            next_row[code] = row = next_row.get(code, 6) + 1
            columns = {field.code: f"{chr(ord('C') + n)}{row}" for n, field in enumerate(register.fields)}
            cells = {name: columns[name] for name in values}
            found.append(Record(region, year, code, id_, dict(values), register.sheet, row, cells))
    return tuple(found)


def registers(framework: Framework, year: int = 2025) -> Registers:
    """Both regions: the city delivers every register, the town two and one empty one."""
    rows = records(framework, year)
    city = tuple((CITY, year, code) for code in framework.registers)
    return Registers((*city, *((TOWN, year, code) for code in ("OFFER", "OFFICE", "EVENT"))), rows)


def with_registers(framework: Framework, data: ReportData) -> ReportData:
    """The made-up snapshot with the published registers; the first target is one of the city's, if it has any."""
    tables = {name: table.to_pandas() for name, table in published_registers(framework, registers(framework)).items()}
    targets, rows = data.targets.copy(), tables["published_record"]
    own = targets.index[(targets["region"] == CITY) & (targets["year"] == YEAR)] if not targets.empty else []
    if len(own):
        targets.loc[own[0], "target_id"] = f"{CITY}.Z-1"
        rows.loc[(rows["id"] == "Z-1") & (rows["field"] == "INDICATOR"), "value"] = targets.loc[own[0], "indicator"]
    return replace(data, targets=targets, registers=tables["published_register"], records=rows)
