"""What a night leaves behind gives nothing away: replies, previews, mails, notes, board, alarms, run reports.

Every region has numbers of its own that nothing else has (below a threshold of 100,000, so that they are secret). A
sender may read its own; nobody finds them in anything else, another sender's reply included, in any derived form.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from email import message_from_bytes, policy
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from leak_scan import KINDS, Secret, findings, forms, hits
from openpyxl import load_workbook

from flows import cycle, heartbeat, reminders, status, watching, why_text
from flows.alarm_settings import AlarmSettings
from flows.auditing import FILE as AUDIT
from flows.board import as_records, as_text, make_boards
from flows.board_page import write_page
from flows.deadlines import Calendar
from flows.remembering import FILE as MEMORY
from flows.remembering_proofs import FILE as PROOFS
from flows.reporting import report_data
from flows.run_log import report_lines
from flows.settings import Settings
from intake.checking import Past, Received, check_deliveries
from intake.form import write_form
from intake.form_request import CoverAnswers, FormRequest
from intake.reasons import reason_of
from report.build import SITE, build_report
from report.data_parts import DATA_PARTS
from schemas.framework_model import Framework
from schemas.loading import load_framework
from warehouse.lineage import why
from warehouse.snapshot import open_snapshot
from warehouse.store import exclusive

REPOSITORY = Path(__file__).resolve().parents[1]
YEAR = 2021
SHARE = "GV-2"
WRONG, STRANGER, OPEN = "06411", "06413", "06611"
CHILDREN = {
    ("06414", YEAR - 1): (2_300_451, 71_473),
    ("06414", YEAR): (2_310_563, 73_939),
    (STRANGER, YEAR): (1_900_353, 61_927),
    ("06532", YEAR): (3_400_777, 912_377),
    ("06532023", YEAR): (1_200_901, 48_611),
    (OPEN, YEAR - 1): (1_800_311, 691_433),
    (OPEN, YEAR): (1_810_727, 700_001),
    (WRONG, YEAR): (1_500_619, 57_413),
}
"""People and children by region and year. What the year before was is as secret as what is."""
UNKNOWN = {WRONG: (57_413, 83_717, 834_026, 1_500_619), STRANGER: (52_361, 43_499), "": (45_553, 45_557, 38_393)}
"""Numbers that count nowhere, by the sender who knows them: of what was returned, of a delivery for another region, of a
correction that does not fit, of an error in our own code."""
HOUSE = (AUDIT, MEMORY, PROOFS)
"""Below the data root, with true counts: for the house alone."""


@dataclass(frozen=True)
class Night:
    """What was left behind, by who may read it: `told` is for everybody, a folder of `outbox` for its sender."""

    root: Path
    told: Path
    framework: Framework
    secrets: Mapping[str, list[Secret]]


@pytest.fixture(scope="module")
def shares(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Framework:
    """The tiny framework with a share, a rule about its part, and a threshold that makes five-digit numbers small."""
    folder = tmp_path_factory.mktemp("framework") / "shares"
    shutil.copytree(tiny_folder, folder)
    head = (folder / "framework.yaml").read_text(encoding="utf-8")
    (folder / "framework.yaml").write_text(head.replace("counts_below: 3", "counts_below: 100000"), encoding="utf-8")
    path = folder / "catalogue" / "GEB.yaml"
    (density,) = yaml.safe_load(path.read_text(encoding="utf-8"))
    share = density | {"code": SHARE, "formula": "100 * EW[AGE=K] / EW", "unit": "percent", "decimals": 1}
    path.write_text(yaml.safe_dump([density, share], allow_unicode=True), encoding="utf-8")
    path = folder / "rules" / "GEB.yaml"
    (sum_rule,) = yaml.safe_load(path.read_text(encoding="utf-8"))
    part_rule = sum_rule | {"code": "G002", "category": "subset", "expression": "EW[AGE=K] <= EW[SEX=M]"}
    path.write_text(yaml.safe_dump([sum_rule, part_rule], allow_unicode=True), encoding="utf-8")
    return load_framework(folder)


def _drop(root: Path, framework: Framework, sender: str, region: str, year: int, **cells: Any) -> None:
    """A filled form; `cells` names members of SEX or AGE whose count is another one."""
    people, children = CHILDREN[region, year]
    counts = {"K": children, "E": people - children, "M": people // 2, "W": people - people // 2} | cells
    values = {("EW", ""): people, ("FL", ""): 12, ("DICHTE", ""): people // 12}
    values |= {("EW", f"{'SEX' if member in 'MW' else 'AGE'}={member}"): count for member, count in counts.items()}
    cover = CoverAnswers(population_basis="FORT", contact_name="stelle@example.org")
    path = root / "raw" / "inbox" / sender / f"Bogen_{region}_{year}.xlsx"
    write_form(path, framework, FormRequest(region, year, values=values, cover=cover))


@pytest.fixture(scope="module")
def night(shares: Framework, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Two runs: all deliveries, one of them wrong and one from a stranger; then a run that our code breaks."""
    root, told = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("told")
    settings = Settings(root, settle_seconds=0)
    for region, year in CHILDREN:
        _drop(root, shares, region, region, year, **({"W": 83_717} if region == WRONG else {}))
    _drop(root, shares, STRANGER, "06414", YEAR, K=52_361, E=2_258_202, M=43_499)
    (root / "corrections.yaml").write_text(yaml.safe_dump([_correction()], allow_unicode=True), encoding="utf-8")
    lines: list[str] = []
    before = os.umask(0o027)  # as in the service files
    try:
        done = _run(settings, shares, lines)
        with pytest.raises(ValueError, match="38393"):
            _broken(settings, shares)
        _tell(settings, shares, done, lines, told)
    finally:
        os.umask(before)
    _without_durations(root)
    return Night(root, told, shares, _secrets(root))


