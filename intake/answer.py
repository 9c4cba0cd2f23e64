"""Write the answer to the sender: in the same run for every file that came in, also when all is well."""

from __future__ import annotations

import json
import os
from pathlib import Path

from intake.checked_workbook import write_checked
from intake.checking import from_wrong_folder
from intake.page_templates import template
from intake.protocol import checked_name
from intake.reply import EarlierDelivery, as_text, machine_twin, receipt
from intake.rules import Known
from schemas.framework_model import Framework
from schemas.shapes import CheckedDelivery


def write_reply(
    framework: Framework,
    delivery: CheckedDelivery,
    outbox: Path,
    duplicate_of: str = "",
    before: EarlierDelivery | None = None,
    source: Path | None = None,
    last_year: Known | None = None,
    answered: bool | None = None,
) -> list[Path]:
    """Write receipt (HTML, text), machine twin and, from `source`, the sender's own workbook with marks.

    Each file appears whole or not at all. `before` is the delivery before this one, `last_year` what was accepted for the
    year before: not shown to a sender whose folder is not the region's own. `answered`: see `write_checked`. Returns the
    paths.
    """
    if from_wrong_folder(delivery):
        last_year = None
    content = receipt(framework, delivery, duplicate_of, before)
    folder = outbox / (delivery.submission.sender or "unbekannt")
    folder.mkdir(parents=True, exist_ok=True)
    kind = "Bereits_eingegangen" if duplicate_of else "Eingangsbestaetigung"
    base = f"{kind}_{delivery.submission.id}"
    files = {
        folder / f"{base}.html": template("receipt.html").render(r=content),
        folder / f"{base}.txt": as_text(content),
        folder / f"{base}.json": json.dumps(machine_twin(framework, delivery), ensure_ascii=False, indent=1) + "\n",
    }
    for path, text in files.items():
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    written = list(files)
    if source is not None and not duplicate_of:
        target = folder / f"{delivery.submission.id}_{checked_name(delivery.submission.file_name)}"
        earlier = before.findings if before else ()
        marked = write_checked(source, target, framework, delivery, earlier, last_year, answered=answered)
        written += [marked] if marked else []
    return written
