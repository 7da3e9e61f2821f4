"""The small functions of `support/`: amounts, times, tables, addresses, and how a mail is written.

They are the same file in both apps.
"""

from datetime import timedelta, timezone
from email import message_from_bytes, policy

import pytest

from tests.kit.helpers import DAY, HOUR, MINUTE, NOW


@pytest.fixture(scope="session")
def money(import_from_app):
    return import_from_app("support.money")


@pytest.mark.behaviour("money.rounding")
@pytest.mark.parametrize(
    ("cents", "percent", "share"),
    [(1005, 10, 101), (1004, 10, 100), (1, 50, 1), (1, 49, 0), (2501, 100, 2501), (2501, 0, 0)],
)
def test_a_percentage_is_rounded_half_up_to_the_cent(money, cents, percent, share):
    assert money.percent_of(cents, percent) == share


@pytest.mark.behaviour("money.rounding")
@pytest.mark.parametrize(
    ("gross", "net"), [(11900, 10000), (2500, 2101), (1, 1), (0, 0), (123456, 103745)]
)
def test_a_net_amount_is_rounded_half_up_to_the_cent(money, gross, net):
    assert money.net_of(gross) == net


@pytest.mark.behaviour("money.text")
@pytest.mark.parametrize(
    ("cents", "text"), [(0, "€0.00"), (5, "€0.05"), (1250, "€12.50"), (123456789, "€1,234,567.89")]
)
def test_an_amount_is_shown_in_euros(money, cents, text):
    assert money.euros(cents) == text


@pytest.fixture(scope="session")
def clock_texts(import_from_app):
    return import_from_app("support.clock")


@pytest.mark.behaviour("time.text")
def test_an_instant_is_shown_in_utc(clock_texts):
    in_berlin = NOW.astimezone(timezone(timedelta(hours=1)))

    assert clock_texts.utc_text(in_berlin) == "2027-03-01 12:00 UTC"


@pytest.mark.behaviour("time.text")
@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (30 * MINUTE, "30 minutes"),
        (HOUR, "1 hour"),
        (36 * HOUR, "36 hours"),
        (2 * DAY, "48 hours"),
        (60 * HOUR, "60 hours"),
        (3 * DAY, "3 days"),
    ],
)
def test_a_duration_is_shown_in_hours_up_to_two_days(clock_texts, duration, text):
    assert clock_texts.duration_text(duration) == text


@pytest.fixture(scope="session")
def spreadsheet(import_from_app):
    return import_from_app("support.spreadsheet")


@pytest.mark.behaviour("csv.defused")
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_text_that_looks_like_a_formula_gets_an_apostrophe(spreadsheet, text):
    assert spreadsheet.csv_text([[text]]) == f"'{text}\r\n"


@pytest.mark.behaviour("csv.defused")
def test_a_carriage_return_at_the_start_gets_an_apostrophe_too(spreadsheet):
    assert spreadsheet.csv_text([["\r=1"]]) == '"\'\r=1"\r\n'


@pytest.mark.behaviour("csv.defused")
def test_a_number_and_other_texts_stay_as_they_are(spreadsheet):
    assert spreadsheet.csv_text([["A-1", -5], ['A,"B"', 0]]) == 'A-1,-5\r\n"A,""B""",0\r\n'


@pytest.mark.behaviour("money.text")
@pytest.mark.parametrize(
    ("cents", "text"), [(11_900_000, "119000.00"), (-1250, "-12.50"), (-5, "-0.05"), (0, "0.00")]
)
def test_an_amount_in_a_table_is_a_plain_number(spreadsheet, cents, text):
    assert spreadsheet.plain_euros(cents) == text


@pytest.fixture(scope="session")
def addresses(import_from_app):
    return import_from_app("support.addresses")


@pytest.mark.behaviour("address.web")
@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("https://shop.example", True),
        ("http://127.0.0.1:5000/shop/", True),
        ("https://shop.example:65535", True),
        ("https://shop.example:65536", False),
        ("https://shop.example:0", False),
        ("ftp://shop.example", False),
        ("shop.example", False),
        ("https://", False),
        ("https://ada:secret@shop.example", False),
        ("https://shop.example/?q=1", False),
        ("https://shop.example/%41", False),
        ("https://shop.example\n", False),
        (None, False),
    ],
)
def test_a_web_address_has_a_host_and_a_port_and_no_secrets(addresses, text, accepted):
    assert addresses.is_web_address(text) == accepted


BAD_MAIL_ADDRESSES = [
    "=?utf-8?q?x=0Ay?=@example.org",
    "=?utf-8?q?a=40victim.example?=@example.org",
    "a\n b@example.org",
    "x\ny@example.org",
    "x\nBcc: eve@evil.example",
    "ü@example.org",
    "",
]


@pytest.mark.behaviour("address.mail")
@pytest.mark.parametrize("text", [*BAD_MAIL_ADDRESSES, "ada", "a b@example.org", None])
def test_an_address_that_no_header_can_have_is_no_mail_address(addresses, text):
    assert not addresses.is_mail_address(text)


@pytest.mark.behaviour("address.mail")
@pytest.mark.parametrize("text", ["ada@example.org", "o'neil+jazz@example.org"])
def test_a_plain_address_is_a_mail_address(addresses, text):
    assert addresses.is_mail_address(text)


@pytest.fixture(scope="session")
def compose(import_from_app):
    """Return a function that writes a mail and reads it again, as the recipient's program does."""
    compose = import_from_app("support.messages").compose

    def compose_and_read(**differences):
        facts = {"sender": "shop@example.org", "to": "ada@example.org", "subject": "Jazz"}
        written = compose(**{**facts, "body": "Hello.", "mail_id": "mail-1", **differences})
        return message_from_bytes(written.as_bytes(), policy=policy.default)

    return compose_and_read


@pytest.mark.behaviour("mail.written")
@pytest.mark.parametrize(
    "title",
    [
        "Jazz =?utf-8?q?=0D=0ABcc:_eve=40evil.example?=",
        "=?utf-8?b?SmF6eg==?=",
        "Jazz =? unfinished",
        "Ça va? Oui! 🎷",
        "Z" * 120,
        "ü" * 120,
        "Bcc: eve@evil.example",
    ],
)
def test_the_subject_arrives_as_it_was_typed(compose, title):
    mail = compose(subject=f"Your tickets for {title}")

    assert mail["Subject"] == f"Your tickets for {title}"
    assert sorted(mail.keys()) == [
        "Content-Transfer-Encoding",
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "Subject",
        "To",
    ]


@pytest.mark.behaviour("mail.written")
def test_the_text_arrives_as_it_was_typed(compose):
    text = "Hello =?utf-8?q?Ada?= <b>Sørensen</b> .\N{SNOWMAN},\n.\nFrom here on\n"

    assert compose(body=text).get_content() == f"{text}\n"


@pytest.mark.behaviour("mail.written")
def test_a_long_address_is_written_in_one_piece(compose):
    address = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.org"

    assert compose(to=address)["To"] == address


@pytest.mark.behaviour("mail.written")
def test_a_mail_has_its_own_id(compose):
    assert compose(mail_id="mail-7")["Message-ID"] == "<mail-7@example.org>"


@pytest.mark.behaviour("mail.written")
@pytest.mark.parametrize("address", BAD_MAIL_ADDRESSES)
def test_a_mail_to_an_address_that_no_header_can_have_is_not_written(compose, address):
    with pytest.raises(ValueError, match="cannot stand in a header"):
        compose(to=address)
