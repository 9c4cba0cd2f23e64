"""The framework is data, loaded strictly: every mistake is reported with file and line, all of them at once.

Each test copies the shipped framework, damages one thing and reads what is said about it. Further down: the shipped
framework is complete, no code knows a part of it by name, and the rooms import each other in one direction only.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from indicators.concepts import point_flags
from schemas.changes import State, cell_changes
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.plan import indicator_plan
from schemas.tables import entry_tables
from schemas.yaml_source import FrameworkError

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("schemas", "intake", "warehouse", "indicators", "report", "flows")


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework(ROOT / "schemas" / "framework")


class Copy:
    """A copy of the shipped framework with its parts, to be damaged."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "schemas" / "framework"
        self.catalogue = root / "indicators" / "catalogue"
        for part in ("schemas/framework", "schemas/regions", "schemas/layouts", "indicators/catalogue"):
            if (ROOT / part).exists():
                shutil.copytree(ROOT / part, root / part)

    def path(self, name: str) -> Path:
        return self.catalogue / name.removeprefix("catalogue/") if name.startswith("catalogue/") else self.folder / name

    def change(self, name: str, old: str, new: str, mark: str | None = None) -> int:
        """Replace the first `old` by `new`; the number of the line on which `mark` (or `new`) then begins."""
        path = self.path(name)
        text = path.read_text(encoding="utf-8")
        start = text.index(old)
        path.write_text(text[:start] + new + text[start + len(old) :], encoding="utf-8")
        at = start + (new.index(mark) if mark else 0)
        return path.read_text(encoding="utf-8").count("\n", 0, at) + 1

    def append(self, name: str, entry: str) -> int:
        """Add an entry at the end of a file; the number of its first line."""
        path = self.path(name)
        text = path.read_text(encoding="utf-8").rstrip("\n") + "\n\n"
        path.write_text(text + entry, encoding="utf-8")
        return text.count("\n") + 1

    def entry(self, name: str, code: str) -> str:
        """The text of one entry of a file."""
        found = re.search(rf"(?ms)^- code: {re.escape(code)}\n.*?(?=^- code: |\Z)", self.path(name).read_text("utf-8"))
        assert found is not None
        return found.group()

    def problems(self) -> list[tuple[str, int, str]]:
        """File name, line and sentence of everything that is reported."""
        with pytest.raises(FrameworkError) as refused:
            load_framework(self.folder)
        found = [(problem.file, problem.line, problem.message) for problem in refused.value.problems]
        assert str(refused.value).splitlines() == [f"{file}:{line}: {message}" for file, line, message in found]
        return found


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_undamaged_copy_loads(copy: Copy, framework: Framework) -> None:
    loaded = load_framework(copy.folder)
    assert loaded.content_hash == framework.content_hash
    assert list(loaded.indicators) == list(framework.indicators)


def test_changed_text_changes_the_content_hash(copy: Copy, framework: Framework) -> None:
    copy.change("rules/SIC.yaml", "Resident suspects", "Suspects resident here")
    assert load_framework(copy.folder).content_hash != framework.content_hash


# --- one damage, one problem, at its line ---------------------------------------------------------------------------