def _without_durations(root: Path) -> None:
    """How long a step took is a number that may be a secret one by chance (0.033 s once was)."""
    for path in (root / "state" / "log").glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for line in lines:
            line |= {"seconds": 0} if "seconds" in line else {}
            line |= {"steps": dict.fromkeys(line["steps"], 0)} if "steps" in line else {}
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _correction() -> dict[str, Any]:
    return {
        "id": "K-1",
        "who": "Referat",
        "when": date(2026, 11, 1),
        "region": OPEN,
        "year": YEAR,
        "variable": "EW",
        "members": {"AGE": "K"},
        "old": 45_553,
        "new": 45_557,
        "reason": "Zahlendreher",
        "expected": {"status": "ok"},
    }


def _run(settings: Settings, framework: Framework, lines: list[str]) -> cycle.Night:
    done = cycle.Night()
    with watching.recorded(settings, "nightly") as record:
        record.uses(framework, done)
        with exclusive(settings.root) as lock:
            for step in (cycle.ingest_inbox, cycle.compute_indicators, cycle.publish_snapshot):
                with record.step(step.__name__):
                    step(settings, framework, done, lock, lines.append)
    return done


def _broken(settings: Settings, framework: Framework) -> None:
    with watching.guarded(settings, "nightly"), watching.recorded(settings, "nightly") as record:
        record.uses(framework, cycle.Night())
        with record.step("compute"):
            raise ValueError("could not convert 38393")


def _tell(settings: Settings, framework: Framework, done: cycle.Night, lines: list[str], told: Path) -> None:
    """Everything that is printed, shown or sent on, as files."""
    deadline = Calendar(framework).dates(YEAR).deadline
    boards = list(make_boards(settings.root, framework, [YEAR], deadline - timedelta(days=5)))
    write_page(boards, framework, told / "board.html")
    reminded = reminders.remind(settings.root, framework, boards, AlarmSettings())
    with open_snapshot(settings.root) as snapshot:
        standings = status.standings(snapshot.connection, framework, YEAR)
        shown = why(snapshot.connection, framework, SHARE, OPEN, YEAR, {})
        runs = snapshot.frame("FROM run").to_json(orient="records", date_format="iso")
    texts = {
        "terminal.txt": [*lines, *report_lines(done), *report_lines(done, "en"), reminded.text()],
        "report.json": [json.dumps(report_lines(done), ensure_ascii=False)],
        "board.txt": [as_text(one) for one in boards],
        "board.json": [json.dumps([record for one in boards for record in as_records(one)], default=str)],
        "status.txt": [status.as_text(standings, framework)],
        "status.json": [json.dumps(status.as_records(standings))],
        "alive.txt": [heartbeat.report_alive(settings.root, AlarmSettings()).text()],
        "why.txt": [why_text.as_text(framework, shown), json.dumps(shown, default=str)],
        "runs.json": [runs],
    }
    for name, parts in texts.items():
        (told / name).write_text("\n".join(parts), encoding="utf-8")


