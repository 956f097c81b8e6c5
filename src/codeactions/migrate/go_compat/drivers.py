"""golang-migrate's drivers for PostgreSQL."""

from enum import StrEnum


class Driver(StrEnum):
    """The driver that golang-migrate uses for a URL. Drivers differ in defaults and in the words of their errors."""

    POSTGRES = "postgres"
    PGX4 = "pgx4"
    PGX5 = "pgx5"


DRIVERS = {
    "postgres": Driver.POSTGRES,
    "postgresql": Driver.POSTGRES,
    "pgx": Driver.PGX4,
    "pgx4": Driver.PGX4,
    "pgx5": Driver.PGX5,
}
