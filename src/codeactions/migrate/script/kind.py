"""Which statements of a migration file cannot be in one transaction with the file's version.

Only what the server refuses in every transaction block, or what ends the block, is named here. A form that
is refused only at times (DROP SUBSCRIPTION with a slot, CLUSTER or REINDEX of a partitioned table, CALL and
DO with a COMMIT inside, SET TRANSACTION behind another statement) is not: there the server's answer counts.
"""

import re

# Nearly all files have none of these words and are not looked at any closer.
_HINT = re.compile(
    rb"\b(?:ABORT|BEGIN|C(?:LUSTER|OMMIT|ONCURRENTLY)|D(?:ATABASE|ISCARD)|END|PREPARED?|R(?:EINDEX|OLLBACK)"
    rb"|S(?:TART|UBSCRIPTION|YSTEM)|TABLESPACE|VACUUM)\b"
)
# What ends a transaction, wherever it stands.
_ENDING = re.compile(rb"\b(?:ABORT|COMMIT|END|PREPARE|ROLLBACK)\b")
# How many tokens of a statement are looked at; a CREATE SUBSCRIPTION to many publications needs the most.
_LIMIT = 60
_NAME = r"\S+(?: \. \S+)*"
_OPTIONS = r"(?:\( [^)]*\) )?"
_OFF = r"(?:FALSE|OFF|0)"

# By the first word of a statement: what it is called, and a pattern for its heading, in which there is one
# blank between any two tokens. The first that matches counts.
_Forms = dict[str, tuple[tuple[str, str], ...]]
_CONTROLLING: _Forms = {
    "ABORT": (("ABORT", "ABORT"),),
    "BEGIN": (("BEGIN", "BEGIN"),),
    "COMMIT": (("COMMIT", "COMMIT(?! PREPARED)"),),
    "END": (("END", "END"),),
    # Without the string it is a prepared statement of the name "transaction".
    "PREPARE": (("PREPARE TRANSACTION", "PREPARE TRANSACTION ''"),),
    # ROLLBACK TO a savepoint stays in the transaction.
    "ROLLBACK": (("ROLLBACK", "ROLLBACK(?! PREPARED| (?:(?:WORK|TRANSACTION) )?TO)"),),
    "START": (("START TRANSACTION", "START TRANSACTION"),),
}
_REFUSED: _Forms = {
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
    "COMMIT": (("COMMIT PREPARED", "COMMIT PREPARED"),),
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
    "ROLLBACK": (("ROLLBACK PREPARED", "ROLLBACK PREPARED"),),
    "VACUUM": (("VACUUM", "VACUUM"),),
}
_OUTSIDE: _Forms = {
    word: _CONTROLLING.get(word, ()) + _REFUSED.get(word, ()) for word in _CONTROLLING.keys() | _REFUSED.keys()
}


def outside_transaction(text: bytes) -> str | None:
    """What the first statement is, for people, that keeps the file from running in one transaction.

    For instance "CREATE INDEX CONCURRENTLY" or "COMMIT"; None if there is no such statement, as far as the
    words tell. Strings, comments and function bodies do not count. Never raises.
    """
    return _first(text, _OUTSIDE)


def controls_transaction(text: bytes) -> bool:
    """Whether a statement of the file begins, ends or prepares the transaction it is in.

    Savepoints do not, nor do COMMIT PREPARED and ROLLBACK PREPARED: those end one of another session.
    """
    return _first(text, _CONTROLLING) is not None


def may_end_transaction(text: bytes) -> bool:
    """Whether the file has a word that would end the transaction it is in, be it within a string or a comment.

    Where strings end depends on settings of the server's; without such a word nothing depends on that.
    """
    return _ENDING.search(text.upper()) is not None


def _first(text: bytes, forms: _Forms) -> str | None:
    if _HINT.search(text.upper()) is None:
        return None
    # Not before it is needed: its patterns take longer to compile than most files take to run.
    from codeactions.migrate.script import split

    for piece in split.pieces(text):
        candidates = forms.get(split.heading(piece, 1))
        if candidates is None:
            continue
        heading = split.heading(piece, _LIMIT)
        for name, pattern in candidates:
            # A whole word at the end; compiled by `re` when it is first needed.
            if re.match(rf"(?:{pattern})(?!\S)", heading):
                return name
    return None
