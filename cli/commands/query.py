"""`headrace query`: SQL through Athena."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import Interrupted, UnreadableSource, WrongQuery, WrongUsage
from cli.options import AsJson, Environment
from cli.terminal import say

if TYPE_CHECKING:
    from cli.athena import Answer, Database


def query(
    sql: Annotated[str | None, typer.Argument(metavar="SQL", help="The query.")] = None,
    *,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read the query from a file.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAMED", help="A named query of the workgroup.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="V", help="SQL literal for the next ? of the query; repeatable."),
    ] = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")] = False,
    environment: Environment = "dev",
) -> None:
    """Ask the lake with SQL, in the environment's workgroup and database.

    Prints a table and, on standard error, the bytes scanned and what that
    costs on AWS. With --json it prints an array of typed objects, in which
    dates, timestamps, arrays, maps and rows are text.

    \b
    Examples
      headrace query "SELECT count(*) FROM flight"
      headrace query --name worst_carriers
      headrace query "SELECT * FROM flight LIMIT 5" --json
      headrace query "SELECT * FROM flight WHERE carrier = ?" --param "'UA'"
      headrace query --file report.sql --csv > report.csv
    """
    from cli import answers
    from cli.athena import Database
    from cli.aws import Account
    from cli.stacks import find

    if sum(given is not None for given in (sql, file, name)) != 1:
        raise WrongUsage('Give one of "SQL", --file FILE or --name NAMED.')
    if as_json and as_csv:
        raise WrongUsage("Give one of --json and --csv.")
    text = _read(file) if file is not None else sql
    account = Account()
    database = Database(account.athena, find(account.cloudformation, environment).lake())
    answer = _ask(database, text if name is None else _named(database, name), param or [])
    whole = True
    if as_json:
        answers.as_json(answer)
    elif as_csv:
        answers.as_csv(answer)
    else:
        whole = answers.as_table(answer)
    if not whole:
        say(f"Only the first {answers.SHOWN:,} rows are shown; --csv and --json print all.")
    say(answer.footer)


def _ask(database: "Database", sql: str | None, parameters: list[str]) -> "Answer":
    try:
        return database.ask(sql or "", parameters)
    except KeyboardInterrupt:
        raise Interrupted("Interrupted: the query is stopped in Athena too.") from None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UnreadableSource(f"Cannot read {file}: {why}. Give a file that holds SQL.") from error


def _named(database: "Database", name: str) -> str:
    names = database.named()
    if name in names:
        return names[name].sql
    known = f"there are: {', '.join(names)}" if names else "there are none"
    raise WrongQuery(f"There is no query named {name!r} in this environment's workgroup; {known}.")
