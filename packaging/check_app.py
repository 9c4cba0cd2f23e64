"""The offline check: `monitor check` as one program for a coordinator without Python, network or installation rights.

Built by `packaging/build.py` (docs/check-app.md). Same reading, same rules, same texts as on the server, because it is
the same code with the same framework files; the receipt carries the checksum of the framework to prove it. Only what
the warehouse knows is missing: last year's values come from last year's own workbook (`--previous`).

Exit codes as everywhere: 0 clean, 1 findings, 2 refused input, 3 our own fault.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intake.checking import Past, Received
    from schemas.framework_model import Framework
    from schemas.shapes import CheckedDelivery

CLEAN, FINDINGS, REFUSED, OUR_FAULT = 0, 1, 2, 3
PROGRAM = "monitor-check"
KEPT = (".html", ".txt", ".xlsx", ".xlsm", ".ods")
HELP = """\
Prüft Lieferungen des Integrationsmonitorings auf diesem Rechner. Es wird nichts verschickt und nichts verändert.

So geht es:
  1. Ziehen Sie Ihre Excel-Datei mit der Maus auf dieses Programm, oder rufen Sie auf:
     {program} DATEI.xlsx
  2. Das Ergebnis steht danach neben Ihrer Datei: DATEI_Pruefung.html (zum Ansehen) und DATEI_Pruefung.txt.
  3. Mit der Datei des Vorjahres wird auch mit dem Vorjahr verglichen:
     {program} DATEI.xlsx --previous VORJAHR.xlsx

Weitere Angaben: {program} --help
"""


class InputRefused(ValueError):
    """The input cannot be checked; the message says why, in German."""


def parser() -> argparse.ArgumentParser:
    """The arguments with their German help."""
    arguments = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Lieferungen vollständig prüfen, ohne etwas zu speichern oder zu verschicken.",
        epilog="Rückgabewerte: 0 ohne Befund, 1 mit Befund, 2 Eingabe abgelehnt, 3 eigener Fehler.",
    )
    arguments.add_argument("files", nargs="*", metavar="DATEI")
    arguments.add_argument("--json", action="store_true", help="Ergebnis für Maschinen; schreibt keine Dateien")
    arguments.add_argument("--sender", default="", help="Gebiet oder Ordner, aus dem die Dateien kommen")
    arguments.add_argument(
        "--previous", action="append", default=[], metavar="DATEI", help="eigene Datei des Vorjahres zum Vergleichen"
    )
    arguments.add_argument("--version", action="store_true", help="Fassung und Prüfsumme des Regelwerks")
    return arguments


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the files; returns the exit code. A window that was opened for us stays until it has been read."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["-I"]:  # a child that was meant for a Python interpreter: never start ourselves over and over
        return OUR_FAULT
    _plain_output()
    options = parser().parse_args(given)
    code = _guarded(options)
    if not options.json and _own_window():
        input("\nWeiter mit der Eingabetaste ...")
    return code


def _guarded(options: argparse.Namespace) -> int:
    """Run, and say in German what went wrong."""
    try:
        return _run(options)
    except InputRefused as error:
        print(f"Nicht möglich: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print("Abgebrochen.", file=sys.stderr)
        return REFUSED
    except Exception:
        traceback.print_exc()
        print("Das ist ein Fehler im Programm. Ihre Datei ist unverändert.", file=sys.stderr)
        return OUR_FAULT


def _run(options: argparse.Namespace) -> int:
    if not options.files and not options.version:
        print(HELP.format(program=PROGRAM))
    if not options.json and options.files:
        print("Die Prüfung läuft, bitte warten ...", flush=True)
    framework = _framework()
    if not options.files:
        print(rule_set(framework))
        return CLEAN
    checked = check(framework, options.files, sender=options.sender, previous=options.previous)
    if options.json:
        print(json.dumps(twins(framework, checked), ensure_ascii=False, indent=1))
    else:
        print(rule_set(framework))
        names = _base_names(options.files)
        for delivery, base in zip(checked, names, strict=True):
            print(_answer(framework, delivery, base))
    return exit_code(checked)


def _framework() -> Framework:
    from schemas.loading import load_framework
    from schemas.yaml_source import FrameworkError

    try:
        return load_framework()
    except FrameworkError as error:
        raise InputRefused(f"Das Regelwerk ist nicht benutzbar:\n{error}") from error


def rule_set(framework: Framework) -> str:
    """Which rules are applied: code, version and the checksum that the server's receipts carry too."""
    return f"Regelwerk {framework.code} {framework.version}, Prüfsumme {framework.content_hash}"


def check(
    framework: Framework, files: Sequence[str], *, sender: str = "", previous: Sequence[str] = ()
) -> list[CheckedDelivery]:
    """Read and check the files exactly as `monitor check` does; same order as `files`."""
    from intake.checking import check_deliveries

    if getattr(sys, "frozen", False):
        _read_in_this_process()
    received = [_received(name, f"PRUEFUNG-{number}", sender) for number, name in enumerate(files, start=1)]
    return check_deliveries(framework, received, _past(framework, previous))


def twins(framework: Framework, checked: Sequence[CheckedDelivery]) -> list[dict[str, Any]]:
    """The machine twin of each delivery."""
    from intake.reply import machine_twin

    return [machine_twin(framework, delivery) for delivery in checked]


def exit_code(checked: Sequence[CheckedDelivery]) -> int:
    """The same as that of `monitor check`."""
    from schemas.shapes import Verdict

    verdicts = {delivery.submission.verdict for delivery in checked}
    if Verdict.REFUSED in verdicts:
        return REFUSED
    return CLEAN if verdicts <= {Verdict.ACCEPTED} else FINDINGS


