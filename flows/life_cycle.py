"""The commands about the framework itself: what changes from year to year, and how its rules prove themselves.

Imports stand inside the functions, as in `commands`.
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from flows.settings import InputRefused, load_settings
from flows.wording import say, text


def run_changes(options: Namespace) -> int:
    """Say, or write as Markdown, what differs between two reporting years or two folders."""
    from flows.framework_changes import as_markdown
    from schemas.changes import State
    from schemas.loading import load_framework

    after = load_framework()
    before = after
    if options.against:
        folder = Path(options.against)
        if not folder.is_dir():
            raise InputRefused(text("changes.no_folder", folder=options.against))
        before = load_framework(folder)
    note = as_markdown(State(before, options.before), State(after, options.after))
    if options.output:
        Path(options.output).write_text(note + "\n", encoding="utf-8")
        say(text("changes.written", path=options.output))
    else:
        say(note)
    return 0


def run_rules(options: Namespace) -> int:
    """Say how often each rule asked, and what came of it."""
    from flows.rule_review import as_records, as_text, reviews
    from schemas.loading import load_framework
    from warehouse.rule_hits import deliveries_by_year, rule_hits
    from warehouse.snapshot import open_snapshot

    framework = load_framework()
    with open_snapshot(load_settings().root) as snapshot:
        tried = deliveries_by_year(snapshot.connection)
        found = reviews(framework, rule_hits(snapshot.connection), tried)
    if options.json:
        say(json.dumps(as_records(found), ensure_ascii=False, indent=1))
    else:
        say(as_text(found, sum(tried.values())))
    return 0
