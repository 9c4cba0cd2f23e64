"""SDMX structures made from the framework: concepts, code lists, data structure and dataflow, as SDMX-JSON 2.1.

Codes of the framework become codes of SDMX; a sign that SDMX does not allow in a code turns into an underscore.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import yaml

from report.opendata.edition import Edition
from report.opendata.table import CODE_LISTS, Table
from schemas.framework_model import Framework

SCHEMA = "https://json.sdmx.org/2.1/sdmx-json-structure-schema.json"
_DEFAULT_AGENCY = "MONITOR"
_TEXTS = Path(__file__).resolve().parent / "sdmx_codes.yaml"
_URN = "urn:sdmx:org.sdmx.infomodel"


@dataclass(frozen=True, slots=True)
class Component:
    """A component of the data structure and the column it is filled from; `codes` names its code list."""

    id: str
    column: str
    role: Literal["dimension", "time", "measure", "attribute"]
    name_de: str
    name_en: str
    codes: str = ""
    text_type: str = "String"
    per: str = ""
    required: bool = False


@dataclass(frozen=True)
class Structure:
    """Everything that has an identifier in SDMX, for one edition of one framework."""

    framework: Framework
    edition: Edition
    values: Table
    lists: Mapping[str, Table]

    @property
    def agency(self) -> str:
        """Maintenance agency."""
        return self.edition.publication.sdmx_agency if self.edition.publication else _DEFAULT_AGENCY

    @property
    def version(self) -> str:
        """Version of the framework in three parts, as SDMX 3 wants it."""
        parts = re.findall(r"\d+", self.framework.version)[:3] or ["1"]
        return ".".join(str(int(part)) for part in [*parts, "0", "0"][:3])

    @property
    def flow(self) -> str:
        """`AGENCY:ID(VERSION)` of the dataflow."""
        return f"{self.agency}:{self._id('DF')}({self.version})"

    def _id(self, prefix: str, name: str = "") -> str:
        return sdmx_code(f"{prefix}_{name or self.framework.code}".upper())

    @cached_property
    def components(self) -> tuple[Component, ...]:
        """Dimensions first, then the measure, then the attributes: the order of the columns of SDMX-CSV."""
        columns = {column.name: column for column in self.values.columns}
        dims = [code.lower() for code in self.framework.dimension_order]

        def made(name: str, role: Any, codes: str = "", identity: str = "", **more: Any) -> Component:
            entry = columns[name]
            return Component(identity or name.upper(), name, role, entry.title_de, entry.title_en, codes, **more)

        return (
            made("region", "dimension", "regionen"),
            made("indicator", "dimension", "indikatoren"),
            *(made(name, "dimension", name) for name in dims),
            made("year", "time", identity="TIME_PERIOD"),
            made("value", "measure", identity="OBS_VALUE", text_type="Decimal"),
            Component("OBS_STATUS", "obs_status", "attribute", "Beobachtungsstatus", "Observation status",
                      "obs_status", required=True),
            Component("CONF_STATUS", "conf_status", "attribute", "Geheimhaltungsstatus", "Confidentiality status",
                      "conf_status", required=True),
            made("status", "attribute", "status", "VALUE_STATUS", required=True),
            made("unit", "attribute", "unit", "UNIT_MEASURE", per="INDICATOR", required=True),
            Component("DECIMALS", "decimals", "attribute", "Nachkommastellen", "Decimals", text_type="Integer",
                      per="INDICATOR", required=True),
            *(made(name, "attribute", text_type="Decimal") for name in ("lower", "upper", "numerator", "denominator")),
            *(made(name, "attribute", text_type="Integer") for name in ("n_reported", "n_members")),
            made("flags", "attribute"),
            made("note", "attribute"),
        )  # fmt: skip

    # --- message ------------------------------------------------------------------------------------------------

    def message(self) -> dict[str, Any]:
        """The structure message. Reads no clock: it is prepared when the data were."""
        return {
            "meta": {
                "schema": SCHEMA,
                "id": sdmx_code(f"{self.edition.identifier}-{self.edition.generation}"),
                "test": self.edition.sample,
                "prepared": self.edition.created_at,
                "contentLanguages": ["de", "en"],
                "sender": {"id": self.agency},
            },
            "data": {
                "codelists": [self._code_list(name, rows) for name, rows in self._codes().items()],
                "conceptSchemes": [self._concepts()],
                "dataStructures": [self._data_structure()],
                "dataflows": [
                    {
                        **self._maintained("DF", self.edition.title_de, self.edition.title_en),
                        "structure": self._urn("datastructure.DataStructure", self._id("DSD")),
                    }
                ],
            },
        }

    def _codes(self) -> dict[str, list[tuple[str, str, str]]]:
        """(code, German name, English name) of every code list."""
        standard = _standard_codes()
        found: dict[str, list[tuple[str, str, str]]] = {}
        for name, table in self.lists.items():
            code, german, english = (table.names.index(each) for each in ("code", "name_de", "name_en"))
            found[name.removeprefix(f"{CODE_LISTS}/")] = [
                (str(row[code]), str(row[german]), str(row[english])) for row in table.rows
            ]
        for name in ("obs_status", "conf_status"):
            found[name] = [(code, text, text) for code, text in standard[name].items()]
        units = dict.fromkeys(entry.unit for entry in self.framework.indicators.values())
        found["unit"] = [(unit, unit, unit) for unit in units]
        return found

    def _code_list(self, name: str, rows: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
        codes: dict[str, dict[str, Any]] = {}
        for code, german, english in rows:
            identity = sdmx_code(code)
            if identity in codes:
                raise ValueError(f"two codes of {name} become {identity} in SDMX")
            codes[identity] = {"id": identity, **_named(german, english)}
        return {**self._maintained("CL", name, name, name), "codes": list(codes.values())}

    def _concepts(self) -> dict[str, Any]:
        concepts = [{"id": part.id, **_named(part.name_de, part.name_en)} for part in self.components]
        return {**self._maintained("CS", self.edition.title_de, self.edition.title_en), "concepts": concepts}

    def _data_structure(self) -> dict[str, Any]:
        def parts(role: str, describe: Callable[[Component], dict[str, Any]]) -> list[dict[str, Any]]:
            return [describe(part) for part in self.components if part.role == role]

        dimensions = parts("dimension", self._component)
        times = [
            {
                "id": part.id,
                "conceptIdentity": self._concept(part),
                "localRepresentation": {"format": {"dataType": "ObservationalTimePeriod"}},
            }
            for part in self.components
            if part.role == "time"
        ]
        return {
            **self._maintained("DSD", self.edition.title_de, self.edition.title_en),
            "dataStructureComponents": {
                "dimensionList": {
                    "id": "DimensionDescriptor",
                    "dimensions": [{**entry, "position": place} for place, entry in enumerate(dimensions)],
                    "timeDimension": times[0],
                },
                "measureList": {"id": "MeasureDescriptor", "measures": parts("measure", self._component)},
                "attributeList": {"id": "AttributeDescriptor", "attributes": parts("attribute", self._attribute)},
            },
        }

    def _component(self, part: Component) -> dict[str, Any]:
        represented: dict[str, Any] = (
            {"enumeration": self._urn("codelist.Codelist", self._id("CL", part.codes))}
            if part.codes
            else {"format": {"dataType": part.text_type}}
        )
        return {"id": part.id, "conceptIdentity": self._concept(part), "localRepresentation": represented}

    def _attribute(self, part: Component) -> dict[str, Any]:
        measure = next(each.id for each in self.components if each.role == "measure")
        relation: dict[str, Any] = {"dimensions": [part.per]} if part.per else {"observation": {}}
        return {
            **self._component(part),
            "usage": "mandatory" if part.required else "optional",
            "attributeRelationship": relation,
            **({} if part.per else {"measureRelationship": [measure]}),
        }

    def _concept(self, part: Component) -> str:
        return f"{self._urn('conceptscheme.Concept', self._id('CS'))}.{part.id}"

    def _urn(self, kind: str, identity: str) -> str:
        return f"{_URN}.{kind}={self.agency}:{identity}({self.version})"

    def _maintained(self, prefix: str, german: str, english: str, name: str = "") -> dict[str, Any]:
        identity = {"id": self._id(prefix, name), "agencyID": self.agency, "version": self.version}
        return {**identity, **_named(german, english)}


def sdmx_code(code: str) -> str:
    """A code with the signs that SDMX allows."""
    return re.sub(r"[^A-Za-z0-9_@$-]", "_", code)


def _named(german: str, english: str) -> dict[str, Any]:
    return {"name": german, "names": {"de": german, "en": english or german}}


@cache
def _standard_codes() -> Mapping[str, Mapping[str, str]]:
    loaded: Mapping[str, Mapping[str, str]] = yaml.safe_load(_TEXTS.read_text(encoding="utf-8"))
    return loaded
