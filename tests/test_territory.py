"""Regions in time: the shipped data, the questions the rooms ask, and the faults the loader must find."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from schemas.territory import GEMEINDE, KREIS, UNINHABITED, Territory, TerritoryError, folder_slug
from schemas.territory_source import load_territory

REGIONS = Path(__file__).resolve().parents[1] / "schemas" / "regions"
DIRECTORY = (
    Path(__file__).resolve().parents[2] / "shared" / "realdata" / "bund" / "hessen_gemeinden_gvisys_2024-06-30.csv"
)
END_2024, END_2025, END_2026 = date(2024, 12, 31), date(2025, 12, 31), date(2026, 12, 31)

UNIT_HEAD = "code,name,level,kind,parent,valid_from,valid_to,reports"
GOOD_UNITS = [
    "09,Land,land,Land,,,,no",
    "09001,Kreis A,kreis,Landkreis,09,,,yes",
    "09002,Kreis B,kreis,Landkreis,09,,2019-12-31,yes",
    "09001001,Ort A,gemeinde,Gemeinde,09001,,,no",
    "09001002,Ort B,gemeinde,Gemeinde,09001,,,no",
]
GROUP_HEAD = "group,name_de,name_en,kind,member,valid_from,valid_to,coverage"
Writer = Callable[..., Path]


@pytest.fixture(scope="module")
def hesse() -> Territory:
    return load_territory(REGIONS)


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Writes a folder: unit rows beside the good ones, other files with header and rows."""

    def _write(*units: str, base: list[str] | None = None, **files: list[str]) -> Path:
        rows = [UNIT_HEAD, *(GOOD_UNITS if base is None else base), *units]
        (tmp_path / "units.csv").write_text("\n".join(rows), encoding="utf-8")
        for name, lines in files.items():
            (tmp_path / f"{name}.csv").write_text("\n".join(lines), encoding="utf-8")
        return tmp_path

    return _write


def problems(folder: Path) -> tuple[str, ...]:
    with pytest.raises(TerritoryError) as caught:
        load_territory(folder)
    return caught.value.problems


def municipalities(territory: Territory, day: date) -> set[str]:
    return {u.code for u in territory.valid_units(day) if u.level == GEMEINDE and u.kind != UNINHABITED}


# --- the shipped data ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "count"),
    [
        (date(2017, 12, 31), 426),
        (date(2018, 1, 1), 423),
        (date(2020, 1, 1), 422),
        (date(2022, 12, 31), 422),
        (date(2023, 1, 1), 421),
        (END_2024, 421),
        (END_2026, 421),
    ],
)
def test_number_of_municipalities(hesse: Territory, day: date, count: int) -> None:
    assert len(municipalities(hesse, day)) == count


def test_four_uninhabited_areas_and_191_towns(hesse: Territory) -> None:
    kinds = [u.kind for u in hesse.valid_units(END_2024) if u.level == GEMEINDE]
    assert kinds.count(UNINHABITED) == 4
    assert sum(kinds.count(kind) for kind in ("Stadt", "Sonderstatusstadt", "kreisfreie Stadt")) == 191


@pytest.mark.parametrize(("day", "kreise", "cities", "special"), [(END_2025, 26, 5, 7), (END_2026, 27, 6, 6)])
def test_kreise_and_reporters(hesse: Territory, day: date, kreise: int, cities: int, special: int) -> None:
    reporters = [hesse.unit(code, day) for code in hesse.reporters(day)]
    kinds = [unit.kind for unit in reporters]
    assert len(reporters) == 33
    assert (kinds.count("Landkreis"), kinds.count("kreisfreie Stadt")) == (21, cities)
    assert kinds.count("Sonderstatusstadt") == special
    assert sum(unit.level == KREIS for unit in hesse.valid_units(day)) == kreise


