"""The cover of the delivery workbook: who delivers what, on which basis; Fehlanzeige; signs; how to fill it in."""

from __future__ import annotations

from xlsxwriter.worksheet import Worksheet

from intake.form_request import (
    COVER_MARK,
    FORM_MARK,
    FORM_VERSION,
    NIL_ANSWER,
    NIL_REGISTER,
    SCOPE,
    SCOPE_REGISTERS,
    TEXT_MARK,
    FormRequest,
)
from intake.form_styles import Styles
from schemas.definitions import SignProfile
from schemas.framework_model import Framework


def write_cover(
    framework: Framework, request: FormRequest, profile: SignProfile, styles: Styles, sheet: Worksheet
) -> None:
    """Write the cover sheet."""
    _Cover(framework, request, profile, styles).write(sheet)


class _Cover:
    def __init__(self, framework: Framework, request: FormRequest, profile: SignProfile, styles: Styles) -> None:
        self.framework = framework
        self.request = request
        self.profile = profile
        self.styles = styles
        self.row = 0

    def write(self, sheet: Worksheet) -> None:
        unit = self.framework.territory.unit(self.request.region)
        sheet.set_column(0, 0, None, None, {"hidden": True})
        sheet.set_column(1, 1, 46)
        sheet.set_column(2, 2, 60)
        sheet.set_column(3, 3, 70)
        sheet.hide_gridlines(2)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        self._line(sheet, FORM_MARK, f"Erhebungsbogen Integrationsmonitoring {self.request.year}", self.styles.title)
        if self.request.sample:
            self._line(sheet, TEXT_MARK, "Musterdaten – keine echten Werte", self.styles.sample)
        self._line(sheet, TEXT_MARK, self.framework.head.title_de, self.styles.text)
        sheet.write_string(self.row, 0, TEXT_MARK)
        sheet.write_string(self.row, 2, FORM_VERSION, self.styles.invisible)
        self.row += 1
        head = self.framework.head
        deadline = f"{self.framework.deadline(self.request.year):%d.%m.%Y}"
        cover = self.request.cover
        self._fixed(sheet, "region", "Gebietsschlüssel", self.request.region)
        self._fixed(sheet, "region_name", "Gebiet", unit.name)
        self._fixed(sheet, "year", "Berichtsjahr", str(self.request.year))
        self._fixed(sheet, "framework", "Indikatorenrahmen", head.code)
        self._fixed(sheet, "version", "Fassung der Vorlage", head.version)
        self._fixed(sheet, "deadline", "Abgabe bis", deadline)
        if self.request.registers_only:
            self._fixed(sheet, SCOPE, "Umfang", SCOPE_REGISTERS)
        self.row += 1
        self._input(sheet, "unit", "Ausfüllende Stelle", cover.unit)
        self._input(sheet, "contact_name", "Ansprechperson oder Funktion", cover.contact_name)
        self._input(sheet, "contact_mail", "E-Mail", cover.contact_mail)
        if not self.request.registers_only:
            self._basis_and_signs(sheet)
        self._input(sheet, "remarks", "Bemerkungen zur Lieferung", cover.remarks)
        self.row += 1
        if not self.request.registers_only:
            self._nil(sheet)
            self.row += 1
        self._registers(sheet)
        if not self.request.registers_only:
            self._legend(sheet)
        self._steps(sheet, deadline)
        sheet.protect("", {"format_columns": True, "format_rows": True, "select_locked_cells": True})

    def _basis_and_signs(self, sheet: Worksheet) -> None:
        bases = self.framework.head.delivery.population_bases
        names = {basis.code: basis.name_de for basis in bases}
        hint = "bitte auswählen: worauf beruhen die Bevölkerungszahlen?"
        answer = names.get(self.request.cover.population_basis, "")
        self._choice(sheet, "population_basis", "Bevölkerungsgrundlage", answer, list(names.values()), hint)
        profiles = [f"{p.code} – {p.name_de}" for p in self.framework.sign_profiles.values()]
        chosen = f"{self.profile.code} – {self.profile.name_de}"
        self._choice(sheet, "sign_profile", "Zeichen in den Tabellen", chosen, profiles, "siehe Legende unten")

    def _registers(self, sheet: Worksheet) -> None:
        """Where the registers are, how many entries they hold already, and whether there is nothing to enter."""
        registers = self.framework.registers_in(self.request.year)
        if not registers:
            return
        self._line(
            sheet,
            TEXT_MARK,
            "Register (zum Öffnen anklicken; rechts Fehlanzeige, wenn es keine Einträge gibt)",
            self.styles.heading,
        )
        for register in registers:
            known = len(self.request.records.get(register.code, ()))
            filled = f"{known} {'Eintrag' if known == 1 else 'Einträge'} vorausgefüllt"
            hint = filled if known else "Fehlanzeige nur, wenn es keine Einträge gibt"
            nil = register.code in self.request.cover.nil_registers
            name, answer = f"{NIL_REGISTER}:{register.code}", NIL_ANSWER if nil else ""
            self._choice(sheet, name, register.name_de, answer, [NIL_ANSWER], hint)
            place = f"internal:'{register.sheet}'!A1"
            sheet.write_url(self.row - 1, 1, place, self.styles.link, register.name_de)
        self.row += 1

    def _nil(self, sheet: Worksheet) -> None:
        self._line(sheet, TEXT_MARK, "Fehlanzeige (es gibt nichts zu melden)", self.styles.heading)
        cover = self.request.cover
        answer = NIL_ANSWER if cover.nil else ""
        self._choice(sheet, "nil", "Gesamte Lieferung", answer, [NIL_ANSWER], "nur wenn zu keinem Feld etwas vorliegt")
        for code, entry in self.framework.fields.items():
            if self.framework.variables_of(code, self.request.year):
                answer = NIL_ANSWER if code in cover.nil_fields else ""
                self._choice(sheet, f"nil:{code}", f"Feld {entry.name_de}", answer, [NIL_ANSWER], "")

    def _legend(self, sheet: Worksheet) -> None:
        self._line(sheet, TEXT_MARK, "Zeichen statt einer Zahl", self.styles.heading)
        for status, variants in self.profile.signs.items():
            sheet.write_string(self.row, 0, TEXT_MARK)
            sheet.write_string(self.row, 1, variants[0], self.styles.text)
            sheet.write_string(self.row, 2, self.framework.statuses[status].meaning_de, self.styles.text)
            self.row += 1

    def _steps(self, sheet: Worksheet, deadline: str) -> None:
        self.row += 1
        self._line(sheet, TEXT_MARK, "So füllen Sie den Bogen aus", self.styles.heading)
        figures = (
            "Wählen Sie oben die Bevölkerungsgrundlage aus und nennen Sie eine Ansprechperson.",
            "Tragen Sie in die gelben Zellen ganze Zahlen ein, keine Anteile. Eine leere gelbe Zelle ist keine Null.",
            "Graue Zellen (divers, ohne Angabe) können leer bleiben, wenn es keine Fälle gibt.",
            "Rechts neben den Eingabezellen stehen zum Vergleich die Werte des Vorjahres, soweit bekannt.",
        )
        registers = (
            "In den Registern steht je Eintrag eine Zeile. Prüfen Sie, was schon eingetragen ist; Beendetes erhält ein Enddatum.",
        )
        last = f"Legen Sie die Datei bis zum {deadline} in Ihren Eingangsordner. Die Antwort liegt danach im Ausgangsordner."
        asked: tuple[str, ...] = () if self.request.registers_only else figures
        asked += registers if self.framework.registers_in(self.request.year) else ()
        for number, text in enumerate((*asked, last), start=1):
            step = f"{number}. {text}"
            self._line(sheet, TEXT_MARK, step, self.styles.text)
        self._line(sheet, TEXT_MARK, f"Fragen: {self.framework.head.delivery.contact}", self.styles.text)

    def _line(self, sheet: Worksheet, mark: str, text: str, style: object) -> None:
        sheet.write_string(self.row, 0, mark)
        sheet.write_string(self.row, 1, text, style)
        self.row += 1

    def _fixed(self, sheet: Worksheet, name: str, label: str, value: str) -> None:
        self._answer(sheet, name, label, value, self.styles.fixed)

    def _input(self, sheet: Worksheet, name: str, label: str, value: str) -> None:
        self._answer(sheet, name, label, value, self.styles.answer)

    def _choice(self, sheet: Worksheet, name: str, label: str, value: str, choices: list[str], hint: str) -> None:
        sheet.data_validation(
            self.row,
            2,
            self.row,
            2,
            {
                "validate": "list",
                "source": choices,
                "error_message": "Bitte einen Eintrag der Liste wählen oder leer lassen.",
            },
        )
        if hint:
            sheet.write_string(self.row, 3, hint, self.styles.hint)
        self._answer(sheet, name, label, value, self.styles.answer)

    def _answer(self, sheet: Worksheet, name: str, label: str, value: str, style: object) -> None:
        sheet.write_string(self.row, 0, f"{COVER_MARK} {name}")
        sheet.write_string(self.row, 1, label, self.styles.label)
        if value:
            sheet.write_string(self.row, 2, value, style)
        else:
            sheet.write_blank(self.row, 2, None, style)
        self.row += 1