def _secrets(root: Path) -> dict[str, list[Secret]]:
    """By region: every figure that is not published, in every derived form, and what counts nowhere."""
    with open_snapshot(root) as snapshot:
        hidden = snapshot.frame("""
            SELECT v.region, v.year, v.numerator, v.denominator FROM indicator_value v
            JOIN indicator_published p USING (region, year, indicator, sex, age)
            WHERE p.status = 'secret' AND v.numerator IS NOT NULL""")
    found: dict[str, list[Secret]] = {}
    for row in hidden.itertuples():
        found.setdefault(str(row.region), []).extend(forms(int(row.numerator), int(row.denominator), []))
    for sender, numbers in UNKNOWN.items():
        found.setdefault(sender, []).extend(Secret("unknown", Fraction(number)) for number in numbers)
    return found


def _places(night: Night) -> Iterator[tuple[str, Path]]:
    """Folders that somebody reads, with the sender whose own they are."""
    yield "", night.told
    yield "", night.root / "state"
    for folder in sorted((night.root / "outbox").iterdir()):
        yield folder.name, folder


def _leaks(night: Night, within: Path | None = None) -> list[str]:
    """Numbers that somebody reads who does not own them; `within` a folder, or anywhere."""
    found = []
    for reader, folder in _places(night):
        if within and not within.is_relative_to(folder):
            continue
        foreign = [one for owner, numbers in night.secrets.items() if owner != reader for one in numbers]
        house = {night.root / name for name in HOUSE}
        found += [f"{reader}: {hit}" for hit in findings(within or folder, foreign, without=house)]
    return found


def test_the_night_is_about_something(night: Night) -> None:
    """Small numbers are hidden, one share is published; a delivery went back, one came from a stranger, one correction is off."""
    secret = {region: {int(one.value) for one in numbers} for region, numbers in night.secrets.items()}
    for (region, year), (_, children) in CHILDREN.items():
        if children < 100_000:
            assert children in secret[region], (region, year)
    published = (night.told / "why.txt").read_text(encoding="utf-8")
    assert "Veröffentlicht: 38,7" in published
    said = (night.told / "terminal.txt").read_text(encoding="utf-8")
    assert "2 Lieferungen zurückgegeben" in said
    assert "K-1 passt nicht mehr" in said
    assert len(list((night.root / "state" / "alarms" / "spool").glob("*.json"))) == 1
    assert list((night.root / "outbox" / "_reminders").glob("*.eml"))
    assert {folder.name for folder in (night.root / "outbox").iterdir()} >= {region for region, _ in CHILDREN}
    unread = {
        path.name for _, folder in _places(night) for path in folder.rglob("*") if path.suffix.lower() not in KINDS
    }
    assert {name for name in unread if "." in name} <= {Path(name).name for name in HOUSE}, (
        "files that the search cannot read"
    )


def test_nobody_reads_a_number_of_another(night: Night) -> None:
    assert _leaks(night) == []


def test_senders_read_their_own_numbers(night: Night) -> None:
    """So the search reads every kind of reply."""
    own = night.root / "outbox" / WRONG
    kinds = {Path(hit.split()[0]).suffix for hit in findings(own, night.secrets[WRONG])}
    assert {".html", ".txt", ".json", ".xlsx"} <= kinds, kinds


def _in_workbook(path: Path, text: str) -> None:
    book = load_workbook(path)
    book.worksheets[0]["Z99"].value = int(text)
    book.save(path)


def _in_mail(path: Path, text: str) -> None:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    message.set_content(f"Übrigens: {text} Kinder", cte="base64")  # type: ignore[attr-defined]
    path.write_bytes(message.as_bytes())