@pytest.mark.parametrize("year", [2017, 2024, 2025, 2026])
def test_summing_the_reporters_counts_everybody_once(hesse: Territory, year: int) -> None:
    day = date(year, 12, 31)
    disjoint = hesse.disjoint(hesse.reporters(day), day)
    below = [code for unit in disjoint for code in hesse.children(unit, day)]
    assert disjoint == hesse.members("06", year)
    assert len(below) == len(set(below))
    assert set(below) >= municipalities(hesse, day)


def test_disjoint_drops_units_inside_others_and_repetitions(hesse: Territory) -> None:
    codes = ["06532023", "06532", "06532", "06414000", "06414", "06631009"]
    assert hesse.disjoint(codes, END_2024) == ("06532", "06414", "06631009")
    assert hesse.disjoint([*codes, "06"], END_2024) == ("06",)


def test_hanau_changes_its_code(hesse: Territory) -> None:
    assert hesse.valid("06435014", END_2025)
    assert not hesse.valid("06435014", date(2026, 1, 1))
    assert not hesse.valid("06415", END_2025)
    assert hesse.ancestors("06435014", END_2025) == ("06435", "06")
    assert hesse.ancestors("06415000", END_2026) == ("06415", "06")
    assert "06435014" not in hesse.children("06435", END_2026)
    assert hesse.unit("06435014").valid_to == END_2025
    assert hesse.unit("06415").valid_from == date(2026, 1, 1)


def test_programme_regions_are_groups_in_time(hesse: Territory) -> None:
    assert [g.code for g in hesse.groups()] == ["HTK", "MKK-HU", "KS", "OF", "WZ", "WI", "MODELL"]
    assert hesse.members("MKK-HU", 2025) == ("06435",)
    assert hesse.members("MKK-HU", 2026) == ("06435", "06415")
    assert len(hesse.members("MODELL", 2025)) == 6
    assert len(hesse.members("MODELL", 2026)) == 7
    assert hesse.members("06435", 2026) == ("06435",)
    assert hesse.members("06415", 2025) == ()
    with pytest.raises(KeyError):
        hesse.members("nowhere", 2025)


@pytest.mark.parametrize("year", [2017, 2024, 2025, 2026, 2030])
def test_aggregates_are_disjoint(hesse: Territory, year: int) -> None:
    aggregates = {a.code: a for a in hesse.aggregates(year)}
    assert set(aggregates) == {"06", "HTK", "MKK-HU", "KS", "OF", "WZ", "WI", "MODELL"}
    assert aggregates["MKK-HU"].coverage == "complete"
    assert aggregates["MODELL"].coverage == "partial"
    for aggregate in aggregates.values():
        assert hesse.disjoint(aggregate.members, date(year, 12, 31)) == aggregate.members


@pytest.mark.parametrize(
    ("code", "day", "sentence"),
    [
        (
            "06435014",
            END_2026,
            "Schlüssel 06435014 gilt bis 31.12.2025. Hanau hat seit 01.01.2026 den Schlüssel 06415.",
        ),
        (
            "06415",
            END_2025,
            "Schlüssel 06415 gilt erst ab 01.01.2026. Hanau hat bis 31.12.2025 den Schlüssel 06435014.",
        ),
        (
            "06633021",
            END_2024,
            "Schlüssel 06633021 gilt bis 31.12.2019. Für Oberweser gilt seit 01.01.2020: 06633030 (Wesertal).",
        ),
        (
            "06633030",
            date(2019, 12, 31),
            "Schlüssel 06633030 gilt erst ab 01.01.2020. "
            "Für Wesertal gelten bis 31.12.2019: 06633021 (Oberweser), 06633027 (Wahlsburg).",
        ),
        ("06999", END_2024, "Schlüssel 06999 ist nicht bekannt."),
    ],
)
def test_explanations(hesse: Territory, code: str, day: date, sentence: str) -> None:
    assert hesse.explain_invalid(code, day) == sentence


def test_valid_codes_need_no_explanation(hesse: Territory) -> None:
    assert hesse.explain_invalid("06435014", END_2025) is None


