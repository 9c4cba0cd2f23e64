"""Take a delivery back: its values stop counting from now on, and what it had replaced counts again. Nothing is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warehouse.access import Connection, rows, transaction
from warehouse.delivery_tables import ACCEPTED
from warehouse.history import next_moment, scope_table, settle
from warehouse.places import WarehouseError
from warehouse.records import register_places, settle_registers


class WithdrawalRefused(WarehouseError):
    """This delivery cannot be withdrawn, or not in this way."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What a withdrawal did; `already` when the delivery had been withdrawn before and nothing was done."""

    submission_id: str
    withdrawn_at: datetime
    values_closed: int = 0
    values_reopened: int = 0
    already: bool = False


def withdraw(connection: Connection, submission_id: str, reason: str, who: str, now: datetime) -> Withdrawal:
    """Withdraw an accepted delivery; doing it twice equals doing it once. Raises WithdrawalRefused.

    The values become those that would count had the delivery never come. Its row in the ledger stays and says when, by
    whom and why it was withdrawn. The same file may be delivered again later; it is then a new delivery.
    """
    if not reason.strip() or not who.strip():
        raise WithdrawalRefused("Zu einer Rücknahme gehören eine Begründung und ein Name.")
    query = "SELECT verdict, withdrawn_at, region, year, nil_return FROM submission WHERE id = ?"
    found = rows(connection, query, [submission_id])
    if not found:
        raise WithdrawalRefused(f"Die Lieferung {submission_id} ist nicht bekannt.")
    ((verdict, earlier, region, year, nil_return),) = found
    if verdict not in ACCEPTED:
        raise WithdrawalRefused(f"Die Lieferung {submission_id} wurde nicht angenommen; es gibt nichts zurückzunehmen.")
    if earlier is not None:
        return Withdrawal(submission_id, earlier, already=True)
    query = "SELECT DISTINCT region, year FROM observation_version WHERE submission_id = ?"
    scope = {(place, about) for place, about in rows(connection, query, [submission_id])}
    scope |= (brought := set(register_places(connection, submission_id)))
    if nil_return and year is not None:
        scope.add((region, year))
    moment = next_moment(connection, now)
    with transaction(connection):
        mark = "UPDATE submission SET withdrawn_at = ?, withdrawn_by = ?, withdrawn_reason = ? WHERE id = ?"
        connection.execute(mark, [moment, who.strip(), reason.strip(), submission_id])
        settle_registers(connection, scope_table(brought), moment)
        settled = settle(connection, scope, moment)
    return Withdrawal(submission_id, moment, settled.closed, settled.opened)