def _received(name: str, number: str, sender: str = "") -> Received:
    from intake.checking import Received

    path = Path(name)
    if not path.is_file():
        raise InputRefused(f"Die Datei „{name}“ gibt es nicht.")
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return Received(path, path.name, sender, sha256, datetime.now(UTC).replace(tzinfo=None), number)


def _past(framework: Framework, names: Sequence[str]) -> Past:
    """What last year's own workbooks say, in the shape in which the warehouse would say it."""
    from intake.checking import Past, read_deliveries, with_registers
    from schemas.shapes import Record, Severity, member_key

    known: dict[tuple[str, int], dict[tuple[str, str], Any]] = {}
    basis: dict[tuple[str, int], str] = {}
    records: dict[tuple[str, int], tuple[Record, ...]] = {}
    received = [_received(name, f"VORJAHR-{number}") for number, name in enumerate(names, start=1)]
    for delivery in read_deliveries(framework, received):
        fatal = [found for found in delivery.findings if found.severity is Severity.FATAL]
        if fatal:
            name = delivery.submission.file_name
            raise InputRefused(f"Die Vorjahresdatei „{name}“ kann nicht gelesen werden. {fatal[0].message}")
        delivery = with_registers(framework, delivery, Past())
        for o in delivery.observations:
            known.setdefault((o.region, o.year), {})[o.variable, member_key(o.members)] = (o.value, o.status)
        if delivery.submission.year:
            place = (delivery.submission.region, delivery.submission.year)
            basis[place] = delivery.submission.population_basis
            records[place] = (*records.get(place, ()), *delivery.content.records)
    return Past(
        values=lambda region, year: known.get((region, year), {}),
        population_basis=lambda region, year: basis.get((region, year), ""),
        records=lambda region, year: records.get((region, year), ()),
    )


def _read_in_this_process() -> None:
    """The server reads each file in a child interpreter; a frozen program has none beside it and reads by itself."""
    from intake import sandbox
    from intake.reading import Workbook, read_workbook

    def read_here(pool: sandbox.ReaderPool, path: Path) -> Workbook:
        return read_workbook(path)

    sandbox.ReaderPool.read = read_here  # type: ignore[assignment, method-assign]


# --- what the coordinator sees ---------------------------------------------------------------------------------------


def _base_names(files: Sequence[str]) -> list[Path]:
    """Where the answers go, beside each file and without its ending unless two files differ by nothing else."""
    bases = [Path(name).with_name(f"{Path(name).stem}_Pruefung") for name in files]
    full = [Path(name).with_name(f"{Path(name).name}_Pruefung") for name in files]
    return [long if bases.count(short) > 1 else short for short, long in zip(bases, full, strict=True)]


def _answer(framework: Framework, delivery: CheckedDelivery, base: Path) -> str:
    """Write the answer beside the file; the lines for the screen. Where nothing can be written, all is shown there."""
    from intake.reply import as_text, receipt

    content = receipt(framework, delivery)
    lines = ["", f"Datei: {delivery.submission.file_name}"]
    try:
        written = write_answer(framework, delivery, base)
    except OSError as error:
        reason = error.strerror or str(error)
        lines.append(f"Neben der Datei kann nicht geschrieben werden ({reason}); das Ergebnis steht deshalb hier.")
        return "\n".join([*lines, "", as_text(content), _note(framework)])
    lines += [f"Ergebnis: {content.headline}", content.meaning]
    lines += [f"  {number}. {step}" for number, step in enumerate(content.steps, start=1)]
    return "\n".join([*lines, *(f"Geschrieben: {path}" for path in written), _note(framework, short=True)])


def write_answer(framework: Framework, delivery: CheckedDelivery, base: Path) -> list[Path]:
    """The receipt of the server under a name beside the file, with a note that nothing was handed in."""
    from intake.answer import write_reply

    written = []
    with TemporaryDirectory() as folder:
        for source in write_reply(framework, delivery, Path(folder)):
            if source.suffix.lower() not in KEPT:
                continue
            target = base.with_name(base.name + source.suffix)
            content = source.read_bytes()
            if source.suffix in (".html", ".txt"):
                content = _with_note(framework, content.decode("utf-8"), html=source.suffix == ".html").encode("utf-8")
            target.write_bytes(content)
            written.append(target)
    return written


def _note(framework: Framework, *, short: bool = False) -> str:
    told = "Geprüft auf diesem Rechner; es wurde nichts eingereicht."
    return told if short else f"{told} {rule_set(framework)}."


def _with_note(framework: Framework, text: str, *, html: bool) -> str:
    if not html:
        return f"{text.rstrip()}\n\n{_note(framework)}\n"
    head, mark, rest = text.partition("</h1>")
    return f"{head}{mark}\n<p><strong>{_note(framework)}</strong></p>{rest}"


def _plain_output() -> None:
    """UTF-8 whatever the machine is set to, so that neither umlauts nor JSON break."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _own_window() -> bool:
    """Was a console window opened only for this program (double click, drag and drop)? It would vanish at once."""
    if sys.platform != "win32" or not getattr(sys, "frozen", False):
        return False
    import ctypes

    processes = (ctypes.c_uint * 8)()
    return 0 < ctypes.windll.kernel32.GetConsoleProcessList(processes, 8) <= 2  # the loader and this program


if __name__ == "__main__":
    if not getattr(sys, "frozen", False):
        sys.path[0] = str(Path(__file__).resolve().parents[1])
    sys.exit(main())
