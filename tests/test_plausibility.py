"""Plausibility beyond the rules: one minimal case per code, with numbers made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bench.detection import DESCRIPTION, Demo, check
from flows.demo.world import load_world
from intake.cause_cells import cells_of
from intake.cause_equations import Sums
from intake.cause_outliers import History, modified_z, stabilised
from intake.cause_settings import load_limits
from intake.messages import finding
from intake.plausibility import check_plausibility
from intake.rules import Known, RuleInput
from schemas.framework_model import Framework
from schemas.loading import DEFAULT_FOLDER, load_framework
from schemas.shapes import Finding, Observation, Severity
from schemas.yaml_source import FrameworkError

Cells = Mapping[str, Any]
TOWN, KREIS = "06413", "06435"


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework()


def known(cells: Cells) -> Known:
    return {_key(name): (Decimal(str(value)), "ok") for name, value in cells.items()}


def item(
    now: Cells, before: Cells | None = None, *, region: str = TOWN, year: int = 2024, sheet: str = "Blatt"
) -> RuleInput:
    """A delivery of `VARIABLE GRP=A,SEX=W` -> value; cells A1, A2, ... in the order given."""
    found = []
    for number, (name, value) in enumerate(now.items(), start=1):
        variable, key = _key(name)
        members = tuple((part.split("=")[0], part.split("=")[1]) for part in key.split(",") if part)
        number_value = None if value is None else Decimal(str(value))
        found.append(
            Observation(
                region, year, variable, members, number_value, "ok", sheet, f"A{number}", str(value), "", key, ""
            )
        )
    return RuleInput("1", region, year, found, known(before or {}))


def _key(name: str) -> tuple[str, str]:
    variable, _, key = name.partition(" ")
    return variable, key


def noticed(
    framework: Framework, delivery: RuleInput, history: History | None = None, reading: Sequence[Finding] = ()
) -> list[Finding]:
    return check_plausibility(framework, [delivery], history, {"1": reading})["1"].findings


def codes(found: Sequence[Finding]) -> list[str]:
    return [entry.code for entry in found]


def only(found: Sequence[Finding]) -> Finding:
    assert len(found) == 1, [f"{entry.code} {entry.message}" for entry in found]
    return found[0]


# --- measures ------------------------------------------------------------------------------------------------------


def test_measures_agree_with_published_examples() -> None:
    assert stabilised(12, 5) == pytest.approx(1.70, abs=0.005)
    assert stabilised(1200, 500) == pytest.approx(17.4, abs=0.05)
    series = [1000.0, 990.0, 1010.0, 1020.0, 1005.0, 1500.0]
    assert modified_z(1500, series) == pytest.approx(33.2, abs=0.05)
    assert all(abs(modified_z(value, series)) < 1.2 for value in series[:-1])


def test_modified_z_falls_back_when_most_values_are_equal() -> None:
    assert modified_z(20, [10, 10, 10, 14]) == pytest.approx(10 / 1.2533)
    assert modified_z(20, [10, 10, 10, 10]) == float("inf")
    assert modified_z(10, [10, 10, 10, 10]) == 0
    assert modified_z(20, [10, 10, 10, 10], floor=5) == 2


# --- single cells --------------------------------------------------------------------------------------------------


def test_m15_asks_about_a_jump(framework: Framework) -> None:
    found = only(noticed(framework, item({"OFFER_PLACES": 520}, {"OFFER_PLACES": 190})))
    assert (found.code, found.severity, found.cell, found.previous_value) == ("M15", Severity.WARNING, "A1", "190")
    assert found.message == "Plätze in Angeboten: 520 nach 190 im Vorjahr (+174\u202f%)."
    assert found.remedy == "Prüfen Sie den Wert; wenn er stimmt, tragen Sie bitte eine kurze Begründung ein."


@pytest.mark.parametrize(("before", "now"), [(5, 12), (2, 0), (9, 3), (190, 470), (190, 80), (12, 4)])
def test_m15_lets_chance_and_usual_changes_pass(framework: Framework, before: int, now: int) -> None:
    assert not noticed(framework, item({"OFFER_PLACES": now}, {"OFFER_PLACES": before}))


@pytest.mark.parametrize("before", [30, 100, 5000])
def test_a_tenfold_value_is_always_noticed_from_30_on(framework: Framework, before: int) -> None:
    for now in (before * 10, before // 10):
        assert codes(noticed(framework, item({"OFFER_PLACES": now}, {"OFFER_PLACES": before}))) == ["P06"]


def test_p06_names_the_digit(framework: Framework) -> None:
    found = only(noticed(framework, item({"OFFER": 1020}, {"OFFER": 98})))
    assert found.message == (
        "Integrationsangebote im Inventar: 1\u202f020 hat vermutlich eine Stelle zu viel; zu erwarten wären etwa 102."
    )
    assert (
        found.remedy
        == "Prüfen Sie die Zahl der Stellen; wenn der Wert stimmt, tragen Sie bitte eine kurze Begründung ein."
    )
    found = only(noticed(framework, item({"OFFER": 10}, {"OFFER": 98})))
    assert "eine Stelle zu wenig; zu erwarten wären etwa 100." in found.message


def test_p06_without_a_year_before_follows_from_the_sums(framework: Framework) -> None:
    now = {"DENT_EXAM GRP=OMH": 400, "DENT_EXAM GRP=MMH": 3000, "DENT_EXAM": 700}
    found = noticed(framework, item(now))
    assert codes(found) == ["P07", "P06"]
    assert (found[1].cell, found[1].expected) == ("A2", "300")


def test_p07_a_total_that_no_rule_guards_is_not_the_sum(framework: Framework) -> None:
    found = only(noticed(framework, item({"DENT_EXAM GRP=OMH": 400, "DENT_EXAM GRP=MMH": 300, "DENT_EXAM": 1704})))
    assert (found.code, found.cell) == ("P07", "A3")
    assert found.message == (
        "Zahnärztlich untersuchte Erstklässlerinnen und Erstklässler: Die Summe der Einzelwerte zu "
        "„Bevölkerungsgruppe (Migrationsstatus)“ ergibt 700, eingetragen sind 1\u202f704; Abweichung 1\u202f004."
    )
    assert found.remedy == (
        "Prüfen Sie die beteiligten Zellen A3, A1, A2; wenn die Werte stimmen, tragen Sie bitte eine kurze Begründung ein."
    )


def test_p07_allows_for_rounding_by_the_source_and_for_what_is_secret(framework: Framework) -> None:
    assert not noticed(framework, item({"SGB12_HLU SEX=M": 105, "SGB12_HLU SEX=W": 85, "SGB12_HLU": 195}))
    assert codes(noticed(framework, item({"SGB12_HLU SEX=M": 105, "SGB12_HLU SEX=W": 85, "SGB12_HLU": 200}))) == ["P07"]
    assert not noticed(framework, item({"DENT_EXAM GRP=OMH": 400, "DENT_EXAM GRP=MMH": None, "DENT_EXAM": 700}))


def test_p07_leaves_sums_to_the_rules_that_state_them(framework: Framework) -> None:
    assert not noticed(framework, item({"POP SEX=M": 400, "POP SEX=W": 300, "POP": 900}))


def test_the_sums_of_a_delivery_do_not_depend_on_what_others_deliver(framework: Framework) -> None:
    own = item({"POP": 100, "POP_DIST DIST=06413001": 60, "POP_DIST DIST=06413002": 30})
    other = item({"POP": 10, "POP_DIST DIST=06434001": 10}, region="06434")
    values = cells_of(own).values
    alone, together = (Sums.for_items(framework, items).of(own, values) for items in ([own], [own, other]))
    assert alone is together
    assert [equation.owner for equation in alone.broken(values)] == ["R007"]


def test_m12_asks_about_a_value_far_from_all_earlier_years(framework: Framework) -> None:
    past = {2023: 100, 2022: 101, 2021: 99, 2020: 102}
    history = History(values=lambda region, year: known({"OFFER": past[year]} if year in past else {}))
    found = only(noticed(framework, item({"OFFER": 160}, {"OFFER": 100}), history))
    assert (found.code, found.severity) == ("M12", Severity.WARNING)
    assert found.message == (
        "Integrationsangebote im Inventar: 160 weicht deutlich von den bisherigen Jahren ab (mittlerer Wert aus 4 Jahren: 100)."
    )
    assert not noticed(framework, item({"OFFER": 130}, {"OFFER": 100}), history)
    del past[2020]
    assert not noticed(framework, item({"OFFER": 160}, {"OFFER": 100}), history), "three years are too few"


def test_m12_does_not_ask_again_about_a_level_that_was_accepted_last_year(framework: Framework) -> None:
    past = {2023: 165, 2022: 100, 2021: 99, 2020: 102, 2019: 101, 2018: 100}
    history = History(values=lambda region, year: known({"OFFER": past[year]} if year in past else {}))
    assert not noticed(framework, item({"OFFER": 160}, {"OFFER": 165}), history)


PEERS = [{"POP": 100_000 * n, "REF_MUN": rate * n} for n, rate in ((1, 600), (2, 700), (3, 650), (1, 800))]


def test_m12_compares_rates_with_other_regions_on_a_first_delivery(framework: Framework) -> None:
    history = History(peers=lambda region, year: [known(peer) for peer in PEERS])
    found = only(noticed(framework, item({"POP": 137_000, "REF_MUN": 9500}), history))
    assert (found.code, found.cell) == ("M12_PEERS", "A2")
    assert found.message == (
        "Geflüchtete in kommunaler Unterbringungszuständigkeit: "
        "Der Anteil, der sich aus 9\u202f500 ergibt, ist deutlich höher als in anderen Gebieten."
    )
    assert "680" not in found.message + found.remedy, "never a value of another region"
    assert not noticed(framework, item({"POP": 500_000, "REF_MUN": 3500}), history), "raw counts are not compared"
    with_past = item({"POP": 137_000, "REF_MUN": 9500}, {"REF_MUN": 9400})
    assert not noticed(framework, with_past, history), "a difference that was accepted before"


@pytest.mark.parametrize(
    ("weighted", "message"),
    [
        (40, "Die gewichtete Fallzahl (40) passt nicht zur ungewichteten; erwartet wird mindestens 50."),
        (260.5, "Die gewichtete Fallzahl (260,5) passt nicht zur ungewichteten; erwartet wird höchstens 200."),
    ],
)
def test_m16_asks_about_weights(framework: Framework, weighted: float, message: str) -> None:
    found = only(noticed(framework, item({"SV_VALID ITEM=VOL": weighted, "SV_N ITEM=VOL": 100})))
    assert (found.code, found.severity, found.cell, found.message) == ("M16", Severity.WARNING, "A1", message)
    assert not noticed(framework, item({"SV_VALID ITEM=VOL": 120, "SV_N ITEM=VOL": 100}))


# --- whole tables --------------------------------------------------------------------------------------------------

SCHOOLS = ("GS", "HS", "RS", "MSS", "IGS", "GYM", "FS", "OTH")
BEFORE = {
    f"PUP GRP={group},STYPE={school}": 200 * n + 37 * m
    for m, group in enumerate(("A", "DOM", "DMM"), start=1)
    for n, school in enumerate(SCHOOLS, start=1)
}


def pupils(change: Any) -> dict[str, Any]:
    """The pupils of this year: those of last year and 4 % more, changed by name and value."""
    return {name: change(name, round(value * 1.04)) for name, value in BEFORE.items()}


def test_the_sample_table_is_clean(framework: Framework) -> None:
    assert not noticed(framework, item(pupils(lambda name, value: value), BEFORE))


def test_p01_last_years_values(framework: Framework) -> None:
    found = only(noticed(framework, item(BEFORE, BEFORE, sheet="Schule")))
    assert (found.code, found.severity, found.sheet, found.cell) == ("P01", Severity.WARNING, "Schule", "")
    assert found.message == "Im Blatt „Schule“ sind 24 von 24 Werten gleich dem Vorjahr."
    assert found.remedy.startswith("Prüfen Sie, ob die Werte des Vorjahrs stehen geblieben sind")


def test_p01_needs_nine_of_ten_values_and_eight_cells(framework: Framework) -> None:
    some = dict(list(BEFORE.items())[:7])
    assert not noticed(framework, item(some, some))
    mixed = {name: value if n % 5 else round(value * 1.04) for n, (name, value) in enumerate(BEFORE.items())}
    assert not noticed(framework, item(mixed, BEFORE))
    small = dict.fromkeys(BEFORE, 12)
    assert not noticed(framework, item(small, small)), "small numbers often stay the same"


def test_p01_one_table_of_a_sheet(framework: Framework) -> None:
    other = {
        f"LEAV GRP={group},DEG={degree}": 50 + 31 * m + 9 * n
        for m, group in enumerate(("A", "DOM", "DMM"))
        for n, degree in enumerate(("OHNE", "FOEA", "HSA", "MSA", "FHR", "AHR"))
    }
    found = only(noticed(framework, item({**pupils(lambda n, v: v), **other}, {**BEFORE, **other})))
    assert (found.code, found.cell) == ("P01", "A31"), "the first cell of the table in the form"
    assert found.message.startswith("In der Tabelle „Schulentlassene aus allgemeinbildenden Schulen")
    assert found.message.endswith("sind 18 von 18 Werten gleich dem Vorjahr.")


def test_p02_a_sheet_in_thousands(framework: Framework) -> None:
    found = noticed(framework, item(pupils(lambda name, value: value * 1000), BEFORE, sheet="Schule"))
    assert found[0].code == "P02"
    assert found[0].severity is Severity.ERROR
    assert found[0].message == "Im Blatt „Schule“ betragen 24 Werte etwa das Tausendfache des Vorjahreswerts."
    assert found[0].remedy.startswith("Prüfen Sie die Einheit und tragen Sie die volle Anzahl ein")


def test_p02_one_column_with_a_digit_too_few(framework: Framework) -> None:
    now = pupils(lambda name, value: round(value / 10) if "GRP=A," in name else value)
    found = noticed(framework, item(now, BEFORE))
    assert found[0].code == "P02"
    assert found[0].message.startswith(
        "In der Spalte „Ausländerinnen und Ausländer, insgesamt“ der Tabelle „Schülerinnen"
    )
    assert found[0].message.endswith("betragen 8 Werte etwa das Zehntel des Vorjahreswerts.")


def test_p03_two_rows_exchanged(framework: Framework) -> None:
    names = {"HS": "GYM", "GYM": "HS"}

    def swapped(name: str, value: int) -> int:
        school = name.split("STYPE=")[1]
        return round(BEFORE[name.replace(f"STYPE={school}", f"STYPE={names.get(school, school)}")] * 1.04)

    found = noticed(framework, item(pupils(swapped), BEFORE))
    assert found[0].code == "P03"
    assert found[0].severity is Severity.WARNING
    assert "passen die Werte von zwei Zeilen jeweils zum Vorjahr der anderen: „Hauptschule" in found[0].message
    assert found[0].message.endswith("und „Gymnasium oder Gymnasialzweig“.")
    assert found[0].remedy.startswith("Prüfen Sie, ob die Zeilen vertauscht sind")


def test_p03_two_columns_exchanged(framework: Framework) -> None:
    wide = {name: value * (3 if "GRP=DOM" in name else 1) for name, value in BEFORE.items()}
    names = {"A": "DOM", "DOM": "A"}

    def swapped(name: str) -> int:
        group = name.split("GRP=")[1].split(",")[0]
        return round(wide[name.replace(f"GRP={group},", f"GRP={names.get(group, group)},")] * 1.03)

    found = noticed(framework, item({name: swapped(name) for name in wide}, wide))
    assert found[0].code == "P03"
    assert "von zwei Spalten jeweils zum Vorjahr der anderen" in found[0].message


def test_p04_decimals_instead_of_counts(framework: Framework) -> None:
    reading = [
        finding(framework, "V05", {"found": f"{n * 4},5"}, sheet="Schule", cell=f"B{n}", variable="PUP", members=key)
        for n, key in enumerate((name.partition(" ")[2] for name in list(BEFORE)[:6]), start=1)
    ]
    found = only(noticed(framework, item({}), reading=reading))
    assert (found.code, found.severity, found.sheet, found.cell) == ("P04", Severity.ERROR, "Schule", "B1")
    assert found.message.endswith("stehen 6 Werte, die zu Prozent passen; verlangt ist die Anzahl.")
    assert found.remedy == "Tragen Sie die Anzahl der Personen oder Fälle ein; Anteile werden daraus berechnet."
    assert not noticed(framework, item(pupils(lambda n, v: v), BEFORE), reading=reading), "six of thirty cells"


def test_p04_whole_percentages(framework: Framework) -> None:
    columns = {group: sum(v for name, v in BEFORE.items() if f"GRP={group}," in name) for group in ("A", "DOM", "DMM")}
    now = {name: round(100 * value / columns[name.split("GRP=")[1].split(",")[0]]) for name, value in BEFORE.items()}
    found = noticed(framework, item(now, {name: value * 3 for name, value in BEFORE.items()}))
    assert found[0].code == "P04"
    assert found[0].message.endswith("stehen 24 Werte, die zu Prozent passen; verlangt ist die Anzahl.")


def test_p05_a_kreis_without_its_town(framework: Framework) -> None:
    found = noticed(framework, item({"POP": 331_000}, {"POP": 428_000}, region=KREIS))
    assert codes(found) == ["P05"]
    assert (
        found[0].message
        == "Die Bevölkerung (331\u202f000) entspricht dem Gebiet ohne „Hanau“; erwartet werden etwa 428\u202f000."
    )
    assert found[0].remedy.startswith("Prüfen Sie, ob „Hanau“ in allen Angaben enthalten sein soll")
    found = noticed(framework, item({"POP": 428_000}, {"POP": 327_000}, region=KREIS))
    assert "mit „Hanau“; erwartet werden etwa 327\u202f000." in found[0].message
    assert not noticed(framework, item({"POP": 433_000}, {"POP": 428_000}, region=KREIS))


def test_p05_knows_the_size_of_a_first_delivery_and_units_that_left(framework: Framework) -> None:
    unit = framework.territory.unit(KREIS)
    assert unit.population_2022 is not None
    assert codes(noticed(framework, item({"POP": 325_000}, region=KREIS, year=2023))) == ["P05"]
    after = item({"POP": 329_000}, {"POP": 428_000}, region=KREIS, year=2026)
    assert not [entry for entry in noticed(framework, after) if entry.code == "P05"], "Hanau left on 1.1.2026"
    unchanged = item({"POP": 429_000}, {"POP": 428_000}, region=KREIS, year=2026)
    assert "mit „Hanau“" in only(noticed(framework, unchanged)).message


# --- limits --------------------------------------------------------------------------------------------------------


def test_a_framework_without_limits_gets_the_shipped_ones_without_names(framework: Framework, tmp_path: Path) -> None:
    limits = load_limits(replace(framework, folder=tmp_path))
    assert limits.size is None
    assert limits.rules == []
    assert limits.peers.without_sources == []
    assert limits.year_on_year == load_limits(framework).year_on_year


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("variable: POP", "variable: POPP", "Die Variable „POPP“ ist nicht bekannt"),
        ("SV_VALID >= 0.5 * SV_N", "SV_VALID >= 0.5 * SV_NN", "„SV_NN“ ist nicht bekannt"),
        ("lower: 0.4", "low: 0.4", "year_on_year.low"),
        ("expression: SV_VALID <=", "expression: SV_VALID", "nicht lesbar"),
    ],
)
def test_faults_in_the_limits_are_named(framework: Framework, tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (DEFAULT_FOLDER / "plausibility.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "plausibility.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FrameworkError, match=message):
        load_limits(replace(framework, folder=tmp_path))


# --- demo ----------------------------------------------------------------------------------------------------------


def test_the_demo_is_clean(framework: Framework) -> None:
    demo = Demo(framework, load_world(DESCRIPTION, framework))
    items = [demo.item(region, year, f"{region}#{year}") for region in demo.world.regions for year in (2020, 2025)]
    found = check(framework, items, demo.history())
    assert [entry for grouped in found.values() for entry in grouped.findings] == []
