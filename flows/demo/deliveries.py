"""Sample deliveries as municipalities would drop them: filled forms, and the cases that need an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from flows.demo.registers import load_registers
from flows.demo.world import World
from intake.form import write_form
from intake.form_request import CoverAnswers, Entry, FormRequest, sign_profile
from intake.layout_sample import write_sample
from intake.layouts import load_layouts
from schemas.framework_model import Framework
from schemas.shapes import Record
from schemas.tables import entry_tables

STORY = Path(__file__).with_name("story.yaml")


@dataclass(frozen=True)
class Story:
    """What happens in the demo, as data (`story.yaml`): who delivers late, wrong, nothing, in another layout, unreadably."""

    population_basis: str
    wrong: dict[str, Any]
    nil: dict[str, Any]
    foreign: dict[str, Any]
    unreadable: dict[str, Any]


def load_story(path: Path = STORY) -> Story:
    """Read the story."""
    return Story(**yaml.safe_load(path.read_text(encoding="utf-8")))


def entries(framework: Framework, world: World, region: str, year: int) -> dict[tuple[str, str], Entry]:
    """What the region writes into every cell of its form: numbers, or the sign that says why there is none."""
    profile = sign_profile(framework, "")
    signs = {
        **dict.fromkeys(world.unavailable(region, year), profile.signs["not_available_at_level"][0]),
        **dict.fromkeys(world.pending(region, year), profile.signs["not_delivered"][0]),
    }
    filled: dict[tuple[str, str], Entry] = dict(world.values(region, year))
    for table in entry_tables(framework, region, year):
        for row, column, key in table.cells():
            if row.variable in signs and not column.optional:
                filled[key] = signs[row.variable]
    return filled


def write_first_night(framework: Framework, world: World, story: Story, inbox: Path) -> int:
    """All deliveries of the first night; returns their number."""
    sample, count = load_registers(framework), 0
    for region in world.regions:
        for year in world.years:
            broken = (region, year) == (story.wrong["region"], story.wrong["year"])
            values = entries(framework, world, region, year)
            records = sample.records(framework, region, year)
            if broken:
                values |= _mistakes(values, story.wrong["mistakes"])
                records = _record_mistakes(records, story.wrong["records"])
            _form(framework, world, story, inbox, region, year, values, records, "")
            count += 1
    _nil_return(framework, story, inbox)
    _foreign(framework, world, story, inbox)
    _unreadable(story, inbox)
    return count + 3


def write_second_night(framework: Framework, world: World, story: Story, inbox: Path) -> int:
    """The correction of what was returned in the first night."""
    region, year = story.wrong["region"], story.wrong["year"]
    values, records = (
        entries(framework, world, region, year),
        load_registers(framework).records(framework, region, year),
    )
    _form(framework, world, story, inbox, region, year, values, records, "_Korrektur")
    return 1


def _form(
    framework: Framework,
    world: World,
    story: Story,
    inbox: Path,
    region: str,
    year: int,
    values: dict[tuple[str, str], Entry],
    records: Mapping[str, Sequence[Record]],
    suffix: str,
) -> None:
    previous = entries(framework, world, region, year - 1) if year - 1 in world.years else {}
    cover = CoverAnswers(
        contact_name="Integrationsbüro (Muster)",
        contact_mail="integration@example.org",
        unit="Integrationsbüro",
        population_basis=story.population_basis,
    )
    request = FormRequest(region, year, values=values, previous=previous, cover=cover, sample=True, records=records)
    write_form(inbox / region / f"Musterdaten_{region}_{year}{suffix}.xlsx", framework, request)


def _mistakes(values: dict[tuple[str, str], Entry], mistakes: list[dict[str, Any]]) -> dict[tuple[str, str], Entry]:
    """The wrong entries of the returned delivery: a value shifted by a factor, or replaced by a text."""
    changed: dict[tuple[str, str], Entry] = {}
    for mistake in mistakes:
        key = (mistake["variable"], mistake.get("members", ""))
        before = values[key]
        if "factor" in mistake and not isinstance(before, str):
            changed[key] = before * mistake["factor"]
        else:
            changed[key] = mistake["text"]
    return changed


def _record_mistakes(
    records: Mapping[str, Sequence[Record]], mistakes: list[dict[str, Any]]
) -> dict[str, list[Record]]:
    """The wrong entries of the returned delivery: a row removed, repeated, with another id, or with a wrong value."""
    changed = {code: list(found) for code, found in records.items()}
    for mistake in mistakes:
        rows = changed[mistake["register"]]
        place = next(number for number, record in enumerate(rows) if record.id == mistake["record"])
        match mistake:
            case {"removed": True}:
                del rows[place]
            case {"repeated": True}:
                rows.append(rows[place])
            case {"id": str() as other}:
                rows[place] = replace(rows[place], id=other)
            case {"field": str() as field, "text": str() as text}:
                rows[place] = replace(rows[place], values={**rows[place].values, field: text})
    return changed


def _nil_return(framework: Framework, story: Story, inbox: Path) -> None:
    region, year = story.nil["region"], story.nil["year"]
    cover = CoverAnswers(unit="Integrationsbüro", contact_name="Integrationsbüro (Muster)", nil=True)
    name = f"Musterdaten_{region}_{year}_Fehlanzeige.xlsx"
    blank = FormRequest(region, year, cover=cover, sample=True)
    write_form(inbox / region / name, framework, blank)


def _foreign(framework: Framework, world: World, story: Story, inbox: Path) -> None:
    region, year = story.foreign["region"], story.foreign["year"]
    layout = next(found for found in load_layouts(framework) if found.code == story.foreign["layout"])
    values = {key: value for key, value in world.values(region, year).items() if key[0] in story.foreign["variables"]}
    folder = inbox / region
    folder.mkdir(parents=True, exist_ok=True)
    write_sample(folder / f"Musterdaten_{story.foreign['name']}_{year}.xlsx", layout, framework, values, year)


def _unreadable(story: Story, inbox: Path) -> None:
    folder = inbox / story.unreadable["region"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / story.unreadable["name"]).write_bytes(b"PK\x03\x04" + b"Musterdaten, abgeschnitten" * 40)