def test_mergers_name_units_that_end_the_day_before(hesse: Territory) -> None:
    assert len(hesse.changes()) == 8
    for change in hesse.changes():
        assert not hesse.valid(change.old_code, change.day)
        assert hesse.valid(change.new_code, change.day)
        assert hesse.unit(change.old_code).valid_to == date.fromordinal(change.day.toordinal() - 1)


def test_names(hesse: Territory) -> None:
    assert hesse.unit_name("06611") == "Kassel"
    assert hesse.unit_name("06633") == "Landkreis Kassel"
    assert hesse.unit("06611").name == "Kassel, documenta-Stadt"
    assert hesse.unit_name("MKK-HU") == "Main-Kinzig-Kreis mit Stadt Hanau"
    labels = [hesse.unit_name(code) for code in hesse.reporters(END_2024)]
    assert len(set(labels)) == 33


@pytest.mark.parametrize(
    ("region", "day", "count"),
    [
        ("06414", END_2024, 26),
        ("06611", END_2024, 23),
        ("06413", END_2024, 21),
        ("06532023", END_2024, 9),
        ("06434", END_2024, 13),
        ("06435", END_2025, 29),
        ("06435", END_2026, 28),
        ("06412", END_2024, 0),
    ],
)
def test_subareas_end_with_not_assignable(hesse: Territory, region: str, day: date, count: int) -> None:
    subareas = hesse.subareas(region, day)
    assert list(subareas.items())[-1] == ("99", "nicht zuordenbar")
    assert len(subareas) == count + 1


def test_subareas_of_a_landkreis_are_its_municipalities(hesse: Territory) -> None:
    assert hesse.subareas("06434", END_2024)["06434001"] == "Bad Homburg v. d. Höhe"
    assert hesse.subareas("06414", END_2024)["01"] == "Mitte"
    assert "06435200" not in hesse.subareas("06435", END_2024)


@pytest.mark.parametrize(
    ("folder", "region"),
    [
        ("kassel", "06611"),
        ("landkreis-kassel", "06633"),
        ("Landkreis Kassel", "06633"),
        ("offenbach", "06413"),
        ("kreis-offenbach", "06438"),
        ("giessen", "06531005"),
        ("Gießen", "06531005"),
        ("06414", "06414"),
        ("06435014", "06435014"),
        ("elsewhere", None),
        ("", None),
    ],
)
def test_sender_folders(hesse: Territory, folder: str, region: str | None) -> None:
    assert hesse.sender_region(folder) == region


def test_a_sender_keeps_its_folder_when_its_code_changes(hesse: Territory) -> None:
    assert hesse.sender_region("hanau", END_2026) == "06415"
    assert hesse.sender_region("hanau", END_2025) == "06435014"
    assert hesse.sender_region("06415", END_2025) == "06415"


def test_every_reporter_has_a_folder(hesse: Territory) -> None:
    for day in (END_2025, END_2026):
        for code in hesse.reporters(day):
            assert hesse.sender_region(folder_slug(hesse.unit_name(code)), day) == code


@pytest.mark.skipif(not DIRECTORY.exists(), reason="the official directory is not part of the project")
def test_municipalities_agree_with_the_official_directory(hesse: Territory) -> None:
    with DIRECTORY.open(encoding="utf-8") as file:
        official = list(csv.DictReader(file))
    day = date(2024, 6, 30)
    ours = {u.code: u for u in hesse.valid_units(day) if u.level == GEMEINDE}
    assert {r["ags8"]: (r["name"], r["kreis5"]) for r in official} == {c: (u.name, u.parent) for c, u in ours.items()}
    assert {r["kreis5"]: r["kreis_name"] for r in official} == {
        u.code: u.name for u in hesse.valid_units(day) if u.level == KREIS
    }
    for row in official:
        unit = ours[row["ags8"]]
        assert unit.population_2022 == int(row["bevoelkerung_2022"])
        assert unit.area_km2 == float(row["flaeche_km2"])


