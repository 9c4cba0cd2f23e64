"""The commands of the operation: alive, watch, doctor, board, remind. Imports stand inside, as in `commands`."""

from __future__ import annotations

import json
from argparse import Namespace
from datetime import date

from flows.settings import InputRefused, load_settings
from flows.wording import say, text


def run_alive(options: Namespace) -> int:
    """The dead-man check: 0 all is well, 1 something is wrong (and an alarm was sent). With --quiet only trouble talks."""
    from flows.alarm_settings import load_alarm_settings
    from flows.heartbeat import report_alive

    root = load_settings().root
    alive = report_alive(root, load_alarm_settings(root))
    if not (options.quiet and alive.ok):
        say(alive.text())
    return 0 if alive.ok else 1


def run_watch(options: Namespace) -> int:
    """Look into the inbox every few seconds and answer what came, until stopped."""
    from flows import watching

    settings = watching.quick(load_settings())
    say(text("say.watching", folder=settings.root / "raw" / "inbox", seconds=f"{options.poll:g}"))
    stop = watching.stop_on_signals()
    watching.watch(settings, lambda: watching.run_once(settings, say), poll_seconds=options.poll, stop=stop)
    return 0


def run_doctor(options: Namespace) -> int:
    """Is this machine fit? 0 yes, 1 there is something to mend."""
    from flows import doctor

    found = doctor.checks(load_settings())
    if options.json:
        say(json.dumps(doctor.as_records(found), ensure_ascii=False, indent=1))
    else:
        say(doctor.as_text(found))
    return doctor.exit_code(found)


def run_board(options: Namespace) -> int:
    """Write the board page and say the counts."""
    from flows import board, board_page
    from flows.misplaced import misplaced_files, misplaced_folders, misplaced_lines
    from schemas.loading import load_framework

    settings, framework = load_settings(), load_framework()
    years = [options.year] if options.year else []
    boards = list(board.make_boards(settings.root, framework, years, date.today()))
    if options.json:
        records = [record for found in boards for record in board.as_records(found)]
        say(json.dumps(records, ensure_ascii=False, indent=1, default=str))
        return 0
    lost = misplaced_files(settings.root)
    path = settings.reports / "board.html"
    page = board_page.write_page(boards, framework, path, sample=settings.sample, misplaced=misplaced_folders(lost))
    say("\n".join([*map(board.as_text, boards), *misplaced_lines(lost), text("say.board", path=page)]))
    return 0


def run_remind(options: Namespace) -> int:
    """Write or send the reminders that are due; 1 when an address is missing or a mail could not be sent."""
    from flows.alarm_settings import load_alarm_settings
    from flows.board import make_boards
    from flows.deadlines import Calendar
    from flows.reminders import remind
    from schemas.loading import load_framework

    try:
        today = date.fromisoformat(options.date) if options.date else date.today()
    except ValueError as error:
        raise InputRefused(text("refused.day", typed=options.date)) from error
    settings, framework = load_settings(), load_framework()
    years = Calendar(framework).open_years(today)
    boards = list(make_boards(settings.root, framework, years, today)) if years else []
    result = remind(settings.root, framework, boards, load_alarm_settings(settings.root))
    if not options.quiet or result.drafts or result.errors:
        say(result.text())
    return 1 if result.errors or result.without_address else 0
