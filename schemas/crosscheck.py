"""Does the framework hang together? Every reference must resolve, every formula must be computable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas import definitions as d
from schemas.crosscheck_intervals import default_problems, interval_problems
from schemas.definitions_head import Head
from schemas.formula import Expression, FormulaError, SumOver, Term, parse_expression, parse_rule, rule_terms, terms
from schemas.shapes import TOTAL
from schemas.yaml_source import Located, Problem


def crosscheck(
    head: Head,
    loaded: Mapping[str, Mapping[str, Any]],
    fields_of: Mapping[str, Mapping[str, str]],
    where: Mapping[str, Located],
) -> list[Problem]:
    """All problems between entries; an empty list when the framework hangs together."""
    return list(_Crosscheck(head, loaded, fields_of, where).problems())


class _Crosscheck:
    def __init__(
        self,
        head: Head,
        loaded: Mapping[str, Mapping[str, Any]],
        fields_of: Mapping[str, Mapping[str, str]],
        where: Mapping[str, Located],
    ) -> None:
        self.head = head
        self.dimensions: Mapping[str, d.Dimension] = loaded["dimensions"]
        self.variables: Mapping[str, d.Variable] = loaded["variables"]
        self.rules: Mapping[str, d.Rule] = loaded["rules"]
        self.indicators: Mapping[str, d.Indicator] = loaded["indicators"]
        self.loaded = loaded
        self.fields_of = fields_of
        self.where = where

    def problems(self) -> Iterator[Problem]:
        yield from self._dimensions()
        yield from self._concepts()
        yield from self._fields()
        yield from self._variables()
        yield from self._signs()
        yield from default_problems(self.head.intervals, self.where["Head"], self.loaded)
        used = set()
        for code, indicator in self.indicators.items():
            at = self.where[f"Indicator:{code}"]
            found, expression = list(self._formula(at, "formula", indicator.formula)), None
            yield from found
            if not found:
                expression = parse_expression(indicator.formula)
                used |= {term.variable for term in terms(expression)}
                yield from self._indicator(indicator, expression, at)
                yield from interval_problems(indicator, at, self.head.intervals, self.variables, self._formula)
        for code, rule in self.rules.items():
            yield from self._rule(rule, self.where[f"Rule:{code}"])
        yield from self._unused(used)

    def _dimensions(self) -> Iterator[Problem]:
        for code, dimension in self.dimensions.items():
            at = self.where[f"Dimension:{code}"]
            if dimension.dynamic and (dimension.leaves or dimension.schemes):
                yield at.problem(
                    "Eine dynamische Gliederung bekommt ihre Ausprägungen von den Gebieten und darf keine nennen."
                )
            if not dimension.dynamic and bool(dimension.leaves) == bool(dimension.schemes):
                yield at.problem("Eine Gliederung hat entweder Ausprägungen (leaves) oder Schemata (schemes).")
            for scheme in dimension.schemes.values() or [dimension.scheme(None)]:
                for member in scheme.members():
                    if member not in dimension.members:
                        yield at.problem(f"Die Ausprägung „{member}“ hat unter „members“ keine Bezeichnung.")
                for aggregate, leaves in scheme.aggregates.items():
                    for leaf in leaves:
                        if leaf not in scheme.leaves:
                            yield at.problem(
                                f"Die Zusammenfassung „{aggregate}“ nennt „{leaf}“, das steht nicht unter leaves."
                            )
                    if not leaves:
                        yield at.problem(f"Die Zusammenfassung „{aggregate}“ ist leer.")

    def _concepts(self) -> Iterator[Problem]:
        for code, concept in self.loaded["concepts"].items():
            at = self.where[f"Concept:{code}"]
            for other in concept.against:
                yield from self._known(at, "against", other, "concepts")
                if other == code or code in getattr(self.loaded["concepts"].get(other), "against", {}):
                    yield at.problem(
                        f"„{code}“ und „{other}“ werden doppelt oder mit sich selbst verglichen.", "against"
                    )

    def _fields(self) -> Iterator[Problem]:
        for kind, model in (("variable", "Variable"), ("rule", "Rule"), ("indicator", "Indicator")):
            for code, field_code in self.fields_of[kind].items():
                if field_code not in self.loaded["fields"]:
                    yield self.where[f"{model}:{code}"].problem(f"Der Dateiname „{field_code}“ ist kein Handlungsfeld.")

    def _variables(self) -> Iterator[Problem]:
        for code, variable in self.variables.items():
            at = self.where[f"Variable:{code}"]
            yield from self._known(at, "source", variable.source, "sources")
            yield from self._known(at, "period", variable.period, "periods")
            if variable.concept:
                yield from self._known(at, "concept", variable.concept, "concepts")
            if variable.lowest_level not in self.head.levels:
                yield at.problem(f"Die Ebene „{variable.lowest_level}“ gibt es nicht.", "lowest_level")
            if not variable.tables:
                yield at.problem(
                    "Ein Merkmal braucht mindestens eine Tabelle; ohne Gliederung steht dort [[]].", "tables"
                )
            dims = {dimension for table in variable.tables for dimension in table}
            for dimension in variable.asked_since:
                if dimension not in dims:
                    yield at.problem(f"Die Gliederung „{dimension}“ steht in keiner Tabelle.", "asked_since")
                if not any(dimension not in table for table in variable.tables):
                    yield at.problem(
                        f"Vor dem Jahr, ab dem nach {dimension} gefragt wird, bleibt keine Tabelle übrig.",
                        "asked_since",
                    )
            for dimension in sorted(dims | set(variable.schemes) | set(variable.members)):
                yield from self._variable_dimension(at, variable, dimension, dimension in dims)

    def _variable_dimension(self, at: Located, variable: d.Variable, code: str, delivered: bool) -> Iterator[Problem]:
        dimension = self.dimensions.get(code)
        if dimension is None:
            yield at.problem(f"Die Gliederung „{code}“ gibt es nicht.", "tables")
            return
        if not delivered:
            yield at.problem(f"Die Gliederung „{code}“ ist genannt, steht aber in keiner Tabelle.")
            return
        scheme = variable.schemes.get(code)
        if dimension.schemes and scheme not in dimension.schemes:
            yield at.problem(f"„schemes“ muss ein Schema von {code} nennen ({', '.join(dimension.schemes)}).")
            return
        known = dimension.scheme(scheme).members()
        for member in variable.members.get(code, ()):
            if member not in known:
                yield at.problem(f"Die Ausprägung „{member}“ gibt es in {code} nicht.", "members")

    def _signs(self) -> Iterator[Problem]:
        statuses = self.loaded["statuses"]
        for code, profile in self.loaded["sign_profiles"].items():
            at = self.where[f"SignProfile:{code}"]
            for status in (*profile.signs, *profile.suffixes.values(), profile.brackets):
                if status not in statuses:
                    yield at.problem(f"Den Status „{status}“ gibt es nicht.")
            seen: dict[str, str] = {}
            for status, variants in profile.signs.items():
                for sign in variants:
                    if seen.setdefault(sign, status) != status:
                        yield at.problem(f"Das Zeichen „{sign}“ hat zwei Bedeutungen ({seen[sign]}, {status}).")

    def _known(self, at: Located, key: str, code: str, kind: str) -> Iterator[Problem]:
        if code not in self.loaded[kind]:
            yield at.problem(f"„{code}“ gibt es unter {kind} nicht.", key)

    def _formula(self, at: Located, key: str, text: str) -> Iterator[Problem]:
        try:
            found = rule_terms(parse_rule(text)) if key == "expression" else tuple(terms(parse_expression(text)))
        except FormulaError as error:
            yield at.problem(str(error), key)
            return
        for term in dict.fromkeys(found):
            yield from self._term(at, key, term)

    def _term(self, at: Located, key: str, term: Term) -> Iterator[Problem]:
        variable = self.variables.get(term.variable)
        if variable is None:
            yield at.problem(f"Das Merkmal „{term.variable}“ gibt es nicht.", key)
            return
        dims = {dimension for table in variable.tables for dimension in table}
        for dimension, member in term.members:
            if dimension not in dims:
                yield at.problem(f"{term.variable} wird nicht nach {dimension} geliefert.", key)
            elif not self._member_possible(variable, dimension, member):
                yield at.problem(f"{term.variable} hat keine Ausprägung {dimension}={member}.", key)

    def _member_possible(self, variable: d.Variable, code: str, member: str) -> bool:
        dimension = self.dimensions.get(code)
        if dimension is None or dimension.dynamic or member == TOTAL:
            return True
        if dimension.schemes and variable.schemes.get(code) not in dimension.schemes:
            return True  # reported at the variable
        scheme = dimension.scheme(variable.schemes.get(code))
        listed = variable.members.get(code)
        if listed is None:
            return member in scheme.members()
        return member in listed or set(scheme.aggregates.get(member, [member])) <= set(listed)

    def _indicator(self, indicator: d.Indicator, formula: Expression, at: Located) -> Iterator[Problem]:
        yield from self._known(at, "period", indicator.period, "periods")
        for pitfall in indicator.pitfalls:
            yield from self._known(at, "pitfalls", pitfall, "pitfalls")
        for dimension in indicator.breakdowns:
            for term in terms(formula):
                dims = {code for table in self.variables[term.variable].tables for code in table}
                if dimension not in dims:
                    yield at.problem(
                        f"Die Gliederung nach {dimension} ist nicht möglich: {term.variable} wird nicht danach geliefert.",
                        "breakdowns",
                    )
        if indicator.gap and indicator.gap.dimension not in indicator.breakdowns:
            yield at.problem(f"Zum Abstand (gap) gehört eine Gliederung nach {indicator.gap.dimension}.", "gap")
        yield from self._sums(at, "formula", formula)

    def _rule(self, rule: d.Rule, at: Located) -> Iterator[Problem]:
        found = list(self._formula(at, "expression", rule.expression))
        yield from found
        if found:
            return
        statement = parse_rule(rule.expression)
        yield from self._sums(at, "expression", statement.left)
        yield from self._sums(at, "expression", statement.right)
        for dimension in rule.for_each:
            dims = {c for t in rule_terms(statement) for table in self.variables[t.variable].tables for c in table}
            if dimension not in dims:
                yield at.problem(f"for_each nennt {dimension}, wonach kein Glied der Regel geliefert wird.", "for_each")

    def _sums(self, at: Located, key: str, expression: Expression) -> Iterator[Problem]:
        if isinstance(expression, SumOver):
            inner = [t.variable for t in terms(expression.expression) if expression.dimension not in t.selected()]
            having = [v for v in inner if any(expression.dimension in table for table in self.variables[v].tables)]
            if not having:
                yield at.problem(f"Kein Glied in sum(…, {expression.dimension}) hat diese Gliederung.", key)
            for variable in having:
                if expression.dimension in self.variables[variable].members:
                    yield at.problem(
                        f"{variable} nennt eigene Ausprägungen von {expression.dimension}: sie müssen kein Ganzes ergeben.",
                        key,
                    )
            return
        for part in ("left", "right"):
            if hasattr(expression, part):
                yield from self._sums(at, key, getattr(expression, part))
        for argument in getattr(expression, "arguments", ()):
            yield from self._sums(at, key, argument)

    def _unused(self, used: set[str]) -> Iterator[Problem]:
        for code, variable in self.variables.items():
            if code not in used and not variable.auxiliary:
                yield self.where[f"Variable:{code}"].problem(
                    "Kein Indikator verwendet dieses Merkmal; ist das gewollt, steht hier „auxiliary: true“."
                )
            if code in used and variable.auxiliary:
                yield self.where[f"Variable:{code}"].problem(
                    "Das Merkmal ist als auxiliary bezeichnet, ein Indikator verwendet es aber.", "auxiliary"
                )
