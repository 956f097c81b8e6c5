"""The errors of a connection to the database."""

QUERY_CANCELED = "57014"
UNDEFINED_TABLE = "42P01"
UNDEFINED_COLUMN = "42703"
INSUFFICIENT_PRIVILEGE = "42501"
READ_ONLY_TRANSACTION = "25006"
ACTIVE_TRANSACTION = "25001"
INVALID_TRANSACTION_END = "2D000"


class DatabaseError(Exception):
    """An error of a connection. `str()` is for people and may have several lines."""

    query = ""
    """The statements of our own that failed; "" for a file's."""
    while_opening = False
    """Whether golang-migrate would have failed before it came to its command."""
    done = 0
    """How many of the statements that were sent together were done before this."""
    commits = 0
    """How many of those ended a transaction whose work is kept."""


class ConnectFailed(DatabaseError):
    """No connection was made. The text is libpq's, one line for each address that was tried."""


class ConnectionLost(DatabaseError):
    """The connection broke during a statement, so the statement's outcome is unknown."""


class ServerError(DatabaseError):
    """The server refused a statement. The transaction around it is void."""

    def __init__(
        self, sqlstate: str, message: str, *, detail: str = "", hint: str = "", position: int = 0, context: str = ""
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint
        self.position = position
        """The position of the faulty character in the query, from 1; 0 if unknown."""
        self.context = context
        """Where in functions and other work it happened, such as the line of a COPY; may have several lines."""


class TimedOut(ServerError):
    """A statement was cancelled because its time was over."""
