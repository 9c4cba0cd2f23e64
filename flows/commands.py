"""What each command does. Imports stand inside the functions on purpose: `status` must not wait for Prefect."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.auditing import run_audit  # noqa: F401
from flows.form_commands import check_year, run_form  # noqa: F401
from flows.history_commands import moment_of, run_backup, run_restore, run_revisions, run_withdraw  # noqa: F401
from flows.life_cycle import run_changes, run_rules  # noqa: F401
from flows.operating import run_alive, run_board, run_doctor, run_remind, run_watch  # noqa: F401
from flows.settings import InputRefused, SettingsError, load_settings
from flows.wording import answered, answered_lines, say, text

if TYPE_CHECKING:
    from schemas.framework_model import Framework


def refusals() -> tuple[type[Exception], ...]:
    """Errors that are an answer, not a fault: bad input, a held lock, nothing published yet."""
    from schemas.yaml_source import FrameworkError
    from warehouse.lineage import UnknownNumber
    from warehouse.places import WarehouseError
    from warehouse.withdrawals import WithdrawalRefused

    return (FrameworkError, SettingsError, WarehouseError, UnknownNumber, WithdrawalRefused, InputRefused)


def _framework() -> Framework:
    from schemas.loading import load_framework

    return load_framework()


def run_check(options: Namespace) -> int:
    """The full check of files without storing anything."""
    import hashlib
    from datetime import UTC, datetime

    from flows.known_past import KnownPast
    from intake.checking import check_deliveries
    from intake.deliveries import Received
    from intake.reply import as_text, machine_twin, receipt
    from schemas.shapes import Verdict
    from warehouse.snapshot import NoSnapshot, open_snapshot

    framework = _framework()
    files = []
    for number, name in enumerate(options.files, start=1):
        path = Path(name)
        if not path.is_file():
            raise InputRefused(text("refused.file", name=name))
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        now = datetime.now(UTC).replace(tzinfo=None)
        files.append(Received(path, path.name, options.sender, sha256, now, f"PRUEFUNG-{number}"))
    try:
        with open_snapshot(load_settings().root) as snapshot:
            checked = check_deliveries(framework, files, KnownPast(snapshot.connection).past)
    except NoSnapshot:
        checked = check_deliveries(framework, files)
    if options.json:
        say(json.dumps([machine_twin(framework, delivery) for delivery in checked], ensure_ascii=False, indent=1))
    else:
        for delivery in checked:
            say(answered_lines(as_text(receipt(framework, delivery))))
    verdicts = {delivery.submission.verdict for delivery in checked}
    if Verdict.REFUSED in verdicts:
        return 2
    return 0 if verdicts <= {Verdict.ACCEPTED} else 1


def run_layout(options: Namespace) -> int:
    """Propose a layout for a foreign workbook; 1 when something could not be placed."""
    from intake.gate import UnreadableFile
    from intake.layout_suggest import as_text, suggest
    from intake.messages import finding
    from intake.sandbox import read_safely

    framework, path = _framework(), Path(options.file)
    if not path.is_file():
        raise InputRefused(text("refused.file", name=options.file))
    try:
        workbook = read_safely(path)
    except UnreadableFile as error:
        told = finding(framework, error.code, {**error.details, "file": path.name})
        raise InputRefused(f"{told.message} {told.remedy}") from error
    suggestion = suggest(workbook, framework)
    if options.output:
        Path(options.output).write_text(suggestion.yaml_text, encoding="utf-8")
        say(text("say.layout", path=options.output))
        say(answered_lines(as_text(suggestion)))
    else:
        say(suggestion.yaml_text)
        print(answered_lines(as_text(suggestion)), file=sys.stderr)
    return 1 if suggestion.unplaced else 0


def run_ingest(options: Namespace) -> int:
    """Process the inbox once, without a Prefect server."""
    from flows import cycle
    from flows.watching import recorded
    from warehouse.store import exclusive

    settings, night = load_settings(), cycle.Night()
    with recorded(settings, "ingest") as record:
        framework = _framework()
        record.uses(framework, night)
        with exclusive(settings.root, wait_seconds=settings.lock_wait_seconds) as lock, record.step("ingest"):
            cycle.ingest_inbox(settings, framework, night, lock, say)
    say("\n".join(cycle.summary(night)))
    return night.exit_code


def run_compute(options: Namespace) -> int:
    """Recompute the indicator tables and publish."""
    from flows import cycle
    from flows.watching import recorded
    from warehouse.store import exclusive

    settings, night = load_settings(), cycle.Night()
    with recorded(settings, "compute") as record:
        framework = _framework()
        record.uses(framework, night)
        with exclusive(settings.root, wait_seconds=settings.lock_wait_seconds) as lock:
            with record.step("compute"):
                cycle.compute_indicators(settings, framework, night, lock, say)
            with record.step("publish"):
                cycle.publish_snapshot(settings, framework, night, lock, say)
    for line in cycle.correction_lines(night):
        say(line)
    return night.exit_code


def run_nightly(options: Namespace) -> int:
    """The Prefect flow. A run that is refused because another one works ends with 2."""
    from flows.prefect_home import prepare
    from warehouse.store import lock_holder

    settings = load_settings()
    holder = lock_holder(settings.root)
    if holder is not None:
        raise holder
    from flows.watching import guarded

    with guarded(settings, "nightly"):  # a Prefect that does not start is a failed run too
        prepare(settings)
        from flows.nightly import nightly

        return int(nightly())


def run_serve(options: Namespace) -> int:
    """Keep the nightly run scheduled until stopped; one run at a time."""
    from flows.deployments import serve

    serve(options.cron)
    return 0


def run_report(options: Namespace) -> int:
    """The yearly report."""
    from flows.reporting import make_report

    moment = moment_of(options.as_of) if options.as_of else None
    out = Path(options.out) if options.out else None
    start = make_report(
        load_settings(), _framework(), options.year, moment=moment, out=out, progress=lambda line: say(answered(line))
    )
    say(text("say.report", year=options.year, path=start))
    return 0


def run_status(options: Namespace) -> int:
    """Expected against received against accepted."""
    from flows import status
    from flows.misplaced import misplaced_files, misplaced_lines
    from warehouse.snapshot import open_snapshot

    framework, root = _framework(), load_settings().root
    with open_snapshot(root) as snapshot:
        if options.year is not None:
            check_year(framework, options.year)
        years = [options.year] if options.year else status.years_with_deliveries(snapshot.connection)
        found = [status.standings(snapshot.connection, framework, year) for year in years]
    if options.json:
        say(json.dumps([record for year in found for record in status.as_records(year)], ensure_ascii=False, indent=1))
    else:
        say("\n\n".join(status.as_text(year, framework) for year in found) or text("say.no_deliveries"))
    for line in misplaced_lines(misplaced_files(root)):  # not a line of a region: machines get it on the other channel
        print(line, file=sys.stderr if options.json else sys.stdout)
    return 0


def run_why(options: Namespace) -> int:
    """From a number back to its cells."""
    from flows.why_text import as_text
    from warehouse.lineage import why
    from warehouse.snapshot import open_snapshot

    members = {}
    for pair in options.members:
        dimension, equals, member = pair.partition("=")
        if not equals:
            raise InputRefused(text("why.pair", pair=pair))
        members[dimension] = member
    framework = _framework()
    with open_snapshot(load_settings().root) as snapshot:
        found = why(snapshot.connection, framework, options.indicator, options.region, options.year, members)
    if options.json:
        say(json.dumps(found, ensure_ascii=False, indent=1, default=str))
    else:
        say(as_text(framework, found))
    return 0


def run_demo(options: Namespace) -> int:
    """Sample deliveries, two nights, the report."""
    from flows.demo.running import run

    return run(load_settings(), _framework(), say)
