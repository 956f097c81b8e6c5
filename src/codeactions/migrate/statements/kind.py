"""The statements of a migration file that cannot be in one transaction with the file's version.

Only statements that the server refuses in every transaction block, or that end the block, are listed here. For forms
that are refused only at times (DROP SUBSCRIPTION with a slot, CLUSTER or REINDEX of a partitioned table, CALL and DO
with a COMMIT inside) see `database/refusals.py`, and `own_transaction.py` for a BEGIN and COMMIT around the whole file.
"""

import re

# Nearly all files have none of these words, and are not examined any further.
_HINT = re.compile(
    # In a string a word may follow an escape.
    rb"(?:\b|\\[BFNRT])(?:ABORT|BEGIN|C(?:ALL|LUSTER|OMMIT|ONCURRENTLY)|D(?:ATABASE|ISCARD)|END|PREPARED?"
    rb"|R(?:EINDEX|OLLBACK)|S(?:TART|UBSCRIPTION|YSTEM)|T(?:ABLESPACE|RANSACTION(?:_ISOLATION|_DEFERRABLE)?)|VACUUM)\b"
    # Functions of languages other than SQL.
    rb"|_(?:COMMIT|ROLLBACK)\b"
)
# Words that end a transaction, wherever they stand.
_ENDING = re.compile(rb"\b(?:ABORT|COMMIT|END|PREPARE|ROLLBACK)\b")
# How many tokens of a statement are looked at; a CREATE SUBSCRIPTION to many publications needs the most.
_LIMIT = 60
_NAME = r"\S+(?: \. \S+)*"
_OPTIONS = r"(?:\( [^)]*\) )?"
_OFF = r"(?:FALSE|OFF|0)"

