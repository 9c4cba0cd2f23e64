"""The command `monitor`. Heavy packages are imported by the command that needs them, so that help and status are quick.

Exit codes: 0 clean, 1 findings (something was returned or needs an eye), 2 refused or failed input (nothing done),
3 our own fault.
"""

from __future__ import annotations

import argparse
import gc
import sys
import traceback
from collections.abc import Sequence

from flows.wording import LANGUAGES, answered, asked_language, speaking
from flows.wording import text as t

CLEAN, FINDINGS, REFUSED, OUR_FAULT = 0, 1, 2, 3
_OBJECTS = 50000
"""New objects before Python looks for circles among them: a framework and a workbook are many small ones that live on."""


def parser() -> argparse.ArgumentParser:
    """All commands with their help in the language asked for."""
    main_parser = argparse.ArgumentParser(
        prog="monitor",
        description=t("program.description"),
        epilog=t("program.codes"),
    )
    commands = main_parser.add_subparsers(dest="command", required=True, metavar=t("program.command"))

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text)

    form = add("form", t("help.form"))
    form.add_argument("--region", required=True, help=t("help.form_region"))
    form.add_argument("--year", required=True, type=int, help=t("help.year"))
    form.add_argument("--blank", action="store_true", help=t("help.form_blank"))
    form.add_argument("--registers-only", action="store_true", help=t("help.form_registers"))
    form.add_argument("-o", "--output", required=True, help=t("help.form_output"))
    check = add("check", t("help.check"))
    check.add_argument("files", nargs="+", metavar=t("program.file"))
    check.add_argument("--json", action="store_true", help=t("help.json"))
    check.add_argument("--sender", default="", help=t("help.check_sender"))
    layout = add("layout", t("help.layout"))
    layout.add_argument("action", choices=("suggest",), metavar="suggest", help=t("help.layout_action"))
    layout.add_argument("file", metavar=t("program.file"))
    layout.add_argument("-o", "--output", help=t("help.layout_output"))
    add("ingest", t("help.ingest"))
    add("compute", t("help.compute"))
    add("nightly", t("help.nightly"))
    serve = add("serve", t("help.serve"))
    serve.add_argument("--cron", default="0 2 * * *", help=t("help.serve_cron"))
    report = add("report", t("help.report"))
    report.add_argument("--year", required=True, type=int, help=t("help.year"))
    report.add_argument("--as-of", help=t("help.report_as_of"))
    report.add_argument("--out", help=t("help.report_out"))
    status = add("status", t("help.status"))
    status.add_argument("--year", type=int, help=t("help.only_year"))
    status.add_argument("--json", action="store_true", help=t("help.json"))
    withdraw = add("withdraw", t("help.withdraw"))
    withdraw.add_argument("submission", metavar=t("help.withdraw_submission"))
    withdraw.add_argument("--reason", required=True, help=t("help.withdraw_reason"))
    withdraw.add_argument("--who", required=True, help=t("help.withdraw_who"))
    revisions = add("revisions", t("help.revisions"))
    revisions.add_argument("--since", required=True, metavar=t("help.revisions_moment"), help="ISO, UTC")
    backup = add("backup", t("help.backup"))
    backup.add_argument("folder", metavar=t("program.folder"))
    restore = add("restore", t("help.restore"))
    restore.add_argument("folder", metavar=t("program.folder"))
    why = add("why", t("help.why"))
    why.add_argument("indicator", help=t("help.why_indicator"))
    why.add_argument("region", help=t("help.why_region"))
    why.add_argument("year", type=int)
    why.add_argument("members", nargs="*", metavar=t("help.why_pair"), help=t("help.why_members"))
    why.add_argument("--json", action="store_true", help=t("help.json"))
    watch = add("watch", t("help.watch"))
    watch.add_argument("--poll", type=float, default=10.0, metavar=t("help.watch_seconds"), help=t("help.watch_poll"))
    alive = add("alive", t("help.alive"))
    alive.add_argument("--quiet", action="store_true", help=t("help.alive_quiet"))
    doctor = add("doctor", t("help.doctor"))
    doctor.add_argument("--json", action="store_true", help=t("help.json"))
    board = add("board", t("help.board"))
    board.add_argument("--year", type=int, help=t("help.only_year"))
    board.add_argument("--json", action="store_true", help=t("help.json"))
    remind = add("remind", t("help.remind"))
    remind.add_argument("--date", metavar=t("help.remind_day"), help=t("help.remind_date"))
    remind.add_argument("--quiet", action="store_true", help=t("help.remind_quiet"))
    changes = add("changes", t("help.changes"))
    changes.add_argument("--from", dest="before", required=True, type=int, help=t("help.changes_from"))
    changes.add_argument("--to", dest="after", required=True, type=int, help=t("help.changes_to"))
    changes.add_argument("--against", metavar=t("program.folder"), help=t("help.changes_against"))
    changes.add_argument("-o", "--output", help=t("help.changes_output"))
    rules = add("rules", t("help.rules"))
    rules.add_argument("--json", action="store_true", help=t("help.json"))
    audit = add("audit", t("help.audit"))
    audit.add_argument("--exact", action="store_true", help=t("help.audit_exact"))
    audit.add_argument("--json", action="store_true", help=t("help.json"))
    add("demo", t("help.demo"))
    for command in (main_parser, *commands.choices.values()):  # looked for before parsing: help has a language too
        command.add_argument("--lang", choices=LANGUAGES, default=None, help=t("help.lang"))
    return main_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    gc.set_threshold(_OBJECTS)
    with speaking(asked_language(sys.argv[1:] if arguments is None else arguments)):
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    options = parser().parse_args(arguments)
    from flows import commands
    from flows.auditing import ReleaseBlocked

    try:
        return int(getattr(commands, f"run_{options.command}")(options))
    except commands.refusals() as error:
        print(t("program.refused", why=answered(str(error))), file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print(t("program.interrupted"), file=sys.stderr)
        return REFUSED
    except ReleaseBlocked as error:
        print(error, file=sys.stderr)
        return OUR_FAULT
    except OSError as error:
        print(t("program.disk", why=answered(str(error))), file=sys.stderr)
        return OUR_FAULT
    except Exception:
        traceback.print_exc()
        print(t("program.fault"), file=sys.stderr)
        return OUR_FAULT
