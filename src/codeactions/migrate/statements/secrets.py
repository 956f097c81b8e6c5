"""Hiding passwords in what is shown of a migration file, a connection string or a message.

The text may be SQL, a part of it, or SQL inside a message, where one apostrophe in the prose would mislead a lexer.
So passwords are found by the text around them. In doubt too much is hidden.
"""

import re

# The patterns below are compiled at their first use, by `re`: every command imports this, and few have a text to hide.
_HIDDEN = "***"
_FLAGS = re.IGNORECASE | re.DOTALL | re.VERBOSE
_TAG = r"(?:[^\W\d]\w*)?\$"
# A quote, but not the one at the end of 'password=' || x or 'no password ';
_QUOTE = r"'(?!\s*(?:\|\||[,;)])\s)"

# What is open at the end of the text reaches to it. The alternatives in their order:
_LITERAL = rf"""(?:
    # A string in a string. Its quotes are doubled and so are even in number, unless it is just an empty string.
    (?P<quotes>(?:'')+) (?![\s'),;:|\]]|\Z) (?:(?!(?P=quotes)).)*+ (?:(?P=quotes)|\Z)
    # Backslashes escape.
  | E'(?:[^'\\]|\\.|'')*+(?:'|\Z)
    # Not $$ password $$ LANGUAGE sql or $$ password $$; as those end a function.
  | (?P<tag>\${_TAG}) (?!;?(?:\s|\Z)) (?:(?!(?P=tag)).)*+ (?:(?P=tag)|\Z)
    # It may go on after a line break.
  | (?:N|U&)?{_QUOTE}(?:[^']|'')*+(?:'|\Z)
    (?:[ \t]*[\r\n]\s*'(?:[^']|'')*+(?:'|\Z))*+
)"""
# PASSWORD 'x' and password => 'x'; PASSWORD'x' only where it does not look like the end of 'my password'.
_IN_SQL = rf"""(?P<kept>password"?(?:\s*(?:=>|:=|=)\s*|\s+)|(?<!')password(?='[\w!#%&*+?@^~])){_LITERAL}"""

# A value in a connection string. Unquoted it ends at a blank or with the string that it is in, and also at the
# comma of UPDATE t SET a = b, password = p.
_END = r"(?:[\s'),;:\]}]|\Z)"
_VALUE = rf"""(?>
    ''(?!{_END})(?:[^'\\]|\\.)*+''
  | {_QUOTE}(?:[^'\\]|\\.)*+'
  | (?:[^\s'"\\$,]|\\.|,(?!\s)|(?:''|")(?!{_END})|\$(?!{_TAG}{_END}))++
)"""
_KEY = r"[a-z_]+\s*="
_PAIR = rf"{_KEY}\s*{_VALUE}"
# One pair alone, with no quote before it, may be SQL: WHERE password = p. Its value is passed over up to a pair
# in quotes, if there is one, so that nothing is looked at in vain again and again.
_CONNECTION = rf"""(?P<pairs>(?:['"$]\s*{_PAIR}|(?<!\w){_PAIR}\s+{_PAIR})(?:\s+{_PAIR})*+)
    |(?<!\w){_KEY}(?:(?!['"$]\s*{_KEY})(?:\\.|\S))*+"""
_IN_CONNECTION = rf"(?P<kept>password\s*=\s*){_VALUE}"

_IN_QUERY = r"""(?P<kept>[?&]\w*password=)[^\s&\#'"]++"""
# From the colon up to the last @ before the host, where a number and a slash would be the port. Not across
# another ://, so that many of them do not take quadratic time.
_IN_ADDRESS = r"""(?P<kept>(?<=\w)://[^\s:/?\#@'"]*+:)(?!\d++[/?\#])
    (?:[^\s:@'"]|:(?!//)|'')++(?:@[^\s/?\#@'"]*+(?=@))*+(?=@)"""


def masked(text: str) -> str:
    """Return `text` with `***` in place of every password, and otherwise unchanged.

    Passwords are: the string after PASSWORD, with its quotes, also with `=`, `:=` or `=>` between (and so that of
    `my_password => '...'`); the value of `password=` in a connection string or in the query of a URL; the text between
    the colon and the `@` in `scheme://user:password@host`.
    """
    # Most texts are looked at no closer than this.
    if "password" in text.lower():
        text = re.sub(_IN_SQL, _hide, text, flags=_FLAGS)
        text = re.sub(_CONNECTION, _hide_in_connection, text, flags=_FLAGS)
        text = re.sub(_IN_QUERY, _hide, text, flags=_FLAGS)
    return re.sub(_IN_ADDRESS, _hide, text, flags=_FLAGS)


def _hide(found: re.Match[str]) -> str:
    return found["kept"] + _HIDDEN


def _hide_in_connection(found: re.Match[str]) -> str:
    return found[0] if found["pairs"] is None else re.sub(_IN_CONNECTION, _hide, found[0], flags=_FLAGS)
