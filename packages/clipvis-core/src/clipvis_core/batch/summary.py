"""What became of many inputs: lines while they are done, a table and two csv files at the end."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from clipvis_core.batch.outcomes import Outcome, State
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import write_whole

TABLE_ROWS = 30
_COLUMNS = ("input", "folder", "state", "frames", "tracks", "labels", "seconds", "message")
_FAILED_COLUMNS = ("input", "folder", "message")


class Summary:
    """Collects outcomes.

    Args:
        out_dir: The output folder.
        share: What the names of the csv files end with, for one share of several.

    Attributes:
        outcomes: By the place of their input.

    Raises:
        InputError: A csv file of the same name is there that no run wrote.
    """

    def __init__(self, out_dir: Path, share: str = "") -> None:
        self.outcomes: dict[int, Outcome] = {}
        self._table = out_dir / f"summary{share}.csv"
        self._failures = out_dir / f"failures{share}.csv"
        _check_ours(self._table, _COLUMNS)
        _check_ours(self._failures, _FAILED_COLUMNS)

    def add(self, outcome: Outcome) -> None:
        """Takes note of what became of an input."""
        self.outcomes[outcome.index] = outcome

    @property
    def counts(self) -> Counter[State]:
        """Number of inputs by what became of them."""
        return Counter(outcome.state for outcome in self.outcomes.values())

    @property
    def answered(self) -> list[str]:
        """Output folders of the inputs that are done, in the order of the inputs."""
        ordered = (self.outcomes[index] for index in sorted(self.outcomes))
        return [outcome.folder for outcome in ordered if outcome.state in (State.DONE, State.SKIPPED)]

    def write(self) -> None:
        """Writes `summary.csv`, and `failures.csv` if something failed; one of an earlier run goes.

        Raises:
            InputError: They cannot be written.
        """
        outcomes = [self.outcomes[index] for index in sorted(self.outcomes)]
        write_whole(_csv(_COLUMNS, map(_row, outcomes)), self._table)
        failed = [outcome for outcome in outcomes if outcome.state is State.FAILED]
        if failed:
            rows = ((outcome.video, outcome.folder, outcome.message) for outcome in failed)
            write_whole(_csv(_FAILED_COLUMNS, rows), self._failures)
        else:
            self._failures.unlink(missing_ok=True)

    def print(self) -> None:
        """The table on the terminal, what failed first; long batches are cut."""
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table()
        for column in ("input", "state", "frames", "tracks", "seconds", ""):
            table.add_column(column, justify="right" if column in ("frames", "tracks", "seconds") else "left")
        by_need = sorted(self.outcomes.values(), key=lambda outcome: (outcome.state is not State.FAILED, outcome.index))
        for outcome in by_need[:TABLE_ROWS]:
            failed = outcome.state is State.FAILED
            counts = ("", "") if failed else (str(outcome.num_frames), str(len(outcome.labels)))
            what = outcome.message if failed else _counted(outcome.labels)
            name = Path(outcome.video).name
            table.add_row(escape(name), outcome.state, *counts, f"{outcome.seconds:.1f}", escape(what))
        console = Console()
        console.print(table)
        if len(by_need) > TABLE_ROWS:
            console.print(f"... and {len(by_need) - TABLE_ROWS} more in {self._table}", soft_wrap=True)
        print(self.line())

    def line(self) -> str:
        """The counts, and where the files are."""
        counts = self.counts
        parts = [f"{counts[State.DONE]} done"]
        if counts[State.SKIPPED]:
            parts.append(f"{counts[State.SKIPPED]} skipped, done before")
        if counts[State.FAILED]:
            parts.append(f"{counts[State.FAILED]} failed, see {self._failures}")
        return f"{', '.join(parts)}; all in {self._table}"


def _row(outcome: Outcome) -> tuple:
    what = (outcome.num_frames, len(outcome.labels), _counted(outcome.labels))
    if outcome.state is State.FAILED:
        what = ("", "", "")
    return (outcome.video, outcome.folder, outcome.state, *what, f"{outcome.seconds:.2f}", outcome.message)


def _counted(labels: Iterable[str]) -> str:
    """Labels with their numbers, the most frequent first.

    >>> _counted(["dog", "frisbee", "dog"])
    'dog 2; frisbee 1'
    """
    return "; ".join(f"{label} {number}" for label, number in Counter(labels).most_common())


def _csv(columns: tuple[str, ...], rows: Iterable[tuple]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", errors="surrogateescape")


def _check_ours(path: Path, columns: tuple[str, ...]) -> None:
    """Whether a file may be replaced: it is not there, or a run wrote it."""
    if not path.exists():
        return
    head = ",".join(columns).encode()
    if not path.is_file() or path.read_bytes()[: len(head)] != head:
        raise InputError(f"{path} was not written by a run of this program: choose another --out-dir")