def _in_text(path: Path, text: str) -> None:
    path.write_text(f"{path.read_text(encoding='utf-8')}\n73.939 oder {text}\n", encoding="utf-8")


INJECTED = {
    "checked workbook": ("root/outbox/06413/*.xlsx", _in_workbook),
    "receipt": ("root/outbox/06413/Eingangs*.txt", _in_text),
    "preview": ("root/outbox/06413/Vorschau*.html", _in_text),
    "reminder": ("root/outbox/_reminders/*.eml", _in_mail),
    "log": ("root/state/log/*.jsonl", _in_text),
    "run report": ("root/state/runs/*.txt", _in_text),
    "alarm": ("root/state/alarms/spool/*.json", _in_text),
    "board": ("told/board.html", _in_text),
    "status": ("told/status.json", _in_text),
    "lineage of a published number": ("told/why.txt", _in_text),
}


@pytest.mark.parametrize("case", INJECTED)
def test_a_number_of_another_is_noticed_wherever_it_is_written(case: str, night: Night) -> None:
    place, write = INJECTED[case]
    base, _, pattern = place.partition("/")
    path = next({"root": night.root, "told": night.told}[base].glob(pattern))
    sound = path.read_bytes()
    try:
        write(path, "73939")
        found = _leaks(night, path.parent)
    finally:
        path.write_bytes(sound)
    assert found
    assert all(path.name in hit for hit in found), found


@pytest.mark.thorough
def test_the_report_of_the_night_holds_none_of_them(night: Night, tmp_path: Path) -> None:
    with open_snapshot(night.root) as snapshot:
        data = report_data(Settings(night.root), night.framework, snapshot, YEAR)
    build_report(data, night.framework, YEAR, tmp_path, parts=(SITE, *DATA_PARTS))
    assert findings(tmp_path, [one for numbers in night.secrets.values() for one in numbers]) == []


@pytest.mark.thorough
def test_what_prefect_shows_holds_none_of_them(night: Night, tmp_path: Path) -> None:
    """Its builder runs in a process of its own: Prefect keeps what it once imported."""
    code = "import json, sys; from flows.nightly import _markdown; print(_markdown(json.load(open(sys.argv[1]))))"
    lines = night.told / "report.json"
    shown = subprocess.run(
        [sys.executable, "-c", code, str(lines)],
        cwd=REPOSITORY,
        env={**os.environ, "HOME": str(tmp_path), "PREFECT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "K-1" in shown
    numbers = [one for found in night.secrets.values() for one in found]
    assert list(hits(shown, numbers)) == []
    assert list(hits(f"{shown}\n- 73939", numbers))


def test_a_stranger_is_not_told_how_a_region_explained_its_numbers(shares: Framework, tmp_path: Path) -> None:
    """Reasons are remembered from year to year: by the region, not by whoever names it."""
    _drop(tmp_path, shares, STRANGER, "06414", YEAR)
    (path,) = (tmp_path / "raw" / "inbox" / STRANGER).iterdir()
    named = path.rename(path.with_name("Bogen_06414_2019.xlsx"))
    asked, other = "C07", "71473 Kinder, richtig so"
    for sender, told in (("06414", [other]), (STRANGER, [""])):
        received = Received(named, named.name, sender, "0" * 64, datetime(2026, 11, 22), "P-1")
        (first,) = check_deliveries(shares, [received])
        (question,) = (found for found in first.findings if found.code == asked)
        known = Past(reasons=lambda region, year, found=question: [replace(reason_of(found), text=other)])  # type: ignore[misc]
        (again,) = check_deliveries(shares, [received], known)
        assert [found.reason for found in again.findings if found.code == asked] == told, sender


def test_what_holds_true_counts_is_for_the_owner_alone(night: Night) -> None:
    """Notes of the operation, intervals and memory of the attack, work file with the ledger; others read snapshots alone."""
    root = night.root
    assert findings(root / "state", night.secrets["06414"]), "true counts are there"
    for folder in (root / "state", root / "state" / "alarms", root / "warehouse" / "work"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for name in HOUSE:
        assert stat.S_IMODE((root / name).stat().st_mode) == 0o600, name