# By the first word of a statement: its name, and a pattern for its heading, which has one blank between any two
# tokens. The first match counts.
_OUTSIDE: dict[str, tuple[tuple[str, str], ...]] = {
    # The statements that begin, end or prepare the transaction.
    "ABORT": (("ABORT", "ABORT"),),
    "BEGIN": (("BEGIN", "BEGIN"),),
    "COMMIT": (("COMMIT", "COMMIT(?! PREPARED)"), ("COMMIT PREPARED", "COMMIT PREPARED")),
    "END": (("END", "END"),),
    # Without the string it is a prepared statement of the name "transaction".
    "PREPARE": (("PREPARE TRANSACTION", "PREPARE TRANSACTION ''"),),
    "ROLLBACK": (
        # ROLLBACK TO a savepoint stays in the transaction.
        ("ROLLBACK", "ROLLBACK(?! PREPARED| (?:(?:WORK|TRANSACTION) )?TO)"),
        ("ROLLBACK PREPARED", "ROLLBACK PREPARED"),
    ),
    "START": (("START TRANSACTION", "START TRANSACTION"),),
    # The statements that the server refuses in a transaction.
    "ALTER": (
        ("ALTER DATABASE SET TABLESPACE", r"ALTER DATABASE \S+ (?:(?:SET|WITH) )?TABLESPACE"),
        ("ALTER SYSTEM", "ALTER SYSTEM"),
        ("ALTER SUBSCRIPTION REFRESH", r"ALTER SUBSCRIPTION \S+ REFRESH"),
        # A change of the publications refreshes too, unless it is told not to.
        (
            "ALTER SUBSCRIPTION PUBLICATION",
            rf"ALTER SUBSCRIPTION \S+ (?:ADD|DROP|SET) PUBLICATION(?!.* REFRESH = {_OFF} )",
        ),
        (
            "ALTER TABLE DETACH PARTITION CONCURRENTLY",
            rf"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?{_NAME}(?: \*)? DETACH PARTITION {_NAME} CONCURRENTLY",
        ),
    ),
    "CLUSTER": (("CLUSTER without a table", r"CLUSTER(?: VERBOSE| \( [^)]*\))?(?: ;)?$"),),
    "CREATE": (
        ("CREATE INDEX CONCURRENTLY", "CREATE (?:UNIQUE )?INDEX CONCURRENTLY"),
        ("CREATE DATABASE", "CREATE DATABASE"),
        ("CREATE TABLESPACE", "CREATE TABLESPACE"),
        # It makes a slot at the publisher, unless it is told not to.
        ("CREATE SUBSCRIPTION", f"CREATE SUBSCRIPTION(?!.* (?:CONNECT|CREATE_SLOT) = {_OFF} )"),
    ),
    "DISCARD": (("DISCARD ALL", "DISCARD ALL"),),
    "DROP": (
        ("DROP INDEX CONCURRENTLY", "DROP INDEX CONCURRENTLY"),
        ("DROP DATABASE", "DROP DATABASE"),
        ("DROP TABLESPACE", "DROP TABLESPACE"),
    ),
    "REINDEX": (
        ("REINDEX CONCURRENTLY", rf"REINDEX {_OPTIONS}[A-Z]+ CONCURRENTLY"),
        ("REINDEX CONCURRENTLY", rf"REINDEX \( (?:[^)]*, )?CONCURRENTLY(?! {_OFF} )"),
        ("REINDEX DATABASE", f"REINDEX {_OPTIONS}DATABASE"),
        ("REINDEX SCHEMA", f"REINDEX {_OPTIONS}SCHEMA"),
        ("REINDEX SYSTEM", f"REINDEX {_OPTIONS}SYSTEM"),
    ),
    # They have to come before every query, and ours come before the file's.
    "SET": (
        ("SET TRANSACTION SNAPSHOT", "SET (?:LOCAL |SESSION )?TRANSACTION SNAPSHOT"),
        ("SET transaction_isolation", "SET (?:LOCAL |SESSION )?TRANSACTION_ISOLATION"),
        ("SET transaction_deferrable", "SET (?:LOCAL |SESSION )?TRANSACTION_DEFERRABLE"),
    ),
    "VACUUM": (("VACUUM", "VACUUM"),),
}
# What is refused only if the object whose name follows is of a kind: what to say of it, and a pattern for what stands
# before the name.
WITH_SLOT = ("DROP SUBSCRIPTION with a slot", r"DROP SUBSCRIPTION (?:IF EXISTS )?")
PARTITIONED = (
    ("REINDEX of a partitioned table", rf"REINDEX {_OPTIONS}(?:INDEX|TABLE) "),
    # The second form is the old one, of an index on a table.
    ("CLUSTER of a partitioned table", rf"CLUSTER (?:VERBOSE )?{_OPTIONS}(?:\S+ (?:\. \S+ )*ON )?"),
)


def is_plain(text: bytes) -> bool:
    """Return whether the file has none of the words that all statements listed in this package have. Most have none."""
    return _HINT.search(text.upper()) is None


def outside_transaction(text: bytes) -> str | None:
    """Return the name of the first statement that keeps the file from running in one transaction.

    For instance "CREATE INDEX CONCURRENTLY" or "COMMIT"; None if there is no such statement, as far as the words tell.
    Strings, comments and function bodies do not count. Never raises.
    """
    if is_plain(text):
        return None
    # Not imported before it is needed: its patterns take longer to compile than most files take to run.
    from codeactions.migrate.statements import split

    for piece in split.pieces(text):
        candidates = _OUTSIDE.get(split.heading(piece, 1))
        if candidates is None:
            continue
        heading = split.heading(piece, _LIMIT)
        for name, pattern in candidates:
            # A whole word at the end; compiled by `re` when it is first needed.
            if re.match(rf"(?:{pattern})(?!\S)", heading):
                return name
    return None


def may_end_transaction(text: bytes) -> bool:
    """Return whether the file has a word that would end its transaction, even within a string or a comment.

    Where strings end depends on settings of the server. Without such a word nothing depends on that.
    """
    return _ENDING.search(text.upper()) is not None
