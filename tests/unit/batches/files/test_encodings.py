"""Files that are not UTF-8: which encoding they are in is told by their words, and they are read by it."""

from pathlib import Path

import pytest

from order_system.batches.files import ENCODINGS, first_profile, parse_mapping, parse_profile
from order_system.domain.order_file import FileRefused
from tests.fixtures.documents.order_files import csv_text, read, row, write


@pytest.mark.parametrize(
    ("encoding", "name", "street"),
    [
        (
            "cp932",
            "山田 太郎",
            "千代田区千代田1-1 ソニービル",
        ),  # the second byte of ソ is a backslash, of ー [
        ("cp932", "スズキ", "大阪市北区梅田2-2 A棟"),
        ("gb18030", "张伟", "北京市朝阳区建国路88号"),
        ("cp950", "陳小明", "台北市信義區市府路1號"),
        ("cp949", "김철수", "서울특별시 강남구 테헤란로 1"),
        ("cp1251", "Иван Петров", "Москва, ул. Ленина 1"),
        ("cp1253", "Γιώργος Παπαδόπουλος", "Αθήνα"),
        ("cp1252", "Zoë Müller", "Hauptstraße 5"),
        ("cp1252", "MÜLLER GMBH", "ÉCOLE D'ÉTÉ"),
        ("cp1250", "Růžena Šťastná", "Náměstí Míru 1"),
        ("cp850", "Zoë Müller", "Hauptstraße 5"),
        ("mac_roman", "Zoë Müller", "Hauptstraße 5"),
        ("cp1254", "Ayşe Çağlar", "Atatürk Caddesi 1"),
        # In other encodings, signs and a blank that never breaks are letters.
        ("cp1252", "Kim Doe", "The £1 Shop"),
        ("cp1252", "Kim Doe", "99 € Laden"),
        ("cp1252", "Kim Doe", "1\u00a0299 kr"),
        ("cp1252", "Kim Doe", "Place de l\u2019eau"),
    ],
)
def test_a_file_is_read_in_the_encoding_that_its_words_tell(
    tmp_path: Path, encoding: str, name: str, street: str
) -> None:
    content = csv_text(row(customer_name=name, street=street)).encode(encoding)
    text = first_profile(str(write(tmp_path, content)), [str(tmp_path)])
    profile = parse_profile(text.replace("guessed = true", ""))
    assert profile.encoding == encoding
    order = read(tmp_path, content, profile=profile).order("A-1")
    assert (order.customer.name, order.shipping_address.street) == (name, street)


@pytest.mark.parametrize(
    "encoding", [*ENCODINGS, "shift_jis", "gbk", "gb2312", "euc_kr", "big5", "windows-1251"]
)
def test_every_encoding_can_be_asked_for(tmp_path: Path, encoding: str) -> None:
    content = csv_text(row()).encode(encoding)
    assert read(tmp_path, content, encoding=encoding).ids == ["A-1"]
    assert read(
        tmp_path, content, mapping=parse_mapping("customer_name=customer_name"), encoding=encoding
    ).ids


@pytest.mark.parametrize("encoding", ["cp932", "gb18030", "cp949", "cp950", "cp1253", "cp1254", "latin-1"])
def test_utf8_is_not_read_as_another_encoding(tmp_path: Path, encoding: str) -> None:
    """Two bytes of a letter would make another one, as 毛 of ë, and nobody would see a mistake."""
    content = csv_text(row(customer_name="Zoë"))
    with pytest.raises(FileRefused, match=f"is UTF-8, and not {encoding}: give utf-8 as the encoding"):
        read(tmp_path, content, encoding=encoding)


@pytest.mark.parametrize("name", ["Иван Петров", "Γιώργος Παπαδόπουλος"])
def test_utf8_with_one_bad_byte_is_not_taken_for_chinese(tmp_path: Path, name: str) -> None:
    content = csv_text(row(customer_name=name), row("A-2")).encode().replace(b"Ada", b"M\xfcller")
    text = first_profile(str(write(tmp_path, content)), [str(tmp_path)])
    assert 'encoding = "cp1252"  # or ' in text


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("cp1251", "ИВАН"), ("cp1253", "ΙΣΛΑΝΔΊΑ"), ("cp1252", "FÄRÖ")],
)
def test_few_words_of_one_byte_a_letter_are_not_taken_for_two(
    tmp_path: Path, encoding: str, name: str
) -> None:
    text = first_profile(
        str(write(tmp_path, csv_text(row(customer_name=name)).encode(encoding))), [str(tmp_path)]
    )
    assert f'encoding = "{encoding}"' in text


def test_of_few_chinese_words_a_person_is_shown_both_readings(tmp_path: Path) -> None:
    content = csv_text(row(customer_name="欧盟")).encode("gb18030")
    text = first_profile(str(write(tmp_path, content)), [str(tmp_path)])
    assert "  # or gb18030? That reads " in text
    assert " or 欧盟" in text
