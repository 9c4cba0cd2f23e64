"""Targets of an action plan (Handlungskonzept), and with what their progress is judged, as data of the framework."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.entry import Code, Entry, EntryCode, Text, Year

Kind = Literal["value", "interval", "hold", "direction"]
"""A value by a year, an interval by a year, a value (or interval) to be held every year, the direction alone."""
Direction = Literal["at_least", "at_most"]
Symbol = Literal["sun", "partly_cloudy", "cloud", "thunderstorm"]
"""Weather symbols of the German sustainability strategy, best first."""
GrowthClass = Literal["achieved", "on_track", "acceleration_needed", "limited", "deterioration"]
"""Classes of the ratio of growth rates (Open SDG), best first."""
SYMBOLS: tuple[Symbol, ...] = ("sun", "partly_cloudy", "cloud", "thunderstorm")
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class Names(Entry):
    """Name in both languages."""

    de: Text
    en: Text


class Step(Entry):
    """What is to be reached, and by when. `upper` makes it an interval; a target to be held has no year."""

    value: float
    upper: float | None = None
    year: Year | None = None


class Baseline(Entry):
    """Where it began: the year, and the value that the plan names (without it the computed one)."""

    year: Year
    value: float | None = None


class Target(Entry):
    """One target: of the regions named, or of every unit or group of one of the `kinds`.

    Several `steps` are several target years of one target. `direction` may be left out where the indicator says itself
    which way is better. `since`, `until`: reporting years for which progress is judged.
    """

    id: EntryCode
    title_de: Text
    title_en: str = ""
    regions: list[Text] = []
    kinds: list[Text] = []
    indicator: EntryCode
    members: dict[Code, Text] = {}
    kind: Kind
    direction: Direction | None = None
    steps: list[Step] = []
    baseline: Baseline | None = None
    since: Year | None = None
    until: Year | None = None


class Weather(Entry):
    """Rule of the weather symbols: points looked at, fewest points, share of the way that may be missed."""

    points: Annotated[int, Field(ge=2)] = 6
    fewest: Annotated[int, Field(ge=2)] = 4
    sun_below: Share = 0.05
    partly_cloudy_up_to: Share = 0.20


class Growth(Entry):
    """Rule of the growth rates: bounds of the ratio to the required rate, and of the yearly rate without a target year."""

    on_track: Positive = 0.95
    acceleration_needed: Positive = 0.60
    on_track_yearly: Positive = 0.015
    acceleration_needed_yearly: Positive = 0.005
    in_place_of_zero: Positive = 0.001


class TargetRules(Entry):
    """targets.yaml. A symbol is jumping when it changed at least `jumping` times within the last `remembered` years.
    `targets`: those of the programme as a whole; regions bring their own beside."""

    weather: Weather = Weather()
    growth: Growth = Growth()
    remembered: Annotated[int, Field(ge=2)] = 5
    jumping: Annotated[int, Field(ge=1)] = 2
    symbols: dict[Symbol, Names] = {}
    growth_classes: dict[GrowthClass, Names] = {}
    note_de: str = ""
    note_en: str = ""
    targets: list[Target] = []
