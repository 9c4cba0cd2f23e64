"""The words of the data files: the texts of workbook, open data and changes beside those of the pages."""

from __future__ import annotations

from functools import cached_property

from report.wording import Wording, catalogue

PART = "data_"


class DataWording(Wording):
    """The wording of a language with the texts of `data_<lang>.yaml`."""

    @cached_property
    def texts(self) -> dict[str, str]:
        """Both catalogues; no key is in both."""
        return catalogue(self.lang) | catalogue(self.lang, PART)
