"""Our own form is recognised by its marks; its cover says who delivers what."""

from __future__ import annotations

from dataclasses import dataclass

from intake import form_request as form
from intake.reading import Sheet, Workbook, column_letters
from schemas.framework_model import Framework
from schemas.remembered import remembered


@dataclass(frozen=True)
class Cover:
    """The answers of the cover by name, and where each stands."""

    sheet: str
    answers: dict[str, str]
    places: dict[str, str]

    def answer(self, name: str) -> str:
        """The answer, or an empty text."""
        return self.answers.get(name, "")

    def place(self, name: str) -> dict[str, str]:
        """Sheet and cell of an answer, to be put into a finding."""
        return {"sheet": self.sheet, "cell": self.places.get(name, "")}


def find_cover(workbook: Workbook) -> Cover | None:
    """The cover of our form, wherever it stands; None when the workbook is not our form."""
    for sheet in workbook.sheets:
        marks = [cell for cell in sheet.marks if cell.text == form.FORM_MARK]
        if marks:
            if "cover" not in sheet.derived:
                sheet.derived["cover"] = _cover(sheet, marks[0].column)
            found: Cover = sheet.derived["cover"]
            return found
    return None


def _cover(sheet: Sheet, key_column: int) -> Cover:
    answers: dict[str, str] = {}
    places: dict[str, str] = {}
    version = (
        column for r in sheet.rows.values() for column in r.layout.columns if r.text(column) == form.FORM_VERSION
    )
    answer_column = next(version, key_column + 2)
    for number, row in sheet.rows.items():
        key = row.text(key_column)
        if key.startswith(form.COVER_MARK):
            name = key.removeprefix(form.COVER_MARK).strip()
            answers[name] = row.text(answer_column)
            places[name] = f"{column_letters(answer_column)}{number}"
    return Cover(sheet.name, answers, places)


def nil_fields(framework: Framework, cover: Cover, year: int) -> tuple[str, ...]:
    """Fields for which the cover declares Fehlanzeige; all of them when the whole delivery is nil."""
    codes = _fields_asked(framework, year)
    if is_nil(cover.answer("nil")):
        return codes
    return tuple(code for code in codes if is_nil(cover.answer(f"nil:{code}")))


def _fields_asked(framework: Framework, year: int) -> tuple[str, ...]:
    def made() -> tuple[str, ...]:
        return tuple(code for code in framework.fields if framework.variables_of(code, year))

    return remembered(framework, made, "fields asked", year)


def is_nil(answer: str) -> bool:
    """Does the answer declare Fehlanzeige? Only what says so does; “nein” or a dash does not."""
    return answer.strip().casefold() in (form.NIL_ANSWER.casefold(), "ja", "x")
