"""The same as `engine_plain`, but it first imports the clients that such services bring along for their users."""

import engine_plain  # type: ignore[import-not-found]
import httpx  # noqa: F401 - the HTTP client
import psycopg  # noqa: F401 - the database client
import pydantic  # noqa: F401 - models and checks

if __name__ == "__main__":
    engine_plain.main()
