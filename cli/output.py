"""Printing: one JSON object on stdout with `--json`, otherwise text; progress always on stderr."""

from __future__ import annotations

import inspect
import json as json_module
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from radraft.core.canonical import plain
from radraft.core.errors import RadraftError, SettingsError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from radraft.studies.values import Rejection


@dataclass(frozen=True)
class Output:
    """Where a command's result goes."""

    json: bool

    def result(self, value: dict[str, Any], text: str) -> None:
        """Print the result: `value` with `--json`, otherwise `text`."""
        if self.json:
            sys.stdout.write(json_module.dumps(plain(value), ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(text.rstrip("\n") + "\n")
        sys.stdout.flush()

    def error(self, error: RadraftError, **more: Any) -> None:
        """Print a failure: JSON on stdout, otherwise text on stderr."""
        if self.json:
            self.result({"error": error.as_json(), **more}, "")
        else:
            where = f" ({error.file})" if error.file else ""
            sys.stderr.write(f"{error.code}{where}\n  {error.message_zh}\n  {error.message_en}\n")

    def say(self, line: str) -> None:
        """One line about what is being done or waited for."""
        self.console().print(line, highlight=False, soft_wrap=True)

    def console(self) -> Console:
        """Console on stderr."""
        from rich.console import Console

        return Console(stderr=True)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Progress bars on stderr, with elapsed time."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console()) as progress:
            yield progress

    @contextmanager
    def waiting(self, text: str) -> Iterator[Callable[[str, float], None]]:
        """One progress bar; yields what moves it: `(text, part)` with part from 0 to 1."""
        with self.progress() as progress:
            task = progress.add_task(text, total=1.0)

            def move(text: str, part: float) -> None:
                progress.update(task, description=text, completed=part)

            yield move
            progress.update(task, completed=1.0)

    def fail(self, code: int = 1) -> None:
        """End the command with `code`."""
        raise typer.Exit(code)


@contextmanager
def reporting(out: Output) -> Iterator[Output]:
    """Turn errors, and files that the system refuses, into a printed error and exit code 1."""
    try:
        yield out
    except RadraftError as error:
        out.error(error)
        raise typer.Exit(1) from None
    except BrokenPipeError:
        # Whoever read what is printed has left: Typer ends such a command without a word.
        raise
    except OSError as error:
        reason, file = error.strerror or type(error).__name__, str(error.filename or "")
        out.error(SettingsError("file_access_failed", file=file, reason=reason))
        raise typer.Exit(1) from None


_Command = TypeVar("_Command", bound=Callable[..., None])
_JSON = inspect.Parameter(
    "json",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--json", help="Print one JSON object.")],
)


def command(app: typer.Typer, name: str) -> Callable[[_Command], _Command]:
    """Register a function as the command `name` of `app`.

    Its parameter `out` (an `Output`) becomes the option `--json`, its docstring the help, and
    radraft's errors a printed error with exit code 1. The function itself stays as it is.
    """

    def register(function: _Command) -> _Command:
        hints = get_type_hints(function, include_extras=True)
        given = inspect.signature(function).parameters
        parameters = [
            parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in given.values()
            if parameter.name != "out"
        ]

        def run(*, json: bool, **values: Any) -> None:
            with reporting(Output(json)) as out:
                function(**values, out=out)

        run.__name__, run.__doc__, run.__module__ = name, function.__doc__, function.__module__
        run.__annotations__ = {
            parameter.name: parameter.annotation for parameter in (*parameters, _JSON)
        }
        run.__signature__ = inspect.Signature([*parameters, _JSON])  # type: ignore[attr-defined]
        app.command(name)(run)
        return function

    return register


def rejections_text(rejections: tuple[Rejection, ...]) -> str:
    """A paragraph for each file that was not taken in."""
    return "".join(
        f"{item.code} ({item.file})\n  {item.message_zh}\n  {item.message_en}\n"
        for item in rejections
    )
