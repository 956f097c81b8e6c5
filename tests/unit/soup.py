"""Texts in which strings, comments, quotes and bodies meet by chance."""

from hypothesis import strategies as st

# Enough to make strings, comments, dollar quotes, bodies and ends of them meet by chance.
FRAGMENTS = [
    *("'", "''", '"', "$$", "$a$", "$1", "a", "e'", "\\", "/*", "*/", "--", "\n", "(", ")", ";", " ", "é", "\0"),
    *("create ", "function ", "begin atomic ", "case ", "end ", "commit", "vacuum", "password ", "=", "://", ":", "@"),
]
SOUP = st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)
ANYTHING = st.one_of(st.binary(), SOUP.map(str.encode))
