"""What a person sees while a run works: one line per stage, a bar where something is counted."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from resources import progress

# Shorter work is over before a bar would be read.
WORTH_COUNTING = 50


class Screen:
    """Prints to standard error, so that `--json` owns standard output; bars only on a terminal."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=is_quiet)
        self._began = time.monotonic()
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last_said = 0.0

    def say(self, text: str, *, transient: bool = False) -> None:
        """Print a line with the seconds since the start; transient lines at most every 5 s."""
        now = time.monotonic()
        if transient and now - self._last_said < 5.0:
            return
        self._last_said = now
        self._console.print(f"[dim]{now - self._began:6.1f} s[/]  {text}", highlight=False, soft_wrap=True)

    @contextmanager
    def stage(self, title: str) -> Iterator[None]:
        """Show `title` and whatever is counted inside the block."""
        self.say(f"[bold]{title}[/]")
        columns = (
            TextColumn("         "),
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with (
            Progress(*columns, console=self._console, transient=True) as bar,
            progress.listening(self._count),
        ):
            self._progress, self._tasks = bar, {}
            try:
                yield
            finally:
                self._progress = None

    def _count(self, stage: str, done: int, total: int) -> None:
        if self._progress is None:
            return
        if total < WORTH_COUNTING:
            return
        if not self._console.is_terminal:
            if done == total or done % max(total // 4, 1) == 0:
                self.say(f"{stage}: {done:,} of {total:,}", transient=done != total)
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)
