"""Does the cover say who delivers what, for which year, on which basis?"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date

from intake.form_answers import Cover, is_nil
from intake.form_request import SCOPE, SCOPE_REGISTERS, sign_profile
from intake.messages import finding
from intake.protocol import plain_name
from schemas.definitions import SignProfile
from schemas.framework_model import Framework
from schemas.shapes import Finding


@dataclass
class CoverReading:
    """What the cover declares, with findings. Region and year are empty when they cannot be used."""

    region: str = ""
    year: int | None = None
    version: str = ""
    population_basis: str = ""
    profile: SignProfile | None = None
    contact: str = ""
    nil: bool = False
    registers_only: bool = False
    findings: list[Finding] = field(default_factory=list)


def read_cover(framework: Framework, cover: Cover, file_name: str, sender: str) -> CoverReading:
    """Check the cover against framework, territory, inbox folder (`sender`, may be empty) and file name."""
    reading = CoverReading()
    foreign = cover.answer("framework")
    if foreign != framework.code:
        details = {"found": foreign or "unbekannt", "expected": framework.code}
        reading.findings.append(finding(framework, "F07", details, **cover.place("framework")))
        return reading
    reading.version = cover.answer("version")
    if reading.version != framework.version:
        details = {"found": reading.version or "ohne Angabe", "expected": framework.version}
        reading.findings.append(finding(framework, "F08", details, **cover.place("version")))
    reading.contact = ", ".join(filter(None, (cover.answer("contact_name"), cover.answer("contact_mail"))))
    reading.nil = is_nil(cover.answer("nil"))
    reading.registers_only = cover.answer(SCOPE) == SCOPE_REGISTERS
    _year(framework, cover, reading)
    _region(framework, cover, reading)
    _profile(framework, cover, reading)
    if not reading.registers_only:
        _basis(framework, cover, reading)
    if reading.region and reading.year:
        _sender(framework, cover, reading, sender)
        _file_name(framework, cover, reading, file_name)
    return reading


def _year(framework: Framework, cover: Cover, reading: CoverReading) -> None:
    answer = cover.answer("year").strip()
    year = int(answer) if re.fullmatch(r"(?:19|20|21)\d\d", answer) else None
    first, last = framework.head.delivery.first_year, date.today().year
    if year is None or not first <= year <= last:
        details = {"first": str(first), "last": str(last), "found": cover.answer("year")}
        reading.findings.append(finding(framework, "C03", details, **cover.place("year")))
        return
    reading.year = year


def _region(framework: Framework, cover: Cover, reading: CoverReading) -> None:
    code = region_code(framework, cover.answer("region"))
    if code is None:
        details = {"found": cover.answer("region")}
        reading.findings.append(finding(framework, "C01", details, **cover.place("region")))
        return
    if reading.year and not framework.territory.valid(code, date(reading.year, 12, 31)):
        why = framework.territory.explain_invalid(code, date(reading.year, 12, 31)) or ""
        reading.findings.append(finding(framework, "C02", {"why": why, "found": code}, **cover.place("region")))
        return
    reading.region = code


def region_code(framework: Framework, text: str) -> str | None:
    """A known region code; a code that lost its leading zero in a number cell is repaired."""
    digits = text.strip()
    for candidate in (digits, digits.zfill(5), digits.zfill(8)):
        if framework.territory.known(candidate):
            return candidate
    return None


def _profile(framework: Framework, cover: Cover, reading: CoverReading) -> None:
    answer = cover.answer("sign_profile").partition(" ")[0]
    if not answer or answer in framework.sign_profiles:
        reading.profile = sign_profile(framework, answer)
        return
    allowed = ", ".join(framework.sign_profiles)
    details = {"allowed": allowed, "found": answer}
    reading.findings.append(finding(framework, "C06", details, **cover.place("sign_profile")))


def _basis(framework: Framework, cover: Cover, reading: CoverReading) -> None:
    answer = cover.answer("population_basis").casefold()
    bases = framework.head.delivery.population_bases
    for basis in bases:
        if answer in (basis.code.casefold(), basis.name_de.casefold()):
            reading.population_basis = basis.code
            return
    if not reading.nil:
        details = {"allowed": ", ".join(f"„{basis.name_de}“" for basis in bases), "found": answer}
        reading.findings.append(finding(framework, "C05", details, **cover.place("population_basis")))


def _sender(framework: Framework, cover: Cover, reading: CoverReading, sender: str) -> None:
    assert reading.year is not None
    details = wrong_folder(framework, sender, reading.region, reading.year)
    if details:
        reading.findings.append(finding(framework, "C04", details, **cover.place("region")))


def wrong_folder(framework: Framework, sender: str, region: str, year: int) -> dict[str, str] | None:
    """What to say when the inbox folder belongs to somebody else; None when it fits.

    The Kreis or the Land may deliver for what lies in it.
    """
    day = date(year, 12, 31)
    expected = framework.territory.sender_region(sender, day) if sender else None
    if not sender or expected == region:
        return None
    if expected is not None and expected in framework.territory.ancestors(region, day):
        return None
    name = framework.territory.unit_name
    return {
        "sender": f"„{name(expected)}“ ({expected})" if expected else f"„{sender}“",
        "region": f"„{name(region)}“ ({region})",
        "found": region,
        "expected": expected or "",
    }


def _file_name(framework: Framework, cover: Cover, reading: CoverReading, file_name: str) -> None:
    stem = unicodedata.normalize("NFC", plain_name(file_name)).rpartition(".")[0]
    years = {int(text) for text in re.findall(r"(?<!\d)(20\d\d)(?!\d)", stem)}
    if years and reading.year not in years:
        details = {"found": f"das Jahr {min(years)}", "expected": f"das Berichtsjahr {reading.year}"}
        reading.findings.append(finding(framework, "C07", details, **cover.place("year")))
    codes = [code for code in re.findall(r"(?<!\d)(\d{5}|\d{8})(?!\d)", stem) if framework.territory.known(code)]
    if codes and reading.region not in codes:
        details = {"found": f"den Schlüssel {codes[0]}", "expected": f"den Schlüssel {reading.region}"}
        reading.findings.append(finding(framework, "C07", details, **cover.place("region")))