# file, text to replace, replacement, where the problem is reported (HERE: where the replacement begins; ENTRY: at the
# first line of the entry; GAP: at its key “gap”; else at that word of the replacement), what must be said
DAMAGES: dict[str, tuple[str, str, str, str, str]] = {
    "unknown key": (
        "variables/BEV.yaml",
        "  type: count\n",
        "  type: count\n  colour: blue\n",
        "colour",
        "Der Schlüssel „colour“ ist hier nicht bekannt",
    ),
    "key misspelt": (
        "catalogue/REC.yaml",
        "  decimals: 1\n",
        "  decimal: 1\n",
        "decimal",
        "Der Schlüssel „decimal“ ist hier nicht bekannt",
    ),
    "key twice": (
        "catalogue/REC.yaml",
        "  decimals: 1\n",
        "  decimals: 1\n  unit: ratio\n",
        "unit",
        "Der Schlüssel „unit“ steht hier doppelt",
    ),
    "unknown key in the head": (
        "framework.yaml",
        "confidentiality:\n",
        "confidentiality:\n  round_to: 5\n",
        "round_to",
        "Der Schlüssel „confidentiality.round_to“ ist hier nicht bekannt",
    ),
    "dominance without contributions": (
        "confidentiality.yaml",
        "mode: suppress\n",
        "mode: suppress\ndominance:\n  variables: [UNEMP]\n",
        "variables",
        "Die Dominanzregel ist auf UNEMP nicht anwendbar",
    ),
    "value of the wrong type": (
        "catalogue/REC.yaml",
        "decimals: 1",
        "decimals: one",
        "HERE",
        "„decimals“",
    ),
    "unknown direction": (
        "catalogue/REC.yaml",
        "direction: higher_better",
        "direction: up",
        "HERE",
        "„direction“",
    ),
    "negative tolerance": ("rules/SIC.yaml", "tolerance: 0", "tolerance: -1", "HERE", "„tolerance"),
    "unknown severity": ("rules/SIC.yaml", "severity: warning", "severity: bad", "HERE", "„severity“"),
    "unknown variable in a formula": (
        "catalogue/REC.yaml",
        "formula: 100 * FOR[RES=SAFE] / FOR\n",
        "formula: 100 * FOR[RES=SAFE] / FOREIGN\n",
        "HERE",
        "Das Merkmal „FOREIGN“ gibt es nicht",
    ),
    "unknown member in a formula": (
        "catalogue/REC.yaml",
        "FOR[RES=SAFE]",
        "FOR[RES=SAVE]",
        "HERE",
        "FOR hat keine Ausprägung RES=SAVE",
    ),
    "dimension that the variable is not delivered by": (
        "catalogue/REC.yaml",
        "FOR[RES=SAFE]",
        "FOR[GRP=A]",
        "HERE",
        "FOR wird nicht nach GRP geliefert",
    ),
    "aggregate that the listed members cannot make": (
        "catalogue/LEB.yaml",
        "SGB2_RLB[AGE=A00_64]",
        "SGB2_RLB[AGE=A65_UP]",
        "HERE",
        "SGB2_RLB hat keine Ausprägung AGE=A65_UP",
    ),
    "formula that cannot be read": (
        "catalogue/REC.yaml",
        "formula: 100 * FOR[RES=SAFE] / FOR\n",
        "formula: 100 * (FOR[RES=SAFE] / FOR\n",
        "HERE",
        "Ab Stelle",
    ),
    "comparison instead of a formula": (
        "catalogue/REC.yaml",
        "formula: 100 * FOR[RES=SAFE] / FOR\n",
        "formula: FOR[RES=SAFE] <= FOR\n",
        "HERE",
        "Ein Vergleich ist kein Wert",
    ),
    "rule without a comparison": (
        "rules/SIC.yaml",
        "expression: TV_RES <= POP[AGE=A14_20]",
        "expression: TV_RES + POP[AGE=A14_20]",
        "HERE",
        "Eine Regel ist genau ein Vergleich",
    ),
    "unknown variable in a rule": (
        "rules/SIC.yaml",
        "expression: TV_RES <=",
        "expression: TV_REZ <=",
        "HERE",
        "Das Merkmal „TV_REZ“ gibt es nicht",
    ),
    "sum over listed members": (
        "rules/ARB.yaml",
        "expression: UNEMP = sum(UNEMP, RK)",
        "expression: UNEMP = sum(UNEMP, AGE)",
        "HERE",
        "UNEMP nennt eigene Ausprägungen von AGE: sie müssen kein Ganzes ergeben",
    ),
    "sum over a dimension that no term has": (
        "rules/ARB.yaml",
        "expression: UNEMP = sum(UNEMP, RK)",
        "expression: UNEMP = sum(UNEMP, STAY)",
        "HERE",
        "Kein Glied in sum(…, STAY) hat diese Gliederung",
    ),
    "rule for each member of a dimension that no term has": (
        "rules/SIC.yaml",
        "for_each: [GRP, SEX]",
        "for_each: [GRP, RES]",
        "HERE",
        "for_each nennt RES, wonach kein Glied der Regel geliefert wird",
    ),
    "breakdown that a term is not delivered by": (
        "catalogue/REC.yaml",
        "breakdowns: [SEX]",
        "breakdowns: [SEX, GRP]",
        "HERE",
        "Die Gliederung nach GRP ist nicht möglich: FOR wird nicht danach geliefert",
    ),
    "gap without its breakdown": (
        "catalogue/IDE.yaml",
        "breakdowns: [GRP, SEX]",
        "breakdowns: [SEX]",
        "GAP",
        "Zum Abstand (gap) gehört eine Gliederung nach GRP",
    ),
    "unknown period": ("variables/BEV.yaml", "period: D3112", "period: D3113", "HERE", "„D3113“ gibt es unter periods nicht"),
    "unknown source": ("variables/BEV.yaml", "source: EMR", "source: EMX", "HERE", "„EMX“ gibt es unter sources nicht"),
    "unknown pitfall": (
        "catalogue/REC.yaml",
        "pitfalls: [P_AZR, P_KREIS, P_ROUND]",
        "pitfalls: [P_AZR, P_KRIES, P_ROUND]",
        "HERE",
        "„P_KRIES“ gibt es unter pitfalls nicht",
    ),
    "unknown level": (
        "variables/BEV.yaml",
        "lowest_level: S",
        "lowest_level: Z",
        "HERE",
        "Die Ebene „Z“ gibt es nicht",
    ),
    "unknown dimension in a table": (
        "variables/BEV.yaml",
        "tables: [[GRP, SEX]]",
        "tables: [[GRP, SEX, COLOR]]",
        "HERE",
        "Die Gliederung „COLOR“ gibt es nicht",
    ),
    "unknown scheme": (
        "variables/BEV.yaml",
        "schemes: {GRP: NAT}",
        "schemes: {GRP: NATION}",
        "ENTRY",
        "„schemes“ muss ein Schema von GRP nennen",
    ),
    "variable without a table": ("variables/ANG.yaml", "tables: [[]]", "tables: []", "HERE", "braucht mindestens eine Tabelle"),
    "aggregate with an unknown leaf": (
        "dimensions.yaml",
        "SAFE: [EUF, UNB]",
        "SAFE: [EUF, UNBEF]",
        "ENTRY",
        "Die Zusammenfassung „SAFE“ nennt „UNBEF“, das steht nicht unter leaves",
    ),
    "member without a label": (
        "dimensions.yaml",
        "    ND: {de: nicht Deutsch, en: not German}\n",
        "",
        "ENTRY",
        "Die Ausprägung „ND“ hat unter „members“ keine Bezeichnung",
    ),
    "code twice in one file": (
        "rules/ANG.yaml",
        "- code: R068",
        "- code: R067",
        "HERE",
        "Die Kennung „R067“ ist doppelt vergeben",
    ),
    "interval of a formula that is no quotient": (
        "catalogue/WOH.yaml",
        "  unit: index_0_100\n",
        "  unit: index_0_100\n  interval: byar\n",
        "interval",
        "Zu einem Intervall gehört eine Formel, die ein Quotient ist",
    ),
    "share interval of a rate": (
        "catalogue/WOH.yaml",
        "  unit: per_1000\n",
        "  unit: per_1000\n  interval: wilson\n",
        "interval",
        "Das Intervall „wilson“ gilt für Anteile in Prozent",
    ),
    "weighted interval without a number of cases": (
        "catalogue/IDE.yaml",
        "  cases: SV_N[ITEM=TRUST]\n",
        "  interval: weighted\n",
        "interval",
        "gehört die ungewichtete Fallzahl",
    ),
    "number of cases that does not exist": (
        "catalogue/IDE.yaml",
        "cases: SV_N[ITEM=TRUST]",
        "cases: SV_NN[ITEM=TRUST]",
        "HERE",
        "Das Merkmal „SV_NN“ gibt es nicht",
    ),
    "concept compared with an unknown one": (
        "sources.yaml",
        "  against:\n    REG:\n      text_de: Die Kinder",
        "  against:\n    REGG:\n      text_de: Die Kinder",
        "against",
        "„REGG“ gibt es unter concepts nicht",
    ),
    "concept compared with itself": (
        "sources.yaml",
        "  against:\n    REG:\n      text_de: Die Kinder",
        "  against:\n    KJH:\n      text_de: Die Kinder",
        "against",
        "„KJH“ und „KJH“ werden doppelt oder mit sich selbst verglichen",
    ),
    "year of a dimension that is in no table": (
        "variables/ARB.yaml",
        "  asked_since: {AGE: 2024}\n",
        "  asked_since: {RES: 2024}\n",
        "asked_since",
        "Die Gliederung „RES“ steht in keiner Tabelle",
    ),
    "form without any table before a year": (
        "variables/ARB.yaml",
        "  asked_since: {AGE: 2024}\n",
        "  asked_since: {GRP: 2024}\n",
        "asked_since",
        "Vor dem Jahr, ab dem nach GRP gefragt wird, bleibt keine Tabelle übrig",
    ),
    "number of cases without the breakdown": (
        "catalogue/IDE.yaml",
        "cases: SV_N[ITEM=TRUST]",
        "cases: ABW_ELIG",
        "HERE",
        "ABW_ELIG wird nicht nach GRP geliefert",
    ),
    "default interval for an unknown pitfall": (
        "framework.yaml",
        "{pitfall: P_SMALL, units: [percent]",
        "{pitfall: P_SMAL, units: [percent]",
        "HERE",
        "„P_SMAL“ gibt es unter pitfalls nicht",
    ),
    "standard population with a member that is no leaf": (
        "framework.yaml",
        "{A00_02: 3000",
        "{A00_03: 3000",
        "HERE",
        "„A00_03“ steht nicht unter leaves von „AGE“",
    ),
    "unknown standard population": (
        "catalogue/ARB.yaml",
        "standard: ESP2013",
        "standard: ESP1976",
        "HERE",
        "Die Standardbevölkerung „ESP1976“ gibt es nicht",
    ),
    "member of two strata": (
        "catalogue/ARB.yaml",
        "members: [A25_34, A35_49",
        "members: [A21_24, A25_34, A35_49",
        "HERE",
        "„A21_24“ gehört zu zwei Schichten",
    ),
    "stratum with an unknown member of a variable": (
        "catalogue/ARB.yaml",
        "base: prev(POP[AGE=A15_24])",
        "base: prev(POP[AGE=A15_25])",
        "HERE",
        "POP hat keine Ausprägung AGE=A15_25",
    ),
    "stratum by a variable without the compared groups": (
        "catalogue/ARB.yaml",
        "cases: UNEMP[AGE=A15_24]",
        "cases: ABW_ELIG",
        "HERE",
        "ABW_ELIG wird nicht nach GRP geliefert",
    ),
    "two signs with one meaning each": (
        "statuses.yaml",
        "secret: [g]",
        "secret: [g, x]",
        "ENTRY",
        "Das Zeichen „x“ hat zwei Bedeutungen",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_reported_at_its_file_and_line(copy: Copy, damage: str) -> None:
    name, old, new, place, sentence = DAMAGES[damage]
    line = copy.change(name, old, new, place if place in new else None)
    if place == "ENTRY":  # a problem of the entry as a whole stands at its first line
        line = above(copy.path(name), line, "- code")
    elif place == "GAP":  # the key that cannot be right, not the one that was changed
        line = below(copy.path(name), line, "  gap:")
    assert {(Path(file).name, at) for file, at, message in copy.problems() if sentence in message} == {
        (Path(name).name, line)
    }


def above(path: Path, line: int, text: str) -> int:
    """The nearest line above (or at) `line` that begins with `text`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number in range(line, 0, -1) if lines[number - 1].startswith(text))


def below(path: Path, line: int, text: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number in range(line, len(lines)) if lines[number - 1].startswith(text))


def test_missing_key_is_reported_at_the_entry(copy: Copy) -> None:
    line = copy.change("catalogue/SIC.yaml", "  decimals: 1\n", "")
    start = above(copy.path("catalogue/SIC.yaml"), line, "- code")
    ((file, at, message),) = [p for p in copy.problems() if "fehlt" in p[2]]
    assert (Path(file).name, at, message) == ("SIC.yaml", start, "Der Schlüssel „decimals“ fehlt.")


def test_code_twice_in_two_files_of_a_folder_is_reported(copy: Copy) -> None:
    line = copy.append("rules/SIC.yaml", copy.entry("rules/ANG.yaml", "R067"))
    assert ("rules/SIC.yaml", line, "Die Kennung „R067“ ist doppelt vergeben.") in copy.problems()


def test_file_whose_name_is_no_field_is_reported(copy: Copy) -> None:
    copy.path("variables/SIC.yaml").rename(copy.path("variables/POLIZEI.yaml"))
    found = [p for p in copy.problems() if p[0] == "variables/POLIZEI.yaml"]
    assert found
    assert {message for _, _, message in found} == {"Der Dateiname „POLIZEI“ ist kein Handlungsfeld."}


def test_variable_that_nobody_uses_must_say_so(copy: Copy) -> None:
    entry = copy.entry("variables/SIC.yaml", "HATE_OFF").replace("HATE_OFF", "HATE_OFF_2")
    line = copy.append("variables/SIC.yaml", entry)
    assert copy.problems() == [
        (
            "variables/SIC.yaml",
            line,
            "Kein Indikator verwendet dieses Merkmal; ist das gewollt, steht hier „auxiliary: true“.",
        )
    ]
    copy.change("variables/SIC.yaml", entry, entry.rstrip("\n") + "\n  auxiliary: true\n")
    assert "HATE_OFF_2" in load_framework(copy.folder).variables


def test_used_variable_must_not_be_called_auxiliary(copy: Copy) -> None:
    entry = copy.entry("variables/SIC.yaml", "HATE_OFF")
    line = copy.change("variables/SIC.yaml", entry, entry.rstrip("\n") + "\n  auxiliary: true\n\n", "auxiliary")
    assert copy.problems() == [
        ("variables/SIC.yaml", line, "Das Merkmal ist als auxiliary bezeichnet, ein Indikator verwendet es aber.")
    ]


@pytest.mark.parametrize("broken", ["  name_de: 'Aufenthalt\n", "  name_de: {Aufenthalt\n", "\tname_de: Aufenthalt\n"])
def test_file_that_is_no_yaml_is_reported_and_the_others_are_still_read(copy: Copy, broken: str) -> None:
    copy.change("catalogue/REC.yaml", "  name_de: Anteil mit gesichertem Aufenthaltsstatus\n", broken)
    elsewhere = copy.change("rules/SIC.yaml", "expression: TV_RES <=", "expression: TV_REZ <=")
    found = copy.problems()
    assert any(
        Path(file).name == "REC.yaml" and message.startswith("Das ist kein gültiges YAML") for file, _, message in found
    )
    assert ("rules/SIC.yaml", elsewhere, "Das Merkmal „TV_REZ“ gibt es nicht.") in found


def test_missing_file_is_reported(copy: Copy) -> None:
    copy.path("dimensions.yaml").unlink()
    assert ("dimensions.yaml", 1, "Die Datei lässt sich nicht öffnen (No such file or directory).") in copy.problems()


def test_missing_section_is_reported(copy: Copy) -> None:
    copy.change("sources.yaml", "periods:", "times:")
    assert ("sources.yaml", 1, "Der Abschnitt „periods“ fehlt.") in copy.problems()


def test_mapping_where_a_list_is_expected_is_reported(copy: Copy) -> None:
    copy.path("rules/SIC.yaml").write_text("code: R096\n", encoding="utf-8")
    assert copy.problems() == [("rules/SIC.yaml", 1, "Hier wird eine Liste von Einträgen erwartet.")]


def test_errors_in_several_files_are_reported_together(copy: Copy) -> None:
    lines = {
        "variables/BEV.yaml": copy.change("variables/BEV.yaml", "source: EMR", "source: EMX"),
        "rules/SIC.yaml": copy.change("rules/SIC.yaml", "expression: TV_RES <=", "expression: TV_REZ <="),
        "fields.yaml": copy.change("fields.yaml", "  name_en:", "  name_fr:"),
        "REC.yaml": copy.change("catalogue/REC.yaml", "FOR[RES=SAFE]", "FOR[RES=SAVE]"),
    }
    found = {(Path(file).name if "catalogue" in file else file, line) for file, line, _ in copy.problems()}
    assert set(lines.items()) <= found


def test_two_errors_in_one_entry_are_both_reported(copy: Copy) -> None:
    first = copy.change("variables/BEV.yaml", "source: EMR", "source: EMX")
    second = copy.change("variables/BEV.yaml", "period: D3112", "period: D3113")
    found = [(line, message) for _, line, message in copy.problems()]
    assert found == [
        (first, "„EMX“ gibt es unter sources nicht."),
        (second, "„D3113“ gibt es unter periods nicht."),
    ]


def test_folder_without_a_framework_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FrameworkError, match="lässt sich nicht öffnen"):
        load_framework(tmp_path)


# --- the shipped framework is complete ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "number"),
    [("fields", 15), ("indicators", 92), ("variables", 100), ("rules", 114), ("dimensions", 13)],
)
def test_shipped_framework_has_all_its_entries(framework: Framework, kind: str, number: int) -> None:
    assert len(getattr(framework, kind)) == number


def test_a_table_is_asked_from_its_year_on(framework: Framework) -> None:
    """Earlier forms are complete without it, and the note between the years counts its cells."""
    code, entry = next((code, entry) for code, entry in framework.variables.items() if entry.asked_since)
    ((dimension, since),) = entry.asked_since.items()
    for year in (since - 1, since):
        tables = [table for table in entry_tables(framework, "06413", year) if table.variables == (code,)]
        keys = {key for table in tables for _, _, (_, key) in table.cells()}
        assert any(f"{dimension}=" in key for key in keys) == (year == since)
        assert len(tables) == len(entry.asked_in(year)) == (1 if year < since else 2)
    states = (State(framework, since - 1), State(framework, since))
    (change,) = [change for change in cell_changes(*states) if change.variable == code]
    assert change.added
    assert all(f"{dimension}=" in key for key in change.added)
    assert not change.removed


def test_a_pair_of_concepts_is_flagged_unless_the_framework_calls_it_comparable(framework: Framework) -> None:
    def flagged(changed: Framework) -> set[str]:
        found = point_flags(changed, indicator_plan(changed, {}, list(changed.indicators))).to_pylist()
        return {row["indicator"] for row in found if row["flag"] == "mixed_concept"}

    mixed = flagged(framework)
    assert mixed
    assert all(framework.concept_comparisons(code) for code in mixed), "a flag that no expert explains"
    comparable = {
        code: concept.model_copy(
            update={"against": {k: v.model_copy(update={"comparable": True}) for k, v in concept.against.items()}}
        )
        for code, concept in framework.concepts.items()
    }
    assert flagged(replace(framework, concepts=comparable)) == set()


def test_every_field_has_variables_and_indicators(framework: Framework) -> None:
    for code in framework.fields:
        assert framework.variables_of(code)
        assert framework.indicators_of(code)


GERMAN = {
    "fields": ["name_de"],
    "dimensions": ["name_de"],
    "sources": ["name_de"],
    "periods": ["name_de"],
    "concepts": ["name_de", "meaning_de"],
    "variables": ["name_de", "definition_de"],
    "indicators": ["name_de", "definition_de"],
    "rules": ["why_de", "remedy_de"],
    "pitfalls": ["text_de"],
    "delivery_rules": ["text_de"],
    "messages": ["message_de", "remedy_de"],
    "statuses": ["name_de", "meaning_de"],
    "flags": ["name_de", "meaning_de"],
    "breaks": ["text_de"],
    "sign_profiles": ["name_de"],
    "registers": ["name_de", "one_de", "purpose_de"],
    "register_groups": ["name_de"],
    "codelists": ["name_de"],
}
ENGLISH = re.compile(r"\b(the|of|and|are|with|than|from|which|previous|missing)\b")


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, keys in GERMAN.items() for key in keys])
def test_every_german_text_is_there_and_is_german(framework: Framework, kind: str, key: str) -> None:
    for code, entry in getattr(framework, kind).items():
        text = getattr(entry, key)
        assert text.strip(), f"{code} has no {key}"
        assert not ENGLISH.search(re.sub(r"{\w+}", "", text)), f"{code}: {text}"
        if key in ("definition_de", "why_de", "remedy_de", "message_de"):
            assert text.rstrip().endswith((".", "?", "!", "}")), f"{code}: {text}"


def test_every_member_and_scheme_has_a_german_name(framework: Framework) -> None:
    for dimension in framework.dimensions.values():
        assert all(names.de for names in dimension.members.values())
        assert all(scheme.use_de for scheme in dimension.schemes.values())


def test_german_and_english_names_differ_where_they_are_sentences(framework: Framework) -> None:
    """A text copied into the other language by mistake."""
    for entry in (*framework.variables.values(), *framework.indicators.values()):
        assert entry.definition_de != entry.definition_en


# --- no code knows the framework by name ----------------------------------------------------------------------------


def modules(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    """Every Python file of some rooms, with its path from the root of the project."""
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), parsed(path)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """String constants of a module without its docstrings and other bare strings."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.lineno, node.value


def codes(framework: Framework) -> set[str]:
    named = {*framework.variables, *framework.indicators, *framework.fields, *framework.dimensions, *framework.rules}
    named |= {*framework.registers, *framework.codelists}
    columns = {column.code for register in framework.registers.values() for column in register.fields}
    named |= columns - {"INDICATOR", "LANGUAGES"}  # words of SDMX and of a module's own names, too
    places = {unit.code for unit in framework.territory.units()} | {g.code for g in framework.territory.groups()}
    return {code for code in named | places if len(code) >= 3}


def test_no_code_knows_a_variable_field_dimension_indicator_rule_or_region(framework: Framework) -> None:
    """Neither as a text of its own nor in quotation marks inside one (SQL)."""
    known = codes(framework)
    found = [
        f"{name}:{line}: {text[:60]!r}"
        for name, tree in modules(*ROOMS)
        for line, text in texts(tree)
        if known & {text, *re.findall(r"['\"]([A-Z0-9_-]{3,})['\"]", text)}
    ]
    assert found == []


def test_search_for_known_names_finds_them(framework: Framework) -> None:
    """The test above would notice: a constant, a name inside SQL, a region; not a docstring."""
    variable, region = next(iter(framework.variables)), "06414"
    module = ast.parse(f'"""{variable}"""\nx = "{variable}"\ny = "SELECT 1 WHERE v = \'{variable}\'"\nz = "{region}"\n')
    assert {variable, region} <= codes(framework)
    assert [line for line, _ in texts(module)] == [2, 3, 4]


# --- directions -----------------------------------------------------------------------------------------------------


@cache
def imports(tree: ast.Module) -> Sequence[tuple[int, str]]:
    """Every imported module, wherever the import stands."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write imports in full"
            found.append((node.lineno, node.module or ""))
    return found


MAY_IMPORT = {
    "schemas": {"schemas"},
    "intake": {"schemas", "intake"},
    "warehouse": {"schemas", "warehouse"},
    "indicators": {"schemas", "indicators"},
    "report": {"schemas", "report"},
    "flows": set(ROOMS),
}


@pytest.mark.parametrize("room", ROOMS)
def test_room_imports_only_the_rooms_it_may(room: str) -> None:
    found = [
        f"{name}:{line}: {module}"
        for name, tree in modules(room)
        for line, module in imports(tree)
        if module.partition(".")[0] in set(ROOMS) - MAY_IMPORT[room]
    ]
    assert found == []


# the rooms that may import a package; opening delivered files is the business of intake alone
FENCES = {
    "prefect": {"flows"},
    "python_calamine": {"intake"},
    "openpyxl": {"intake"},
    "xlsxwriter": {"intake", "report"},
    "pandera": {"schemas", "intake"},
    "highspy": {"indicators"},
    "typst": {"report"},
    "pikepdf": {"report"},
    "distributed": {"flows"},
    "psycopg": {"warehouse"},
    "scipy": set(),  # tests only: what they compare with must not be what they test
    "statsmodels": set(),
}


@pytest.mark.parametrize("package", FENCES)
def test_package_is_imported_only_where_it_may_be(package: str) -> None:
    found = [
        f"{name}:{line}"
        for name, tree in modules(*(set(ROOMS) - FENCES[package]))
        for line, module in imports(tree)
        if module.partition(".")[0] == package
    ]
    assert found == []


def called(tree: ast.Module, test: Callable[[ast.Call], bool]) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call) and test(node))


def opens_duckdb(call: ast.Call) -> bool:
    return ast.unparse(call.func) in ("duckdb.connect", "connect") and "duckdb" in ast.unparse(call.func)


def test_only_the_warehouse_opens_a_database_file() -> None:
    """Everybody else may calculate in memory, and says so."""
    elsewhere = {
        f"{name}:{call.lineno}": ast.unparse(call.args[0]) if call.args else "(nothing)"
        for name, tree in modules(*(set(ROOMS) - {"warehouse"}))
        for call in called(tree, opens_duckdb)
    }
    assert {place: what for place, what in elsewhere.items() if what != "':memory:'"} == {}
    assert any(True for _, tree in modules("warehouse") for _ in called(tree, opens_duckdb))


def test_duckdb_is_never_imported_piecewise() -> None:
    """`from duckdb import connect` would hide from the test above."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in modules(*ROOMS)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "duckdb" and {a.name for a in node.names} & {"connect"}
    ]
    assert found == []


def test_schemas_open_no_database_and_no_workbook() -> None:
    packages = {module.partition(".")[0] for _, tree in modules("schemas") for _, module in imports(tree)}
    assert packages.isdisjoint({"duckdb", "sqlite3", "openpyxl", "python_calamine", "xlsxwriter", "prefect"})
