"""What a check may know of earlier deliveries, read from the warehouse once for each year it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from intake.checking import Past
from intake.reasons import reason_of
from schemas.observations import Observations
from schemas.shapes import CheckedDelivery, Finding, Record
from warehouse.access import Connection
from warehouse.past import Values, confirmed_findings, population_bases, values_of_region, values_of_year
from warehouse.records import records_of_year

Found = TypeVar("Found")
OfYear = Mapping[str, Found]
"""Region -> what is known of it for a year."""


class KnownPast:
    """Earlier deliveries as the checks ask for them: what was read stays, until it is forgotten because of a load.

    `moment`: what was known then, and not what is known now. `few`: few deliveries come, so what a region itself said
    is read for it alone, all years at once, and not year by year for all regions.
    """

    def __init__(self, connection: Connection, moment: datetime | None = None, *, few: bool = False) -> None:
        self.connection = connection
        self.moment = moment
        self.few = few
        self.alone: dict[str, Mapping[int, Values]] = {}
        self.values: dict[int, OfYear[Values]] = {}
        self.bases: dict[int, OfYear[str]] = {}
        self.records: dict[int, OfYear[list[Record]]] = {}
        self.confirmed: dict[int, OfYear[list[Finding]]] = {}
        self.asked: set[int] = set()
        self.numbers: dict[tuple[str, int], str] = {}
        """The last number that was given to a delivery, by region and year of receipt."""

    @cached_property
    def past(self) -> Past:
        """The functions that `intake` calls."""
        return Past(
            values=self._of_region,
            population_basis=lambda region, year: self._once(self.bases, population_bases, year).get(region, ""),
            peers=lambda region, year: [found for other, found in self._values(year).items() if other != region],
            records=lambda region, year: self._once(self.records, records_of_year, year).get(region, []),
            reasons=lambda region, year: [
                reason_of(found) for found in self._once(self.confirmed, confirmed_findings, year).get(region, ())
            ],
        )

    def forget(self, loaded: Iterable[CheckedDelivery]) -> None:
        """Deliveries were loaded: what was read of the years they speak of no longer holds.

        A year that no check asked for since the last load is not kept either: the years of deliveries ascend.
        """
        kept, self.asked = self.asked, set()
        self.alone.clear()
        for delivery in loaded:
            kept -= {year for _, year in Observations.of(delivery.observations).by_place}
            kept -= {record.year for record in delivery.records}
            kept.discard(delivery.submission.year or 0)
        for known in (self.values, self.bases, self.records, self.confirmed):
            for year in known.keys() - kept:
                del known[year]

    def _of_region(self, region: str, year: int) -> Values:
        if not self.few or year in self.values:
            return self._values(year).get(region, {})
        if region not in self.alone:
            self.alone[region] = values_of_region(self.connection, region, self.moment)
        return self.alone[region].get(year, {})

    def _values(self, year: int) -> OfYear[Values]:
        return self._once(self.values, values_of_year, year)

    def _once(self, known: dict[int, OfYear[Found]], read: Callable[..., OfYear[Found]], year: int) -> OfYear[Found]:
        self.asked.add(year)
        if year not in known:
            known[year] = read(self.connection, year, self.moment)
        return known[year]
