"""What an audit says, for the terminal."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from live.auditing.findings import Audit, Verdict

__all__ = ["tables"]

_STYLES: Final = {
    Verdict.PASS: "bold blue",
    Verdict.FAIL: "bold red",
    Verdict.UNKNOWN: "bold yellow",
}
_SHOWN: Final = 5


def tables(audits: Sequence[Audit]) -> RenderableType:
    """Give a table for each run; of many faults the first are shown, --json has all."""
    return Group(*(_table(audit) for audit in audits))


def _table(audit: Audit) -> Table:
    table = Table("Criterion", "Verdict", "Evidence", title=Text(audit.run), title_justify="left")
    for finding in audit.findings:
        lines = [finding.says, *(f"· {fault}" for fault in finding.faults[:_SHOWN])]
        if len(finding.faults) > _SHOWN:
            lines.append(f"· and {len(finding.faults) - _SHOWN} more")
        verdict = Text(finding.verdict.value, style=_STYLES[finding.verdict])
        table.add_row(Text(finding.criterion.value), verdict, Text("\n".join(lines)))
    return table
