"""The table of tracks on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.inference.finding import Moment
from clipvis_core.inference.result import DrawnTracks

TABLE_ROWS = 30


def nothing_found(drawn: DrawnTracks, score_thr: float) -> list[str]:
    """A sentence for each category of which no track is shown, if they are few, or one for all of them."""
    result, scores = drawn.result, drawn.result.shown_scores
    missing = [label for label in range(len(result.vocabulary)) if result.vocabulary.names[label] not in drawn.labels]
    if len(missing) > TABLE_ROWS:
        return [f"{len(missing)} of the {len(result.vocabulary)} categories were not found"]
    lines = []
    for label in missing:
        best = max(scores[result.tracks.labels == label].tolist(), default=0.0)
        why = f"the best candidate scores {best:.2f}"
        if best == 0 or best >= score_thr:  # no answer; or a thing that another word or track is better for
            why = "what there is looks more like something else"
        lines.append(f"no {result.vocabulary.names[label]} was found: {why}")
    return lines


def print_table(drawn: DrawnTracks, score_thr: float) -> None:
    """Tracks on the terminal, best first."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    lines = drawn.summary()
    words = all_names(drawn.result.vocabulary)
    table = Table()
    for column in ("track", "label", "score", "first", "last"):
        table.add_column(column, justify="left" if column == "label" else "right")
    for line in lines[:TABLE_ROWS]:
        table.add_row(str(line.track), escape(words[line.label]), f"{line.score:.3f}", str(line.first), str(line.last))
    console = Console()
    result = drawn.result
    tracks, frames = count(len(lines), "track"), count(result.num_frames, "frame")
    title = f"{result.name}: {tracks} with score >= {score_thr:g} in {frames}"
    console.print(title, soft_wrap=True)
    for line in nothing_found(drawn, score_thr):
        print(line)
    if not lines:
        return
    console.print(table)
    if len(lines) > TABLE_ROWS:
        console.print(f"... and {len(lines) - TABLE_ROWS} more in results.json")


def print_moments(found: Sequence[tuple[str, Moment]], asked: str, vocabulary: Vocabulary) -> None:
    """Moments of folders on the terminal, best first, and whether any is an answer."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if not found:
        print(f'nothing looks like "{asked}"')
        return
    words = all_names(vocabulary)
    table = Table()
    for column in ("seconds", "folder", "track", "label", "score", "seen"):
        table.add_column(column, justify="left" if column in ("folder", "label") else "right")
    for folder, moment in found:
        label, seen = escape(words[moment.label]), f"{moment.first:.2f}-{moment.last:.2f}"
        table.add_row(f"{moment.time:.2f}", escape(folder), str(moment.track), label, f"{moment.score:.3f}", seen)
    Console().print(table)
    if not any(moment.is_drawn for _, moment in found):
        print(f'no score is one that a run draws: "{asked}" may not be there, and these come nearest')


def all_names(vocabulary: Vocabulary) -> dict[str, str]:
    """Each category's name with its synonyms, by its name."""
    return {synonyms[0]: ", ".join(synonyms) for synonyms in vocabulary.categories}


def count(number: int, thing: str) -> str:
    """A number of things, in words.

    >>> count(1, "track"), count(2, "track")
    ('1 track', '2 tracks')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
