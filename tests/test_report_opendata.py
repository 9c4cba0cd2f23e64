"""Open data: every format read back by a tool of others, all with the published numbers, none with a hidden one."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import frictionless
import pandas as pd
import pyarrow.parquet as pq
import pyshacl
import pytest
import rdflib
from csvw import CSVW, TableGroup
from pysdmx.io import read_sdmx
from pysdmx.model import Codelist, DataStructureDefinition
from report_sample import YEAR, YEARS, few_indicators, sample_data, sample_regions
from report_sample_derived import with_derived

from report.build import DATA_PARTS, build_report
from report.data import ReportData
from report.data_parts import DATA, TABLES
from report.data_wording import PART, DataWording
from report.edition_diff import CHANGES
from report.opendata.table import declarations
from report.wording import TEXTS, catalogue
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import TOTAL
from schemas.yaml_source import FrameworkError

SHAPES = Path(__file__).parent / "shapes" / "dcat_ap_de.ttl"
SECRETS = (9173.9218, 913572.0, 864213.0, 9100.1357, 9200.2468)
Numbers = dict[tuple[str, ...], tuple[Decimal | None, Decimal | None, Decimal | None]]


@pytest.fixture(scope="module")
def framework() -> Framework:
    return few_indicators(load_framework())


@pytest.fixture(scope="module")
def data(framework: Framework) -> ReportData:
    """Two regions and two aggregates with intervals; one hidden row still has its numbers, which nobody may see."""
    whole = sample_data(framework)
    regions, aggregates = sample_regions(framework)
    kept = {*regions[:2], *aggregates}
    published = whole.published[whole.published["region"].isin(kept)].reset_index(drop=True)
    published = published.assign(lower=published["value"] - 1.25, upper=published["value"] + 1.25, flags=None)
    hidden = published.index[published["status"] == "secret"][0]
    published.loc[hidden, ["value", "numerator", "denominator", "lower", "upper"]] = list(SECRETS)
    dims = [dim.lower() for dim in framework.dimension_order]
    known = published.index[published["value"].notna() & (published[dims] == TOTAL).all(axis=1)]
    trends = published.loc[[*known.difference([hidden])[:5], hidden]]
    told = {"change": -0.26, "period": "year", "direction": "falling", "method": "", "from_year": None, "lower": None}
    told |= {"upper": None, "n_years": 2, "status": "ok", "reason": ""}
    trends = trends.assign(**told)
    return replace(
        whole,
        published=published,
        gaps=whole.gaps[whole.gaps["region"].isin(kept)],
        regions=whole.regions[whole.regions["code"].isin(kept)],
        trends=trends[["region", "year", "indicator", *dims, *told]],
    )


@pytest.fixture(scope="module")
def out(framework: Framework, data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    build_report(data, framework, YEAR, folder, parts=DATA_PARTS)
    return folder


@pytest.fixture(scope="module")
def folder(out: Path) -> Path:
    return out / DATA


def dimensions(framework: Framework) -> list[str]:
    return [dim.lower() for dim in framework.dimension_order]


def shown(value: object, decimals: int) -> Decimal | None:
    number = float(str(value))
    exponent = Decimal(1).scaleb(-decimals)
    return None if pd.isna(number) else Decimal(repr(number)).quantize(exponent, ROUND_HALF_UP)


@pytest.fixture(scope="module")
def expected(framework: Framework, data: ReportData) -> Numbers:
    """Value, numerator and denominator by key, straight from the frame; nothing where the status has no value."""
    found: Numbers = {}
    for row in data.published.to_dict("records"):
        key = (row["indicator"], row["region"], str(row["year"]), *(str(row[dim]) for dim in dimensions(framework)))
        numbers = shown(row["value"], framework.indicators[row["indicator"]].decimals)
        parts = (shown(row["numerator"], 0), shown(row["denominator"], 0))
        found[key] = (numbers, *parts) if framework.statuses[row["status"]].has_value else (None, None, None)
    return found


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def as_numbers(framework: Framework, rows: Iterator[Mapping[str, object]] | list[dict[str, str]]) -> Numbers:
    """Rows with the columns of the CSV file as the expected numbers are kept; a missing dimension is the total."""
    found: Numbers = {}
    for row in rows:
        axes = [str(row[axis]) for axis in ("indicator", "region", "year")]
        key = (*axes, *(str(row.get(dim, TOTAL)) for dim in dimensions(framework)))
        cells = (row[name] for name in ("value", "numerator", "denominator"))
        numbers = [None if cell in ("", None) or pd.isna(cell) else Decimal(str(cell)) for cell in cells]  # type: ignore[call-overload]
        assert key not in found
        found[key] = (numbers[0], numbers[1], numbers[2])
    return found


# --- the same numbers in every format -------------------------------------------------------------------------------


def test_csv_has_every_published_number_with_its_decimals(
    framework: Framework, folder: Path, expected: Numbers
) -> None:
    rows = read_csv(folder / "alle-werte.csv")
    assert as_numbers(framework, rows) == expected
    assert sum(value is None for value, _, _ in expected.values()) > 10
    for row in rows:
        decimals = framework.indicators[row["indicator"]].decimals
        pattern = re.compile(rf"-?\d+\.\d{{{decimals}}}" if decimals else r"-?\d+")
        for name in ("value", "lower", "upper"):
            assert (row["value"] == "" and row[name] == "") or pattern.fullmatch(row[name]), row
        assert row["value"] or row["sign"]
    for code in framework.indicators:
        single = read_csv(folder / "indikatoren" / f"{code.lower()}.csv")
        assert single == [row for row in rows if row["indicator"] == code]


def test_the_site_offers_the_same_numbers(framework: Framework, data: ReportData, out: Path, tmp_path: Path) -> None:
    build_report(data, framework, YEAR, tmp_path, parts=("site",), langs=("de",))
    site, own = read_csv(tmp_path / "site" / "daten" / "alle-werte.csv"), read_csv(out / DATA / "alle-werte.csv")
    assert site == [{name: row[name] for name in site[0]} for row in own]


def test_parquet_has_the_same_numbers(framework: Framework, folder: Path, expected: Numbers) -> None:
    table = pq.read_table(folder / "alle-werte.parquet")
    assert as_numbers(framework, table.to_pylist()) == expected
    assert table.schema.field("value").type == "double"
    assert table.schema.field("numerator").metadata[b"en"].startswith(b"numerator")
    footer = pq.ParquetFile(folder / "alle-werte.parquet").metadata.row_group(0)
    place = table.schema.names.index("value")
    values = [value for value, _, _ in expected.values() if value is not None]
    assert footer.column(place).statistics.max == float(max(values))


def test_json_has_the_same_numbers(framework: Framework, folder: Path, expected: Numbers) -> None:
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    for kind, axis in (("indicators", "indicator"), ("regions", "region")):
        rows = []
        for entry in index[kind]:
            content = json.loads((folder / entry["json"]).read_text(encoding="utf-8"))
            assert content[axis]["code"] == entry["code"]
            assert content["edition"] == index["edition"]
            rows += [
                {axis: entry["code"], **dict(zip(content["columns"], row, strict=True))} for row in content["values"]
            ]
        assert as_numbers(framework, iter(rows)) == expected


def test_sdmx_has_the_same_numbers_and_codes_of_its_structure(
    framework: Framework, data: ReportData, folder: Path, expected: Numbers
) -> None:
    message = read_sdmx(folder / "sdmx" / "struktur.json", validate=True)
    lists = {found.id: {code.id for code in found} for found in message.structures if isinstance(found, Codelist)}
    dsd = next(found for found in message.structures if isinstance(found, DataStructureDefinition))
    (dataset,) = read_sdmx(folder / "sdmx" / "werte.csv").data
    frame = dataset.data
    assert list(frame.columns) == [part.id for part in dsd.components]
    assert dsd.components["UNIT_MEASURE"].attachment_level == "INDICATOR"
    for part in dsd.components:
        if part.local_enum_ref:
            codes = lists[str(part.local_enum_ref).rpartition(":")[2].partition("(")[0]]
            assert set(frame[part.id]) <= codes, part.id
    renamed = frame.rename(columns={"TIME_PERIOD": "year", "OBS_VALUE": "value"}).rename(columns=str.lower)
    assert as_numbers(framework, renamed.replace("NaN", "").to_dict("records")) == expected
    statuses = dict(
        zip(frame["VALUE_STATUS"], zip(frame["OBS_STATUS"], frame["CONF_STATUS"], strict=True), strict=True)
    )
    for code, pair in statuses.items():
        assert pair == (framework.statuses[code].obs_status, framework.statuses[code].conf_status)
    assert set(frame.loc[frame["VALUE_STATUS"] == "secret", "OBS_VALUE"]) == {"NaN"}
    assert len(set(statuses)) > 4


def test_gaps_equal_the_frame(framework: Framework, data: ReportData, folder: Path) -> None:
    found = {(row["indicator"], row["region"], row["year"]): row for row in read_csv(folder / "alle-abstaende.csv")}
    for row in data.gaps.to_dict("records"):
        written = found.pop((row["indicator"], row["region"], str(row["year"])))
        decimals = framework.indicators[row["indicator"]].decimals
        assert Decimal(written["difference"]) == shown(row["difference"], decimals)
        assert Decimal(written["ratio"]) == shown(row["ratio"], 2)
    assert not found


def test_derived_figures_are_published_rounded_and_not_of_hidden_values(folder: Path) -> None:
    rows = read_csv(folder / "veraenderungen.csv")
    assert len(rows) == 5
    assert {row["change"] for row in rows} <= {"-0.3", "-0.26"}
    assert {row["n_years"] for row in rows} == {"2"}
    assert not (folder / "brueche.csv").exists()


def test_targets_profile_and_series_are_open_data_too(framework: Framework, tmp_path: Path) -> None:
    """Rounded as on the pages; of a target without a shown value the plan alone is told; projections go beyond the year."""
    whole = with_derived(framework, sample_data(framework))
    aim = whole.targets.iloc[0]
    same = (whole.published["region"] == aim["region"]) & (whole.published["indicator"] == aim["indicator"])
    published = whole.published.copy()
    published.loc[same & (published["year"] == aim["value_year"]), ["value", "status", "sign"]] = [None, "secret", "."]
    build_report(replace(whole, published=published), framework, YEAR, tmp_path, parts=DATA_PARTS)
    tables = {
        name: read_csv(tmp_path / DATA / f"{name}.csv")
        for name in ("ziele", "bevoelkerungsprofil", "heutiger-gebietsstand", "letzte-werte", "annaeherung")
    }
    rows = {(row["region"], row["target_id"]): row for row in tables["ziele"]}
    told = rows[aim["region"], aim["target_id"]]
    assert told["target"] == str(shown(aim["target"], framework.indicators[aim["indicator"]].decimals))
    assert {told[name] for name in ("value", "baseline", "projection", "symbol", "certainty", "direction")} == {""}
    others = [row for key, row in rows.items() if key != (aim["region"], aim["target_id"])]
    assert others
    assert all(row["symbol"] or row["reason"] for row in others)
    ahead = [row for row in tables["bevoelkerungsprofil"] if row["projected"] == "true"]
    assert {int(row["year"]) for row in ahead} == {YEAR + 5, YEAR + 10}
    assert all("." not in row["value"] for row in tables["bevoelkerungsprofil"] if row["measure"] == "POPULATION")
    assert all(row["value"] == "" for row in tables["bevoelkerungsprofil"] if row["status"] == "secret")
    now = {(row["indicator"], row["year"]): row for row in tables["heutiger-gebietsstand"]}
    assert all(row["numerator"].isdigit() or not row["numerator"] for row in now.values())
    assert all(int(row["value_year"]) < YEAR for row in tables["letzte-werte"])
    assert {row["scope"] for row in tables["annaeherung"]} == {sample_regions(framework)[1][0]}
    assert frictionless.validate(str(tmp_path / DATA / "datapackage.json")).valid


# --- read by the tools of others ------------------------------------------------------------------------------------


def test_data_package_is_valid(folder: Path) -> None:
    report = frictionless.validate(str(folder / "datapackage.json"))
    assert report.valid, report.flatten(["type", "message"])[:3]
    assert {task.name for task in report.tasks} >= {"alle-werte", "alle-abstaende", "codelisten-indikatoren"}


def test_data_package_notices_a_changed_file(folder: Path, tmp_path: Path) -> None:
    """The schema says enough for a tool to find a text among the numbers and an unknown code."""
    package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    for resource in package["resources"]:
        target = tmp_path / resource["path"]
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((folder / resource["path"]).read_bytes())
    (tmp_path / "datapackage.json").write_text(json.dumps(package), encoding="utf-8")
    path = tmp_path / "alle-werte.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[1] = lines[1].replace(",percent,", ",percent,many").replace("not_computable", "unheard")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    kinds = {kind for (kind,) in frictionless.validate(str(tmp_path / "datapackage.json")).flatten(["type"])}
    assert {"foreign-key", "type-error"} & kinds
    assert "hash-count" in kinds or "byte-count" in kinds


def test_csvw_describes_every_file(folder: Path) -> None:
    names = [path for path in sorted(folder.rglob("*.csv")) if path.parent.name != "sdmx"]
    assert len(names) > 20
    for path in names:
        metadata = path.with_name(f"{path.name}-metadata.json")
        assert CSVW(str(path), md_url=str(metadata), validate=True).is_valid, path.name
    group = TableGroup.from_file(folder / "csv-metadata.json")
    assert group.check_referential_integrity()
    (values,) = [table for table in group.tables if table.url.string == "alle-werte.csv"]
    row = next(row for row in values.iterdicts() if row["value"] is not None)
    assert isinstance(row["value"], Decimal)
    assert isinstance(row["year"], int)


def test_csvw_notices_an_unknown_code(folder: Path, tmp_path: Path) -> None:
    for path in folder.rglob("*.csv*"):
        target = tmp_path / path.relative_to(folder)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    (tmp_path / "csv-metadata.json").write_bytes((folder / "csv-metadata.json").read_bytes())
    path = tmp_path / "alle-werte.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("not_computable", "unheard"), encoding="utf-8")
    with pytest.raises(ValueError, match="unheard"):
        TableGroup.from_file(tmp_path / "csv-metadata.json").check_referential_integrity()


def conforms(graph: rdflib.Graph) -> tuple[bool, str]:
    result, _, text = pyshacl.validate(graph, shacl_graph=str(SHAPES), shacl_graph_format="turtle", advanced=False)
    return bool(result), text


def test_catalogue_record_keeps_the_rules(framework: Framework, out: Path, folder: Path) -> None:
    graph = rdflib.Graph().parse(folder / "dcat.jsonld", format="json-ld")
    assert conforms(graph)[0], conforms(graph)[1]
    assert framework.publication is not None
    dcat = rdflib.Namespace("http://www.w3.org/ns/dcat#")
    checksum = rdflib.URIRef("http://spdx.org/rdf/terms#checksumValue")
    base = f"{framework.publication.base_url}{YEAR}/"
    named = {}
    for distribution in graph.subjects(rdflib.RDF.type, dcat.Distribution):
        path = out / str(graph.value(distribution, dcat.downloadURL)).removeprefix(base)
        node = graph.value(distribution, rdflib.URIRef("http://spdx.org/rdf/terms#checksum"))
        named[path.name] = str(graph.value(node, checksum))
        assert named[path.name] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert int(str(graph.value(distribution, dcat.byteSize))) == path.stat().st_size
    assert {Path(name).suffix for name in named} == {".csv", ".parquet", ".json", ".xlsx"}


@pytest.mark.parametrize(
    "predicate",
    [
        "http://purl.org/dc/terms/license",
        "http://dcat-ap.de/def/dcatde/licenseAttributionByText",
        "http://www.w3.org/ns/dcat#accessURL",
        "http://www.w3.org/2006/vcard/ns#hasEmail",
        "http://dcat-ap.de/def/dcatde/politicalGeocodingURI",
        "http://purl.org/dc/terms/publisher",
    ],
)
def test_shapes_notice_what_is_missing(folder: Path, predicate: str) -> None:
    graph = rdflib.Graph().parse(folder / "dcat.jsonld", format="json-ld")
    graph.remove((None, rdflib.URIRef(predicate), None))
    assert not conforms(graph)[0]


def test_without_a_publication_no_licence_is_granted(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    build_report(data, replace(framework, publication=None), YEAR, tmp_path, parts=(DATA,))
    assert not (tmp_path / DATA / "dcat.jsonld").exists()
    assert "licenses" not in json.loads((tmp_path / DATA / "datapackage.json").read_text(encoding="utf-8"))
    note = (tmp_path / DATA / "LIESMICH.md").read_text(encoding="utf-8")
    assert "Für diese Daten ist keine Lizenz festgelegt." in note
    assert frictionless.validate(str(tmp_path / DATA / "datapackage.json")).valid


# --- silent about what is hidden, the same for the same input -------------------------------------------------------


def test_hidden_numbers_occur_nowhere(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            text = path.read_bytes().decode("utf-8", "replace")
            if path.suffix == ".parquet":
                text = pq.read_table(path).to_pandas().to_csv()
            text = re.sub(r"\b[0-9a-f]{16,}\b", "", text)  # checksums may contain any digits
            for secret in ("9173", "913572", "864213", "9100.1", "9200.2"):
                assert secret not in text, (path.name, secret)


def test_reasons_of_confidentiality_read_the_same(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    """Which hidden value is the small one and which only protects it must not be told."""
    secret, written = framework.statuses["secret"], []
    for reason in ("small_numerator", "secondary"):
        changed = data.published.assign(status=secret.code, sign=secret.sign, value=float("nan"), reason=reason)
        target = tmp_path / reason
        build_report(replace(data, published=changed), framework, YEAR, target, parts=DATA_PARTS)
        written.append({path.relative_to(target): path.read_bytes() for path in target.rglob("*") if path.is_file()})
    assert written[0] == written[1]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_input_gives_the_same_bytes(framework: Framework, data: ReportData, out: Path, tmp_path: Path) -> None:
    shuffled = replace(data, published=data.published.sample(frac=1, random_state=1), gaps=data.gaps.iloc[::-1])
    build_report(shuffled, framework, YEAR, tmp_path, parts=DATA_PARTS)
    assert contents(tmp_path) == contents(out)
    build_report(data, framework, YEAR, tmp_path, parts=DATA_PARTS)  # over itself: nothing changed since itself
    assert contents(tmp_path) == contents(out)


def test_a_failing_part_is_named_and_the_other_one_written(
    framework: Framework, data: ReportData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no structure today")

    monkeypatch.setattr("report.opendata.files.Structure", refuse)
    build_report(data, framework, YEAR, tmp_path, parts=DATA_PARTS)
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["failures"] == {DATA: "RuntimeError: no structure today"}
    assert {entry["path"].partition("/")[0] for entry in manifest["files"]} == {TABLES}
    assert not (tmp_path / DATA).exists()


# --- what changed since the last edition ----------------------------------------------------------------------------


def test_changes_since_the_last_edition(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    """One row of every kind of change, and the value that is no longer shown is not repeated."""
    build_report(data, framework, YEAR, tmp_path, parts=DATA_PARTS)
    code = next(code for code, entry in framework.indicators.items() if entry.decimals == 1 and entry.gap)
    dims = dimensions(framework)
    here = data.published[data.published["indicator"] == code]
    ok, hidden = here[here["status"] == "ok"].index, here[here["status"] == "not_delivered"].index
    published = data.published.copy()
    before = published["value"].copy()
    published.loc[ok[0], "value"] += 10
    published.loc[ok[1], ["value", "numerator", "denominator", "lower", "upper"]] = float("nan")
    published.loc[ok[1], ["status", "sign"]] = ["secret", "."]
    published.loc[ok[2], ["status", "sign"]] = ["provisional", "p"]
    published.loc[hidden[0], ["value", "status", "sign"]] = [12.34, "ok", ""]
    published = published.drop(index=[ok[3]])
    changed = replace(data, published=published, generation="sample-0002")
    build_report(changed, framework, YEAR, tmp_path, parts=DATA_PARTS)
    rows = read_csv(tmp_path / DATA / "aenderungen.csv")
    assert sorted(row["change_kind"] for row in rows) == sorted(set(CHANGES) - {"added"})
    by_kind = {row["change_kind"]: row for row in rows}
    decimals = framework.indicators[code].decimals
    assert Decimal(by_kind["revised"]["old_value"]) == shown(before[ok[0]], decimals)
    assert Decimal(by_kind["revised"]["new_value"]) == shown(before[ok[0]] + 10, decimals)
    for kind in ("no_longer_shown", "removed"):
        assert (by_kind[kind]["old_value"], by_kind[kind]["new_value"]) == ("", "")
    assert (by_kind["newly_shown"]["old_value"], Decimal(by_kind["newly_shown"]["new_value"])) == ("", Decimal("12.3"))
    assert (by_kind["status_changed"]["old_status"], by_kind["status_changed"]["new_status"]) == ("ok", "provisional")
    assert all(row[dim] for row in rows for dim in dims)
    told = json.loads((tmp_path / DATA / "aenderungen.json").read_text(encoding="utf-8"))
    assert told["counts"] == {**dict.fromkeys(CHANGES, 1), "added": 0}
    assert told["compared_with"]["generation"] == data.generation
    assert told["summary"]["de"] == (
        f"Verglichen mit der Ausgabe {YEAR} vom 22.11.2026: 1 Wert berichtigt, 1 Wert erstmals gezeigt, "
        "1 Wert nicht mehr gezeigt, 1 Status geändert, 1 Angabe entfallen."
    )
    once = contents(tmp_path)
    build_report(changed, framework, YEAR, tmp_path, parts=DATA_PARTS)  # again: still compared with the edition before
    assert contents(tmp_path) == once


def test_a_new_year_is_counted_and_not_listed(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    """The first edition of a year is compared with the one of the year before, in its own folder."""
    build_report(data, framework, YEAR - 1, tmp_path / "before", parts=(DATA,))
    build_report(data, framework, YEAR, tmp_path / "now", parts=(DATA,), previous=tmp_path / "before")
    told = json.loads((tmp_path / "now" / DATA / "aenderungen.json").read_text(encoding="utf-8"))
    assert told["gained"] == {"year": [str(YEAR)], "indicator": [], "region": []}
    assert told["rows_gained"] == len(data.published) // len(YEARS)
    assert read_csv(tmp_path / "now" / DATA / "aenderungen.csv") == []
    assert "Neu sind die Jahre: 2025." in told["summary"]["de"]
    assert "No value has changed." in told["summary"]["en"]


def test_an_unreadable_edition_is_no_edition(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    (tmp_path / DATA).mkdir()
    (tmp_path / DATA / "alle-werte.csv").write_bytes(b"\xff\xfe")
    (tmp_path / DATA / "index.json").write_text("[]", encoding="utf-8")
    build_report(data, framework, YEAR, tmp_path, parts=(DATA,))
    told = json.loads((tmp_path / DATA / "aenderungen.json").read_text(encoding="utf-8"))
    assert told["compared_with"] is None
    assert told["summary"]["de"].startswith("Dies ist die erste Ausgabe")


# --- declarations ---------------------------------------------------------------------------------------------------


def test_texts_have_the_same_keys_and_are_all_used() -> None:
    german, english = catalogue("de", PART), catalogue("en", PART)
    assert german.keys() == english.keys()
    assert not german.keys() & catalogue("de").keys()
    room = TEXTS.parent
    source = "".join(path.read_text(encoding="utf-8") for path in [*room.glob("*.py"), *room.glob("opendata/*.py")])
    for key, text in german.items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", english[key])), key
        stem = re.sub(r"\.(one|other)$|\d+$", "", key)
        built = ("changes.", "readme.file.", "readme.rule_", "book.note_")
        assert re.search(rf"""["']{re.escape(stem)}["']""", source) or key.startswith(built), key


def test_every_column_of_a_table_is_declared_and_used(framework: Framework) -> None:
    declared = [entry["name"] for entry in declarations()["columns"]]
    assert len(declared) == len(set(declared))
    tables = [*declarations()["tables"], *declarations()["derived"]]
    used = {name for table in tables for name in (*table["columns"], *table["key"])} - {"dimensions"}
    assert used - set(declared) == set()
    assert set(declared) - used <= {"previous"}
    assert not {"Code", "reason"} & set(DataWording("de", framework).texts)


def test_a_mistake_in_the_publication_is_named_with_its_line(tiny_folder: Path, tmp_path: Path) -> None:
    source = Path(__file__).parents[1] / "schemas" / "framework" / "publication.yaml"
    target = tmp_path / "tiny"
    shutil.copytree(tiny_folder, target)
    whole = load_framework(target)
    assert whole.publication is None
    text = source.read_text(encoding="utf-8")
    (target / "publication.yaml").write_text(text, encoding="utf-8")
    assert load_framework(target).publication is not None
    assert load_framework(target).content_hash == whole.content_hash
    (target / "publication.yaml").write_text(text.replace("base_url: https:", "base_url: nowhere:"), encoding="utf-8")
    line = next(n for n, each in enumerate(text.splitlines(), start=1) if each.startswith("base_url"))
    with pytest.raises(FrameworkError, match=rf"publication\.yaml:{line}: .*base_url"):
        load_framework(target)
