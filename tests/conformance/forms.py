"""Bodies of forms, and what is in them."""

from urllib.parse import urlencode

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=X"


def multipart(*parts: bytes) -> bytes:
    """A multipart body of parts, each without its Content-Disposition's first word."""
    return b"".join(b"--X\r\nContent-Disposition: form-data; %s" % part for part in parts) + b"--X--\r\n"


# By name: content type, body, and what is in it.
FORMS: dict[str, tuple[str, bytes, list[list[object]]]] = {
    "urlencoded": (URLENCODED, b"a=1&b=%C3%BC+x%26&c=&d", [["a", "1"], ["b", "ü x&"], ["c", ""], ["d", ""]]),
    "urlencoded, repeated": (URLENCODED, b"a=1&a=2&a=1", [["a", "1"], ["a", "2"], ["a", "1"]]),
    "urlencoded, empty": (URLENCODED, b"", []),
    "urlencoded, with a question mark": (URLENCODED, b"?a=1", [["?a", "1"]]),
    "urlencoded, in capitals": ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", b"a=%C3%BC", [["a", "ü"]]),
    "texts": (
        MULTIPART,
        multipart(b'name="a"\r\n\r\n1\r\n', 'name="ü"\r\n\r\nGrüße\r\n🐍\r\n'.encode()),
        [["a", "1"], ["ü", "Grüße\r\n🐍"]],
    ),
    "a repeated text": (
        MULTIPART,
        multipart(b'name="a"\r\n\r\n1\r\n', b'name="a"\r\n\r\n\r\n'),
        [["a", "1"], ["a", ""]],
    ),
    "a file": (
        MULTIPART,
        multipart(b'name="f"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x00\xff\r\n\x00\r\n'),
        [["f", "a.png", "image/png", [0, 255, 13, 10, 0]]],
    ),
    "a file without a type": (MULTIPART, multipart(b'name="f"; filename="a"\r\n\r\nx\r\n'), [["f", "a", "", [120]]]),
    "an empty file": (MULTIPART, multipart(b'name="f"; filename="a"\r\n\r\n\r\n'), [["f", "a", "", []]]),
    "several files": (
        MULTIPART,
        multipart(b'name="f"; filename="a"\r\n\r\nx\r\n', b'name="f"; filename="b"\r\n\r\ny\r\n'),
        [["f", "a", "", [120]], ["f", "b", "", [121]]],
    ),
    "a file's name in UTF-8": (
        MULTIPART,
        multipart('name="f"; filename="grüße 日本.txt"\r\n\r\nx\r\n'.encode()),
        [["f", "grüße 日本.txt", "", [120]]],
    ),
    "a name with quotes": (
        MULTIPART,
        multipart(rb'name="f"; filename="a\"b; c=d.txt"' + b"\r\n\r\nx\r\n"),
        [["f", 'a"b; c=d.txt', "", [120]]],
    ),
    "a boundary in quotes": (
        'Multipart/Form-Data; Boundary="X"',
        multipart(b'name="a"\r\n\r\n1\r\n'),
        [["a", "1"]],
    ),
    "what looks like a boundary": (
        MULTIPART,
        multipart(b'name="a"\r\n\r\na--X b\r\n--Xy\r\n-\r\n'),
        [["a", "a--X b\r\n--Xy\r\n-"]],
    ),
    "headers in another order": (
        MULTIPART,
        b'--X\r\nContent-Type: text/csv\r\ncontent-disposition: form-data; filename="a"; name="f"\r\n\r\nx\r\n--X--',
        [["f", "a", "text/csv", [120]]],
    ),
    "what stands before and after": (
        MULTIPART,
        b"hello\r\n" + multipart(b'name="a"\r\n\r\n1\r\n') + b"bye",
        [["a", "1"]],
    ),
    "nothing": (MULTIPART, b"--X--\r\n", []),
}
# What Go's own library takes differently.
MORE_FORMS: dict[str, tuple[str, bytes, list[list[object]]]] = {
    "urlencoded, in Latin-1": (f"{URLENCODED}; charset=iso-8859-1", b"n%E4me=Gr%FC%DFe+%3D", [["näme", "Grüße ="]]),
    "urlencoded, in another charset": (
        f"{URLENCODED}; charset=Shift_JIS",
        urlencode({"a": "日本"}, encoding="shift_jis").encode(),
        [["a", "日本"]],
    ),
    "urlencoded, with garbage": (URLENCODED, b"a=%ff&b=%zz", [["a", "\ufffd"], ["b", "%zz"]]),
    "no file chosen": (
        MULTIPART,
        multipart(
            b'name="f"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n\r\n', b'name="a"\r\n\r\n1\r\n'
        ),
        [["a", "1"]],
    ),
    "an extended name of a file": (
        MULTIPART,
        multipart(b'name="f"; filename="x"; filename*=UTF-8\'\'gr%C3%BC%C3%9Fe%20%22.txt\r\n\r\nx\r\n'),
        [["f", 'grüße ".txt', "", [120]]],
    ),
    "an extended name alone": (
        MULTIPART,
        multipart(b"name=\"f\"; filename*=utf-8'de'gr%C3%BC.txt\r\n\r\nx\r\n"),
        [["f", "grü.txt", "", [120]]],
    ),
    "an extended name in Latin-1": (
        MULTIPART,
        multipart(b"name=\"f\"; filename*=iso-8859-1''gr%FC\r\n\r\nx\r\n"),
        [["f", "grü", "", [120]]],
    ),
    "a name as browsers quote it": (
        MULTIPART,
        multipart(b'name="f"; filename="a%22b"\r\n\r\nx\r\n'),
        [["f", 'a"b', "", [120]]],
    ),
    "a name with a Windows path": (
        MULTIPART,
        multipart(b'name="f"; filename="C:\\new\\a.txt"\r\n\r\nx\r\n'),
        [["f", "a.txt", "", [120]]],
    ),
    "names without quotes": (MULTIPART, multipart(b"name=f; filename=a.txt\r\n\r\nx\r\n"), [["f", "a.txt", "", [120]]]),
    "a text with a charset": (
        MULTIPART,
        multipart(b'name="a"\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n\xfc\r\n'),
        [["a", "ü"]],
    ),
    # Python has codecs of these names. The first takes a square of the text's length, the second refuses much.
    "charsets that are none": (
        MULTIPART,
        multipart(
            b'name="a"\r\nContent-Type: text/plain; charset=punycode\r\n\r\n' + b"a9" * 100_000 + b"\r\n",
            b'name="b"\r\nContent-Type: text/plain; charset=idna\r\n\r\nx..y\r\n',
            b'name="c"\r\nContent-Type: text/plain; charset=unicode_escape\r\n\r\n\\u0041\r\n',
            b"name=\"f\"; filename*=idna''a..b\r\n\r\nx\r\n",
        ),
        [["a", "a9" * 100_000], ["b", "x..y"], ["c", "\\u0041"], ["f", "a..b", "", [120]]],
    ),
    "urlencoded, in a charset that is none": (f"{URLENCODED}; charset=punycode", b"a=b-1", [["a", "b-1"]]),
}
