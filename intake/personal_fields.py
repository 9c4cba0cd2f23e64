"""Notice a person's name, a private address or a mobile number in a field that will be published.

The words come from `personal.yaml` of the framework, so that an expert can add to them. They assist, they do not prove:
`NAME` is certain enough to send a delivery back, the other signs are questions that the sender may confirm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from schemas.entry import Entry, Text
from schemas.entry_reading import model_of
from schemas.framework_model import Framework
from schemas.loading import DEFAULT_FOLDER
from schemas.yaml_source import FrameworkError, Problem, read_yaml

FILE = "personal.yaml"
NAME, MAYBE_NAME, PRIVATE_MAIL, OWN_MAIL, MOBILE = "name", "maybe_name", "private_mail", "own_mail", "mobile"
"""Signs: a person's name; words that may be one; a free mailbox; the mailbox of one person at work; a mobile number."""

_CAPITAL = r"[A-ZÄÖÜÇŞİ][\wçğışöüß’'.-]*"
_RUN = re.compile(rf"{_CAPITAL}(?:[ \u00a0]{_CAPITAL})*")
_PARTS = re.compile(r"[;/|()\n]|, | und | u\. |: ")
_LAST_FIRST = re.compile(rf"\s*({_CAPITAL}(?: {_CAPITAL})?), ?({_CAPITAL})\s*")
_MAIL = re.compile(r"([\w.+-]+)@([\w-]+(?:\.[\w-]+)+)")
_NUMBER = re.compile(r"\+?\(?\d[\d ()/.\-\u2013]{6,}\d")
_COUNTRY = re.compile(r"^(?:\+49|0049)0?")
_SHORTEST_NUMBER = 10
_LONGEST_NAME = 4


class _Words(Entry):
    """The file."""

    organisation_words: list[Text] = []
    honorifics: list[Text] = []
    private_mail_domains: list[Text] = []
    mobile_prefixes: list[Text] = []
    given_names: list[Text] = []


@dataclass(frozen=True)
class PersonalWords:
    """The words of a framework, ready to be looked for."""

    organisations: tuple[str, ...]
    honorifics: frozenset[str]
    mailboxes: frozenset[str]
    mobile: tuple[str, ...]
    given: frozenset[str]

    def sign(self, text: str) -> tuple[str, str]:
        """The gravest sign in a text and the words that show it; two empty texts when there is none."""
        found = self._mail(text) or self._mobile(text) or self._name(_MAIL.sub(" ", text))
        return found or ("", "")

    def _mail(self, text: str) -> tuple[str, str] | None:
        for match in _MAIL.finditer(text):
            own = any(part.casefold() in self._lower for part in re.split(r"[._+-]", match[1]))
            if match[2].casefold() in self.mailboxes:
                return (NAME if own else PRIVATE_MAIL), match[0]
            if own:
                return OWN_MAIL, match[0]
        return None

    def _mobile(self, text: str) -> tuple[str, str] | None:
        for match in _NUMBER.finditer(text):
            number = _COUNTRY.sub("0", re.sub(r"[^\d+]", "", match[0]))
            if number.startswith(self.mobile) and len(number) >= _SHORTEST_NUMBER:
                return MOBILE, match[0].strip()
        return None

    def _name(self, text: str) -> tuple[str, str] | None:
        if (turned := _LAST_FIRST.fullmatch(text)) and turned[2] in self.given and not self._organisation(turned[1]):
            return NAME, text.strip()
        maybe = None
        for part in _PARTS.split(text):
            for run in _RUN.finditer(part):
                words = run[0].rstrip(".").split()
                title = next((n for n, word in enumerate(words) if self._honorific(word)), None)
                rest = [word for word in words[title or 0 :] if not self._honorific(word)]
                if not rest or len(rest) > _LONGEST_NAME or any(self._organisation(word) for word in rest):
                    continue
                if title is not None:
                    return NAME, run[0]
                if len(rest) > 1 and rest[0] in self.given:
                    if run[0] == part.strip():
                        return NAME, run[0]
                    maybe = maybe or (MAYBE_NAME, run[0])
        return maybe

    def _honorific(self, word: str) -> bool:
        return word in self.honorifics or word.rstrip(".") in self.honorifics or f"{word}." in self.honorifics

    def _organisation(self, word: str) -> bool:
        """A word of organisations, or one that ends in it (Sprachzentrum, Anne-Frank-Schule)."""
        lower = word.casefold().rstrip(".")
        return any(lower == known or (len(known) > 3 and lower.endswith(known)) for known in self.organisations)

    @cached_property
    def _lower(self) -> frozenset[str]:
        return frozenset(name.casefold() for name in self.given)


_known: dict[str, PersonalWords] = {}


def personal_words(framework: Framework) -> PersonalWords:
    """The words of a framework, loaded once per content; without a file of its own the shipped ones apply."""
    if framework.content_hash not in _known:
        _known[framework.content_hash] = _load(framework)
    return _known[framework.content_hash]


def _load(framework: Framework) -> PersonalWords:
    problems: list[Problem] = []
    own = framework.folder / FILE
    path = own if own.exists() else DEFAULT_FOLDER / FILE
    source = read_yaml(path, path.parent, problems)
    words = model_of(source, (), source.data if isinstance(source.data, Mapping) else {}, _Words, problems)
    if words is None or problems:
        raise FrameworkError(problems)
    return PersonalWords(
        organisations=tuple(word.casefold().rstrip(".") for word in words.organisation_words),
        honorifics=frozenset(words.honorifics),
        mailboxes=frozenset(domain.casefold() for domain in words.private_mail_domains),
        mobile=tuple(words.mobile_prefixes),
        given=frozenset(words.given_names),
    )
