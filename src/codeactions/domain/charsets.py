"""Text of request bodies: the charset that a request names, decoded here once for the codes of every language.

The parts of a form have charsets of their own. Only the run reads them, and in Python by the same table.
"""

import re

# Labels as the web's Encoding Standard has them, and UTF-32, by the name of Python's codec. Nothing else is taken: of
# Python's other codecs, some are no charsets and some take a square of the text's length.
_CODECS = {
    # Those of DOS, and of old spreadsheets, of which the web has only the last.
    "cp437": "437 cp437 cspc8codepage437 ibm437",
    "cp850": "850 cp850 cspc850multilingual ibm850",
    "cp852": "852 cp852 cspcp852 ibm852",
    "cp866": "866 cp866 csibm866 ibm866",
    "iso-8859-2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 l2 latin2 latin-2",
    "iso-8859-3": "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 l3 latin3 latin-3",
    "iso-8859-4": "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 l4 latin4 latin-4",
    "iso-8859-5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5",
    "iso-8859-6": "arabic asmo-708 csisolatinarabic ecma-114 iso-8859-6 iso-ir-127 iso8859-6 iso88596 iso_8859-6",
    "iso-8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 iso_8859-7",
    "iso-8859-8": "csisolatinhebrew hebrew iso-8859-8 iso-8859-8-i iso-ir-138 iso8859-8 iso88598 iso_8859-8 logical",
    "iso-8859-10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso-8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso-8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso-8859-15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9 latin9 latin-9",
    "iso-8859-16": "iso-8859-16",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-ru koi8-u",
    "mac-roman": "csmacintosh mac macintosh x-mac-roman",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "cp874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
    "cp1250": "cp1250 windows-1250 x-cp1250",
    "cp1251": "cp1251 windows-1251 x-cp1251",
    # As on the web, Latin-1 means windows-1252, which has printable characters where Latin-1 has control characters.
    "cp1252": (
        "cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 "
        "iso_8859-1 iso_8859-1:1987 l1 latin1 latin-1 windows-1252 x-cp1252"
    ),
    "cp1253": "cp1253 windows-1253 x-cp1253",
    "cp1254": "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 l5 latin5 windows-1254 x-cp1254",
    "cp1255": "cp1255 windows-1255 x-cp1255",
    "cp1256": "cp1256 windows-1256 x-cp1256",
    "cp1257": "cp1257 windows-1257 x-cp1257",
    "cp1258": "cp1258 windows-1258 x-cp1258",
    "gb18030": "chinese csgb2312 csiso58gb231280 gb18030 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc-jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso-2022-jp": "csiso2022jp iso-2022-jp",
    "cp932": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "cp949": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ksc5601 ksc_5601 windows-949",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16le unicode ucs-2 csunicode",
    "utf-16-be": "utf-16be unicodefffe",
    "utf-32": "utf-32",
    "utf-32-le": "utf-32le",
    "utf-32-be": "utf-32be",
}
_BY_LABEL = {label: codec for codec, labels in _CODECS.items() for label in labels.split()}
_CHARSET = re.compile(r""";\s*charset\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;]*))""", re.IGNORECASE)
_MARKED_JSON = re.compile(rb"\xef\xbb\xbf\s*[\[{]")
_BOMS = {
    # The longer ones first: that of UTF-16 begins that of UTF-32.
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
}


def codec_of(label: str) -> str | None:
    """Return Python's codec of a charset by its label, in any case; None if it is not known, and for UTF-8."""
    label = label.strip().lower()
    return _BY_LABEL.get(label) or _BY_LABEL.get(label.replace("_", "-"))


def decode_body(body: bytes, content_type: str) -> tuple[str | None, str | None]:
    """Return a body as text, and the codec: by the charset that its content type names, or by the BOM of JSON.

    body: at least one byte. Returns (None, None) if it is plain UTF-8, or of a charset that is not known: the engines
    read that by themselves. JSON that is UTF-8 is read as that, whatever charset is named: JSON has no other. What
    begins with the BOM of UTF-8 and an object or a list is JSON, whatever its type.
    """
    if 0 < body[0] < 0x80 and ";" not in content_type:
        return None, None  # as nearly all bodies are: no BOM, no charset
    is_json = _is_json(content_type)
    codec = next((codec for bom, codec in _BOMS.items() if body.startswith(bom)), None) if is_json else None
    if _MARKED_JSON.match(body):  # many clients send it under no type, or under that of forms
        codec = "utf-8-sig"
    if codec is None:
        codec = _named(content_type)
        if codec is None or (is_json and not codec.startswith("utf-") and _is_utf_8(body)):
            return None, None
    return body.decode(codec, "replace"), codec


def encode_body(text: str, content_type: str) -> bytes:
    """Return the bytes of a text that is sent under a content type: `decode_body` reads the text of them again.

    Raises UnicodeEncodeError for a character that the charset does not have.
    """
    codec = _named(content_type) or "utf-8"
    return text.encode("utf-8" if _is_json(content_type) and not codec.startswith("utf-") else codec)


def _named(content_type: str) -> str | None:
    """Return the codec of the charset that a content type names; None as `codec_of` does."""
    named = _CHARSET.search(content_type) if ";" in content_type else None
    return codec_of(named[1] or named[2] or named[3] or "") if named else None


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower().endswith(("/json", "+json"))


def _is_utf_8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
