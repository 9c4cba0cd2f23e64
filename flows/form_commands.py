"""The command `form`: the delivery workbook, filled with what is known of the year before."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.settings import InputRefused, Settings, load_settings
from flows.wording import answered, say, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from intake.form_request import Entry
    from schemas.framework_model import Framework
    from schemas.shapes import Record


def check_year(framework: Framework, year: int) -> None:
    """Refuse a reporting year for which nothing can be delivered."""
    from datetime import date

    first, last = framework.head.delivery.first_year, date.today().year
    if not first <= year <= last:
        raise InputRefused(text("refused.year", year=year, first=first, last=last))


def run_form(options: Namespace) -> int:
    """Write the delivery workbook, prefilled with what was accepted for the year before."""
    from datetime import date

    from intake.form import write_form
    from intake.form_request import FormRequest
    from schemas.loading import load_framework

    framework, settings = load_framework(), load_settings()
    region, year = options.region, options.year
    check_year(framework, year)
    if not framework.territory.known(region):
        raise InputRefused(text("refused.region", region=region))
    if not framework.territory.valid(region, date(year, 12, 31)):
        told = framework.territory.explain_invalid(region, date(year, 12, 31))
        raise InputRefused(answered(told) if told else text("refused.region_year", region=region, year=year))
    if options.registers_only and not framework.registers_in(year):
        raise InputRefused(text("refused.no_registers", year=year))
    previous = {} if options.blank else _previous_entries(settings, framework, region, year - 1)
    records = {} if options.blank else _previous_records(settings, framework, region, year)
    request = FormRequest(
        region,
        year,
        previous={} if options.registers_only else previous,
        sample=settings.sample,
        records=records,
        registers_only=options.registers_only,
    )
    path = write_form(Path(options.output), framework, request)
    entries = sum(len(kept) for kept in records.values())
    key = "say.form_entries" if entries else "say.form_previous" if request.previous else "say.form"
    say(text(key, path=path, count=len(request.previous), entries=entries))
    return 0


def _previous_records(
    settings: Settings, framework: Framework, region: str, year: int
) -> Mapping[str, Sequence[Record]]:
    """Entries of the registers: those of this year where it was delivered already, else last year's that go on."""
    from intake.register_content import by_register, carried_over
    from warehouse.records import records_of
    from warehouse.snapshot import NoSnapshot, open_snapshot

    try:
        with open_snapshot(settings.root) as snapshot:
            now = by_register(records_of(snapshot.connection, region, year))
            last = by_register(records_of(snapshot.connection, region, year - 1))
    except NoSnapshot:
        return {}
    return {**carried_over(framework, last, year), **now}


def _previous_entries(
    settings: Settings, framework: Framework, region: str, year: int
) -> Mapping[tuple[str, str], Entry]:
    """Accepted values of a year as they would be entered; nothing when nothing is published yet."""
    from intake.form_request import sign_profile
    from warehouse.past import previous_values
    from warehouse.snapshot import NoSnapshot, open_snapshot

    profile = sign_profile(framework, "")
    try:
        with open_snapshot(settings.root) as snapshot:
            known = previous_values(snapshot.connection, region, year)
    except NoSnapshot:
        return {}
    entries: dict[tuple[str, str], Entry] = {}
    for key, (value, status) in known.items():
        signs = profile.signs.get(status)
        if value is not None:
            entries[key] = value
        elif signs:
            entries[key] = signs[0]
    return entries
