"""Go's `time.Format`: a layout that shows how one fixed moment would be printed.

That moment is Monday, January 2, 15:04:05 in the year 2006, seven hours west of Greenwich. Each of its pieces in the
layout stands for the same piece of the moment that is printed.
"""

import datetime
import re

# Of two pieces that begin alike the longer one comes first, because Go takes the longer one. The text after a piece
# matters twice: "Month" holds no "Mon", and a fraction needs the same digit up to its end.
PIECE = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|PM|pm"
    r"|0[1-6]|002|15|1|2006|2|_2006|_2|__2|3|4|5"
    r"|[-Z]07(?:0000|:00:00|00|:00)?"
    r"|[.,](?:0+|9+)(?![0-9])"
)
# Not from the calendar module, whose names depend on the locale.
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def formatted(layout: str, moment: datetime.datetime, nanosecond: int) -> str:
    """Return what Go prints for the layout. Other text in it stands for itself, so no layout is an error.

    `moment` has a time zone. `nanosecond` is the part of its second that has passed (0 to 999,999,999); the moment's
    own microseconds are not used.
    """
    plain = _plain(moment)

    def meant(match: re.Match[str]) -> str:
        piece = match[0]
        if piece in plain:
            return plain[piece]
        if piece[0] in ".,":
            return _fraction(piece, nanosecond)
        return _offset(piece, moment)

    return PIECE.sub(meant, layout)


def _plain(moment: datetime.datetime) -> dict[str, str]:
    """Return the text for each piece that has a fixed form."""
    month, weekday = MONTHS[moment.month - 1], DAYS[moment.weekday()]
    day_of_year = moment.timetuple().tm_yday
    # Noon is 12 PM, midnight 12 AM.
    hour = moment.hour % 12 or 12
    return {
        "2006": f"{moment.year:04}",
        # An underscore and the year; only a lone "_2" is a day.
        "_2006": f"_{moment.year:04}",
        "06": f"{moment.year % 100:02}",
        "January": month,
        "Jan": month[:3],
        "01": f"{moment.month:02}",
        "1": str(moment.month),
        "Monday": weekday,
        "Mon": weekday[:3],
        "02": f"{moment.day:02}",
        "_2": f"{moment.day:2}",
        "2": str(moment.day),
        "002": f"{day_of_year:03}",
        "__2": f"{day_of_year:3}",
        "15": f"{moment.hour:02}",
        "03": f"{hour:02}",
        "3": str(hour),
        "04": f"{moment.minute:02}",
        "4": str(moment.minute),
        "05": f"{moment.second:02}",
        "5": str(moment.second),
        "PM": "AM" if moment.hour < 12 else "PM",
        "pm": "am" if moment.hour < 12 else "pm",
        "MST": moment.tzname() or _offset("-0700", moment),
    }


def _fraction(piece: str, nanosecond: int) -> str:
    """Return as many digits as there are zeros. With nines, final zeros go, and so does a point with no digits."""
    digits = f"{nanosecond:09}"[: len(piece) - 1]
    if piece[1] == "9":
        digits = digits.rstrip("0")
    return piece[0] + digits if digits else ""


def _offset(piece: str, moment: datetime.datetime) -> str:
    """Return the offset from UTC in the piece's own form; east is +. A piece with Z gives just Z for UTC."""
    seconds = int((moment.utcoffset() or datetime.timedelta()).total_seconds())
    if piece[0] == "Z" and seconds == 0:
        return "Z"
    minutes, second = divmod(abs(seconds), 60)
    numbers = (*divmod(minutes, 60), second)[: len(piece.replace(":", "")) // 2]
    return ("-" if seconds < 0 else "+") + (":" if ":" in piece else "").join(f"{number:02}" for number in numbers)
