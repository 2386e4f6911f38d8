"""Names and texts in every character set that Chinese devices write, declared or not."""

from __future__ import annotations

import pytest

from qiangji_datasets.formats.charset import CharacterSet, Decoded
from qiangji_datasets.records import NameStatus

D, G, U = NameStatus.DECODED, NameStatus.GUESSED, NameStatus.UNRECOGNISED


def _decode(raw: bytes, *declared: str) -> Decoded:
    return CharacterSet.declared(declared).decode(raw)


@pytest.mark.parametrize(
    ("raw", "declared", "text", "status"),
    [
        (b"Zhang^San", (), "Zhang^San", D),
        ("张^三".encode(), ("ISO_IR 192",), "张^三", D),
        ("王^小明".encode("gb18030"), ("GB18030",), "王^小明", D),
        ("\U00020087^𬬩".encode("gb18030"), ("GB18030",), "\U00020087^𬬩", D),
        ("张^三".encode("gbk"), ("GBK",), "张^三", D),
        ("张三".encode("gbk"), (), "张三", G),
        ("张三".encode("gbk"), ("ISO_IR 100",), "张三", G),
        ("王喆珺".encode("gbk"), ("ISO_IR 100",), "王喆珺", G),
        ("欧阳^娜娜".encode("gbk"), ("ISO_IR 192",), "欧阳^娜娜", G),
        ("张三".encode(), (), "张三", G),
        ("张三".encode(), ("ISO_IR 100",), "张三", G),
        ("张三".encode(), ("GB18030",), "张三", G),
        ("Buc^J\xe9r\xf4me".encode("latin_1"), ("ISO_IR 100",), "Buc^Jérôme", D),
        ("Äneas^Rüdiger".encode("latin_1"), ("ISO_IR 100",), "Äneas^Rüdiger", D),
        ("Sääskilahti".encode("latin_1"), ("ISO_IR 100",), "Sääskilahti", D),
        ("Buc^J\xe9r\xf4me".encode("latin_1"), (), "", U),
        ("Люкceмбypг".encode("iso8859_5"), ("ISO_IR 144",), "Люкceмбypг", D),
        ("ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis"), ("ISO_IR 13",), "ﾔﾏﾀﾞ^ﾀﾛｳ", D),
        ("张三".encode() + b"\xe4\xb8", ("ISO_IR 192",), "", U),
        ("张三".encode("gbk") + b"\xd5", ("GB18030",), "", U),
        ("张\ufffd".encode(), ("ISO_IR 192",), "", U),
        ("张三".encode() + b"\xe4\xb8", (), "", U),
        ("张三".encode() + b"\xe4\xb8", ("GB18030",), "", U),
        (b"\xff\xfe\x81", (), "", U),
        (b"A\x07B", (), "", U),
    ],
)
def test_a_text_is_right_or_openly_not_recognised(
    raw: bytes, declared: tuple[str, ...], text: str, status: NameStatus
) -> None:
    assert _decode(raw, *declared) == Decoded(text, status)


@pytest.mark.parametrize(
    ("raw", "declared", "text"),
    [
        (
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
            ("", "ISO 2022 IR 58"),
            "Zhang^XiaoDong=张^小东=",
        ),
        (
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            ("", "ISO 2022 IR 149"),
            "Hong^Gildong=洪^吉洞=홍^길동",
        ),
        (
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            ("", "ISO 2022 IR 87"),
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        (
            b"Dionysios is \x1b-F\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2",
            ("ISO 2022 IR 100", "ISO 2022 IR 126"),
            "Dionysios is Διονυσιος",
        ),
    ],
)
def test_code_extensions_are_decoded_group_by_group(
    raw: bytes, declared: tuple[str, ...], text: str
) -> None:
    assert _decode(raw, *declared) == Decoded(text, D)


def test_an_unknown_escape_is_not_recognised() -> None:
    assert _decode(b"A\x1b$)Z\xd5\xc5", "", "ISO 2022 IR 58").status is U
    assert _decode(b"A\x1b", "", "ISO 2022 IR 58").status is U


@pytest.mark.parametrize(
    ("declared", "terms", "is_standard"),
    [
        ((), ("",), True),
        (("ISO_IR 192",), ("ISO_IR 192",), True),
        (("", "ISO 2022 IR 58"), ("", "ISO 2022 IR 58"), True),
        (("GB2312",), ("GB18030",), False),
        (("utf8",), ("ISO_IR 192",), False),
        (("ISO-IR 100",), ("ISO_IR 100",), False),
        (("ISO 2022 GB",), ("",), False),
        (("ISO_IR 192", "GB18030"), ("ISO_IR 192",), False),
        (("", "GB18030"), ("GB18030",), False),
    ],
)
def test_misspelt_terms_keep_their_meaning_and_are_noticed(
    declared: tuple[str, ...], terms: tuple[str, ...], is_standard: bool
) -> None:
    assert CharacterSet.declared(declared) == CharacterSet(terms, is_standard)
