"""What a check may know of earlier deliveries, read from the warehouse once for each year it asks for."""

from __future__ import annotations

from functools import cached_property

from intake.checking import Past
from intake.reasons import reason_of
from warehouse.access import Connection
from warehouse.loading import population_basis
from warehouse.past import Values, confirmed_findings, values_of_year
from warehouse.records import records_of


class KnownPast:
    """Earlier deliveries as the checks ask for them. Valid as long as nothing is loaded meanwhile."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.years: dict[int, dict[str, Values]] = {}

    @cached_property
    def past(self) -> Past:
        """The functions that `intake` calls."""
        return Past(
            values=lambda region, year: self._year(year).get(region, {}),
            population_basis=lambda region, year: population_basis(self.connection, region, year),
            peers=lambda region, year: [found for other, found in self._year(year).items() if other != region],
            records=lambda region, year: records_of(self.connection, region, year),
            reasons=lambda region, year: [reason_of(f) for f in confirmed_findings(self.connection, region, year)],
        )

    def _year(self, year: int) -> dict[str, Values]:
        if year not in self.years:
            self.years[year] = values_of_year(self.connection, year)
        return self.years[year]