# --- faults in the data -------------------------------------------------------------------------------------------


def test_units_alone_are_enough(write: Writer) -> None:
    territory = load_territory(write())
    assert territory.groups() == ()
    assert territory.changes() == ()
    assert territory.members("09", 2019) == ("09001", "09002")
    assert territory.members("09", 2020) == ("09001",)
    assert [a.code for a in territory.aggregates(2020)] == ["09"]
    assert territory.sender_region("09001") == "09001"
    assert territory.explain_invalid("09002", date(2020, 1, 1)) == "Schlüssel 09002 gilt bis 31.12.2019."


def test_a_code_may_have_several_versions(write: Writer) -> None:
    folder = write("09003,Alt,kreis,Landkreis,09,,2010-12-31,no", "09003,Neu,kreis,Landkreis,09,2011-01-01,,yes")
    territory = load_territory(folder)
    assert territory.unit("09003").name == "Neu"
    assert territory.unit("09003", date(2010, 1, 1)).name == "Alt"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("09001003,X,gemeinde,Gemeinde,09999,,,no", "Das übergeordnete Gebiet 09999 von 09001003 ist nicht bekannt."),
        ("09001,X,kreis,Landkreis,09,2015-01-01,,yes", "Die Gültigkeit von 09001 überschneidet sich mit Zeile 3."),
        ("09002001,X,gemeinde,Gemeinde,09002,,,no", "09002001 gilt länger als das übergeordnete Gebiet 09002."),
        ("09009,X,kreis,Landkreis,09009,,,no", "09009 liegt über 09009 in sich selbst (Kreis in der Zuordnung)."),
        ("09009,X,stadt,Stadt,09,,,no", "level „stadt“ ist nicht erlaubt, nur land, kreis, gemeinde."),
        ("09009,X,kreis,Landkreis,09,,,vielleicht", "reports „vielleicht“ ist nicht erlaubt, nur yes, no."),
        ("09009,X,kreis,Landkreis,09,31.12.2020,,no", "valid_from „31.12.2020“ ist nicht lesbar."),
        ("09009,X,kreis,Landkreis,09,2020-01-02,2020-01-01,no", "valid_from liegt nach valid_to."),
        (",X,kreis,Landkreis,09,,,no", "code ist leer."),
        ("09009,X,kreis,Landkreis,09,,,no,zuviel", "Die Zeile hat mehr Felder als die Kopfzeile."),
    ],
)
def test_faults_in_units(write: Writer, row: str, expected: str) -> None:
    assert problems(write(row)) == (f"units.csv, Zeile 7: {expected}",)


def test_a_longer_cycle_is_found_once_per_unit(write: Writer) -> None:
    found = problems(write("09008,X,kreis,Landkreis,09009,,,no", "09009,Y,kreis,Landkreis,09008,,,no"))
    assert [text.split(":")[0] for text in found] == ["units.csv, Zeile 7", "units.csv, Zeile 8"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["G,A,A,x,09999,,,complete"], "Zeile 2: Schlüssel 09999 steht nicht in units.csv."),
        (
            ["G,A,A,x,09001001,,,complete", "G,A,A,x,09001,2020-01-01,,complete"],
            "Zeile 2: G zählt doppelt: 09001001 liegt in 09001 (Stand 2020-01-01).",
        ),
        (
            ["G,A,A,x,09,,,complete", "G,A,A,x,09001001,,,complete"],
            "Zeile 3: G zählt doppelt: 09001001 liegt in 09 (Stand 0001-01-01).",
        ),
        (
            ["G,A,A,x,09001,,,complete", "G,A,A,x,09001,,,complete"],
            "Zeile 3: 09001 ist in G zur selben Zeit zweimal Mitglied.",
        ),
        (["G,A,A,x,09002,2020-01-01,,complete"], "Zeile 2: 09002 ist in der Zeit der Mitgliedschaft nicht gültig."),
        (["G,A,A,x,09001,,,ganz"], "Zeile 2: coverage „ganz“ ist nicht erlaubt, nur complete, partial."),
        (
            ["G,A,A,x,09001,,,complete", "G,B,A,x,09002,,,complete"],
            "Zeile 3: Name, Art oder coverage von G weichen von der ersten Zeile der Gruppe ab.",
        ),
        (["09001,A,A,x,09001,,,complete"], "Zeile 2: Die Gruppe 09001 heißt wie ein Gebiet."),
    ],
)
def test_faults_in_groups(write: Writer, rows: list[str], expected: str) -> None:
    assert problems(write(groups=[GROUP_HEAD, *rows])) == (f"groups.csv, {expected}",)


