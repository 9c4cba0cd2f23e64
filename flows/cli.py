"""The command `monitor`. Heavy packages are imported by the command that needs them, so that help and status are quick.

Exit codes: 0 clean, 1 findings (something was returned or needs an eye), 2 refused or failed input (nothing done),
3 our own fault.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence

CLEAN, FINDINGS, REFUSED, OUR_FAULT = 0, 1, 2, 3


def parser() -> argparse.ArgumentParser:
    """All commands with their German help."""
    main_parser = argparse.ArgumentParser(
        prog="monitor",
        description="Kommunales Integrationsmonitoring: vom Eingangsordner zum Jahresbericht.",
        epilog="Rückgabewerte: 0 ohne Befund, 1 mit Befund, 2 Eingabe abgelehnt, 3 eigener Fehler.",
    )
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="BEFEHL")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text)

    form = add("form", "Erhebungsbogen für ein Gebiet und ein Berichtsjahr schreiben")
    form.add_argument("--region", required=True, help="amtlicher Schlüssel, zum Beispiel 06414")
    form.add_argument("--year", required=True, type=int, help="Berichtsjahr")
    form.add_argument("--blank", action="store_true", help="ohne die Werte des Vorjahres")
    form.add_argument("-o", "--output", required=True, help="Zieldatei (.xlsx)")
    check = add("check", "Dateien vollständig prüfen, ohne etwas zu speichern")
    check.add_argument("files", nargs="+", metavar="DATEI")
    check.add_argument("--json", action="store_true", help="Ergebnis für Maschinen")
    check.add_argument("--sender", default="", help="Gebiet oder Ordner, aus dem die Dateien kommen")
    layout = add("layout", "Tabellenaufbau für eine fremde Arbeitsmappe vorschlagen")
    layout.add_argument("action", choices=("suggest",), metavar="suggest", help="aus den Überschriften vorschlagen")
    layout.add_argument("file", metavar="DATEI")
    layout.add_argument("-o", "--output", help="Zieldatei (.yaml); ohne sie auf den Bildschirm")
    add("ingest", "Eingangsordner einmal verarbeiten")
    add("compute", "Indikatoren neu berechnen und den Datenbestand veröffentlichen")
    add("nightly", "der nächtliche Lauf (Prefect): verarbeiten, berechnen, veröffentlichen")
    serve = add("serve", "den nächtlichen Lauf geplant halten (Prefect)")
    serve.add_argument("--cron", default="0 2 * * *", help="Zeitplan, Voreinstellung täglich 2 Uhr")
    report = add("report", "Jahresbericht aus dem veröffentlichten Datenbestand")
    report.add_argument("--year", required=True, type=int, help="Berichtsjahr")
    report.add_argument("--as-of", help="Stand zu einem früheren Zeitpunkt (ISO, UTC), zum Beispiel 2026-03-31T12:00")
    report.add_argument("--out", help="Zielordner, Voreinstellung <Datenordner>/reports/<Jahr>")
    status = add("status", "wer hat geliefert: erwartet, eingegangen, angenommen")
    status.add_argument("--year", type=int, help="nur dieses Berichtsjahr")
    status.add_argument("--json", action="store_true", help="Ergebnis für Maschinen")
    withdraw = add(
        "withdraw", "eine Lieferung zurückziehen: ihre Werte zählen nicht mehr, was sie ersetzt hatte, zählt wieder"
    )
    withdraw.add_argument("submission", metavar="EINGANGSNUMMER")
    withdraw.add_argument("--reason", required=True, help="warum")
    withdraw.add_argument("--who", required=True, help="wer das entschieden hat (Stelle)")
    revisions = add("revisions", "was sich an veröffentlichten Zahlen geändert hat, und warum")
    revisions.add_argument("--since", required=True, metavar="ZEITPUNKT", help="ISO, UTC")
    backup = add("backup", "Sicherung des Datenbestands in einen Ordner schreiben")
    backup.add_argument("folder", metavar="ORDNER")
    restore = add("restore", "Datenbestand aus einer Sicherung wiederherstellen")
    restore.add_argument("folder", metavar="ORDNER")
    why = add("why", "von einer Zahl zurück zu Arbeitsmappe, Blatt, Zelle und Prüfsumme")
    why.add_argument("indicator", help="Kennung, zum Beispiel BEV-01")
    why.add_argument("region", help="Schlüssel des Gebiets oder der Programmregion")
    why.add_argument("year", type=int)
    why.add_argument("members", nargs="*", metavar="DIM=MERKMAL", help="zum Beispiel GRP=A SEX=W")
    why.add_argument("--json", action="store_true", help="Ergebnis für Maschinen")
    watch = add("watch", "Eingangsordner beobachten und jede Lieferung innerhalb einer Minute beantworten")
    watch.add_argument(
        "--poll", type=float, default=10.0, metavar="SEKUNDEN", help="Abstand der Blicke, Voreinstellung 10"
    )
    alive = add("alive", "Lebenszeichen prüfen, bei Stille oder liegen gebliebenen Dateien Alarm senden")
    alive.add_argument("--quiet", action="store_true", help="nur sprechen, wenn etwas nicht stimmt")
    doctor = add("doctor", "Rechner, Ordner, Rechte, Fassungen und Datenbestand prüfen")
    doctor.add_argument("--json", action="store_true", help="Ergebnis für Maschinen")
    board = add("board", "Übersicht schreiben: erwartet, eingegangen, angenommen, bestätigt je Gebiet und Feld")
    board.add_argument("--year", type=int, help="nur dieses Berichtsjahr")
    board.add_argument("--json", action="store_true", help="Ergebnis für Maschinen")
    remind = add("remind", "fällige Erinnerungen schreiben oder senden")
    remind.add_argument("--date", metavar="JJJJ-MM-TT", help="Stichtag, Voreinstellung heute")
    remind.add_argument("--quiet", action="store_true", help="nur sprechen, wenn etwas zu tun ist")
    add("demo", "Musterlieferungen schreiben und alles einmal durchlaufen")
    for command in commands.choices.values():
        command.add_argument("--lang", choices=("de", "en"), default=None, help="Sprache der Ausgabe")
    return main_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = parser().parse_args(arguments)
    from flows import commands

    try:
        return int(getattr(commands, f"run_{options.command}")(options))
    except commands.refusals() as error:
        print(f"Nicht möglich: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print("Abgebrochen. Was begonnen war, wird beim nächsten Lauf zu Ende geführt.", file=sys.stderr)
        return REFUSED
    except OSError as error:
        print(
            f"Schreiben oder Lesen ist gescheitert: {error}. Der veröffentlichte Stand ist unverändert.",
            file=sys.stderr,
        )
        return OUR_FAULT
    except Exception:
        traceback.print_exc()
        print("Das ist ein Fehler im Programm. Der veröffentlichte Stand ist unverändert.", file=sys.stderr)
        return OUR_FAULT
