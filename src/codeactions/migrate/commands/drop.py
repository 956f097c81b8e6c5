"""`drop`: empty the current schema."""

from codeactions.migrate.commands.context import CommandContext
from codeactions.migrate.database import schema_objects


def run(context: CommandContext) -> int:
    """Drop the tables of the current schema, or with -all everything in it, after asking. Returns the exit code."""
    session, everything = context.session, bool(context.flags.get("all"))
    if everything:
        for kind, name in schema_objects.everything(session):
            context.output.line(f"{kind} {name}", "found", kind=kind, name=name)
    if not context.flags.get("f") and not context.confirm(
        "Are you sure you want to drop the entire database schema?",
        "Dropping the entire database schema",
        "Aborted dropping the entire database schema",
    ):
        return 1
    with context.lock() as is_held:
        if not is_held:
            return context.stopped()
        if everything:
            schema_objects.drop_everything(session, schema_objects.everything(session))
        else:
            schema_objects.drop(session, schema_objects.tables(session))
        for name, extension in schema_objects.kept(session):
            said = f"left: table {name} belongs to the extension {extension}"
            context.output.line(said, "left", kind="TABLE", name=name, extension=extension)
    return 0