def test_members_inside_each_other_at_different_times_are_fine(write: Writer) -> None:
    rows = ["G,A,A,x,09001001,,2019-12-31,complete", "G,A,A,x,09001,2020-01-01,,complete"]
    territory = load_territory(write(groups=[GROUP_HEAD, *rows]))
    assert territory.members("G", 2019) == ("09001001",)
    assert territory.members("G", 2020) == ("09001",)


@pytest.mark.parametrize(
    ("file", "lines", "expected"),
    [
        ("senders", ["folder,region", "a,09001", "a,09002"], "senders.csv, Zeile 3: Ordner a steht doppelt."),
        ("senders", ["folder,region", "a,1"], "senders.csv, Zeile 2: Schlüssel 1 steht nicht in units.csv."),
        ("senders", ["folder,region", "Ä b,09001"], "senders.csv, Zeile 2: Ordner Ä b wird „ae-b“ geschrieben."),
        ("senders", ["folder", "a"], "senders.csv, Zeile 1: Spalten fehlen: region."),
        (
            "subareas",
            ["region,code,name,valid_from,valid_to", "09001,01,A,,", "09001,01,B,,"],
            "subareas.csv, Zeile 3: Teilgebiet 01 von 09001 steht doppelt.",
        ),
        (
            "subareas",
            ["region,code,name,valid_from,valid_to", "1,01,A,,"],
            "subareas.csv, Zeile 2: Schlüssel 1 steht nicht in units.csv.",
        ),
        (
            "changes",
            ["date,old_code,new_code,weight,reason,source", "2020-01-01,09002,1,1,r,s"],
            "changes.csv, Zeile 2: Schlüssel 1 steht nicht in units.csv.",
        ),
        (
            "changes",
            ["date,old_code,new_code,weight,reason,source", "2020-01-01,09002,09001,2,r,s"],
            "changes.csv, Zeile 2: weight „2“ liegt nicht über 0 und höchstens bei 1.",
        ),
    ],
)
def test_faults_in_other_files(write: Writer, file: str, lines: list[str], expected: str) -> None:
    assert problems(write(**{file: lines})) == (expected,)


def test_all_faults_are_listed_at_once(write: Writer) -> None:
    folder = write(
        "09001003,X,gemeinde,Gemeinde,09999,,,no",
        "09002001,X,gemeinde,Gemeinde,09002,,,no",
        groups=[GROUP_HEAD, "G,A,A,x,1,,,complete"],
        senders=["folder,region", "a,09001", "a,09001"],
    )
    with pytest.raises(TerritoryError) as caught:
        load_territory(folder)
    assert len(caught.value.problems) == 4
    assert all(text in str(caught.value) for text in caught.value.problems)


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    assert problems(tmp_path) == ("units.csv: Die Datei fehlt.",)
    (tmp_path / "units.csv").write_bytes(f"{UNIT_HEAD}\n09,Thüringen,land,Land,,,,no\n".encode("cp1252"))
    assert problems(tmp_path) == ("units.csv: Die Datei ist nicht in UTF-8 geschrieben.",)
