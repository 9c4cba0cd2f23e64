"""Compute every indicator for every region, year and delivered breakdown in a handful of set-based statements.

Sum first, divide last: aggregates (programme regions, the Land) add up the terms of their members and divide the sums.
A member counts only when it has all terms of the formula; how many of how many members did stands beside the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace

import duckdb
import pyarrow as pa

from indicators.coded import plain
from indicators.confidentiality import judged_statement, published_statement
from indicators.convergence import years_reached
from indicators.derived import BY_REGION, PARTS, derived_tables, table_name
from indicators.evaluating import PROFILE_CELLS, Evaluation, evaluated
from indicators.former import SYMBOLS
from indicators.profile import PROJECTION_FILE, hidden_before, profile_statements, read_projection
from indicators.protection.applying import protect_computation
from indicators.protection.memory import Memory
from indicators.protection.reporting import PROFILE_HIDDEN, Protection
from indicators.registers import published_registers
from indicators.remembered import LARGE, give_back, without_collecting
from indicators.standing import Anew, what_is_anew
from indicators.window import TooNarrow, Window, Years, listed
from schemas import sql
from schemas.framework_model import Framework
from schemas.shapes import Registers, Slice
from schemas.tables_asked import as_they_lie
from schemas.targets import target_table

RESULT_TABLES = (
    "indicator_value",
    "indicator_published",
    "series_break",
    *(table_name(whose, part) for part in PARTS for whose in ("indicator", "published")),
    "profile_value",
    "published_profile",
    "cell_protection",
)
_VALUES = ("indicator_value", "indicator_published")
_GAPS = tuple(table_name(whose, "gap") for whose in ("indicator", "published"))
_CONVERGENCE = tuple(table_name(whose, "convergence") for whose in ("indicator", "published"))
_PROTECTION = "cell_protection"
_TRENDS = frozenset(
    table_name(whose, part) for part in ("trend", "trend_today") for whose in ("indicator", "published")
)
_BY_REGION = frozenset(table_name(whose, part) for part in BY_REGION for whose in ("indicator", "published"))


@dataclass(frozen=True)
class Beside:
    """What is known beside the values: targets of the regions (shape of `schemas.targets`), a projection of the
    population (`indicators.profile.PROJECTION`), the ledger of earlier releases (`indicators.protection.ledger`), the
    symbols that earlier releases showed (`indicators.former.SYMBOLS`), the delivered registers, what the last protection
    found (`proofs`: it makes this one faster, never different, and takes in what this one finds). `stands`: the result
    tables of the connection were computed by this code with the same framework, targets and projection. `changed`: where
    they stand and the ledger holds what that computation told and nothing else, the years of which the source is not as it
    was then, and those that it left unsettled; None: possibly all."""

    targets: pa.Table | None = None
    projection: pa.Table | None = None
    ledger: pa.Table | None = None
    symbols: pa.Table | None = None
    registers: Registers = field(default_factory=Registers)
    proofs: Memory | None = None
    stands: bool = False
    changed: Years | None = None


@dataclass(frozen=True)
class Results:
    """The computed tables by name, with the columns of design 3.4. `anew`: the regions of which anything is not as in
    the result tables of the connection; None: possibly all. `window`: the years that were looked at; None: all.
    `compared`: the years in which regions were compared, where some are spared."""

    tables: Mapping[str, pa.Table]
    protection: Protection
    anew: frozenset[str] | None = None
    window: Window | None = None
    compared: Years | None = None

    @property
    def partial(self) -> Mapping[str, Slice]:
        """Tables that hold some rows alone, with these."""
        found = {} if self.anew is None else dict.fromkeys(sorted(_BY_REGION), Slice(regions=self.anew))
        if self.window is not None:
            found |= dict.fromkeys((*_VALUES, _PROTECTION), Slice(years=self.window.made))
            found |= dict.fromkeys(_GAPS, Slice(years=self.window.beside))
        if self.compared is not None:
            found |= dict.fromkeys(_CONVERGENCE, Slice(years=self.compared))
        return found

    @property
    def changed(self) -> Mapping[str, Slice]:
        """Tables whose other rows are those of the result tables, with the rows that may not be."""
        if self.anew is None:
            return {}
        years = None if self.window is None else self.window.made
        return {**self.partial, **dict.fromkeys(_VALUES, Slice(self.anew, years))}

    @property
    def values(self) -> pa.Table:
        """indicator_value: one row per region, year, indicator and members; laid-down ones as they lie."""
        return as_they_lie(self.tables, "indicator_value")

    @property
    def gaps(self) -> pa.Table:
        """indicator_gap: focus against reference, per region, year, indicator and other members."""
        return self.tables["indicator_gap"]

    @property
    def published(self) -> pa.Table:
        """indicator_published: value or sign, what may leave the house; laid-down ones as they lie."""
        return as_they_lie(self.tables, "indicator_published")


def row_order(framework: Framework, table: str) -> str:
    """SQL clause: the order in which a computation makes the rows, for the tables of which it may make some rows alone;
    the rows of all other tables lie in that order."""
    dims = sql.dimension_columns(framework)
    if table in _VALUES:
        return f"ORDER BY {', '.join(['indicator', 'region', 'year', *dims])}"
    if table in _TRENDS:
        return f"ORDER BY {', '.join(['region', 'indicator', *dims, 'year', 'change', 'period'])}"
    return "ORDER BY ALL" if table in {*_BY_REGION, *_GAPS, *_CONVERGENCE} else ""


@without_collecting()
def compute(
    connection: duckdb.DuckDBPyConnection,
    framework: Framework,
    source: str,
    codes: Sequence[str] | None = None,
    beside: Beside | None = None,
    into: MutableMapping[str, pa.Table] | None = None,
) -> Results:
    """Compute all indicators (or `codes`) from the relation `source` (the view `observation` of design 3.4).

    Works on temporary tables of the given connection only; nothing is written to the database file. `into`:
    what the tables are put into (see `laying_down`), with texts as numbers; by themselves they stay in memory.
    """
    known = beside or Beside()
    found = _narrow_values(connection, framework, source, codes, known)
    # not where the error is caught: it would hold all that was computed until then
    run, protection, anew = found or _values(connection, framework, source, codes, replace(known, changed=None))
    give = _giving_back(connection)
    tables: MutableMapping[str, pa.Table] = {} if into is None else into
    for name, table in _tables(run, give, anew):
        tables[name] = plain(table) if into is None else table
        del table
    tables.update(published_registers(framework, known.registers))
    give()
    if anew is None:
        return Results(tables, protection, window=run.window)
    return Results(tables, protection, anew.regions, run.window, years_reached(framework, anew.years))


def _narrow_values(
    connection: duckdb.DuckDBPyConnection, framework: Framework, source: str, codes: Sequence[str] | None, known: Beside
) -> tuple[Evaluation, Protection, Anew | None] | None:
    """The same as `_values`, of the years that a change reaches alone; None where that does not do."""
    if known.changed is None or not (known.proofs and known.proofs.parts):
        return None
    try:
        return _values(connection, framework, source, codes, known)
    except TooNarrow:
        return None


def _values(
    connection: duckdb.DuckDBPyConnection, framework: Framework, source: str, codes: Sequence[str] | None, known: Beside
) -> tuple[Evaluation, Protection, Anew | None]:
    """Figures and profiles, for the house and published, and what of them is not as it is stored. Raises TooNarrow
    where more years are concerned than those looked at."""
    run = evaluated(connection, framework, source, codes, known.changed if known.stands else None)
    _register_beside(connection, framework, known)
    connection.execute(judged_statement(framework))
    proofs = known.proofs
    protection = protect_computation(
        connection, framework, run.whole, known.ledger, run.plans.sides, proofs, run.window
    )
    made = "true" if run.window is None else f"v.year IN {listed(run.window.made)}"
    connection.execute(published_statement(framework, made))
    if run.window is not None:
        connection.execute(hidden_before(PROFILE_HIDDEN, run.window.made))
    for statement in profile_statements(framework, protected=PROFILE_HIDDEN, cells=PROFILE_CELLS):
        connection.execute(statement)
    if run.window is not None:
        for name in ("indicator_value", _PROTECTION):
            connection.execute(f"DELETE FROM calc_{name} WHERE year NOT IN {listed(run.window.made)}")
    run.forget_cells()
    connection.execute("DROP VIEW calc_indicator_judged")
    run.forget("told", "evaluated", "support", "reported", "coverage", "state", "profile_count")
    return run, protection, what_is_anew(connection, run.window) if known.stands else None


def values_alone(
    connection: duckdb.DuckDBPyConnection, framework: Framework, source: str, codes: Sequence[str] | None = None
) -> pa.Table:
    """indicator_value without what follows from it: nothing is protected, so none of it may leave the house."""
    evaluated(connection, framework, source, codes)
    return plain(connection.sql("FROM calc_indicator_value").to_arrow_table())


def _register_beside(connection: duckdb.DuckDBPyConnection, framework: Framework, beside: Beside) -> None:
    """`calc_target` (of the programme and of the regions), `calc_projection` (of the framework folder and given),
    `calc_symbol`."""
    own = target_table(framework, framework.targets.targets)
    projected = read_projection(framework.folder / PROJECTION_FILE, framework)
    for name, first, more in (
        ("calc_target", own, beside.targets),
        ("calc_projection", projected, beside.projection),
    ):
        connection.register(name, first if more is None else pa.concat_tables([first, more]))
    connection.register("calc_symbol", SYMBOLS.empty_table() if beside.symbols is None else beside.symbols)


def _tables(run: Evaluation, give_back: Callable[[], None], anew: Anew | None) -> Iterator[tuple[str, pa.Table]]:
    """Name and rows of every result table, each given up when it is read."""
    derived = {table_name(whose, part) for part in PARTS for whose in ("indicator", "published")}
    yield from derived_tables(run.connection, run.framework, give_back, anew=anew, window=run.window)
    for name in RESULT_TABLES:
        if name not in derived:
            yield name, run.connection.sql(f"FROM calc_{name}").to_arrow_table()
            run.forget(name)


def _giving_back(connection: duckdb.DuckDBPyConnection) -> Callable[[], None]:
    """Returns memory to the system before the next large step, where there are so many figures that it is worth the time."""
    ((large,),) = connection.execute(f"SELECT count(*) > {LARGE} FROM calc_indicator_value").fetchall()
    return (lambda: give_back(connection)) if large else (lambda: None)
