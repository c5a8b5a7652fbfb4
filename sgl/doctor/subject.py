"""`Subject`: what a check looks at; makes its findings."""

from __future__ import annotations

from typing import NamedTuple

from sgl.doctor.finding import Datum, Finding, Group, Status


class Subject(NamedTuple):
    """The fields that every finding of one check has in common; see `Finding`."""

    code: str
    group: Group
    title: str

    def ok(self, detail: str, **data: Datum) -> Finding:
        """All is well."""
        return self._finding("ok", detail, "", data)

    def skip(self, detail: str, remedy: str = "", **data: Datum) -> Finding:
        """It could not be looked at, or does not matter here; the detail says why."""
        return self._finding("skip", detail, remedy, data)

    def warn(self, detail: str, remedy: str, **data: Datum) -> Finding:
        """It works, not as well as it could."""
        return self._finding("warn", detail, remedy, data)

    def error(self, detail: str, remedy: str, **data: Datum) -> Finding:
        """It will fail."""
        return self._finding("error", detail, remedy, data)

    def _finding(self, status: Status, detail: str, remedy: str, data: dict[str, Datum]) -> Finding:
        return Finding(
            code=self.code,
            group=self.group,
            title=self.title,
            status=status,
            detail=detail,
            remedy=remedy,
            data=data,
        )
