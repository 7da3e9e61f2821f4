"""The forms: what is accepted, and the sentence for what is not."""

import re
import secrets
import unicodedata
from datetime import UTC
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateTimeLocalField,
    EmailField,
    Field,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import (
    AnyOf,
    DataRequired,
    Email,
    InputRequired,
    Length,
    NumberRange,
    Optional,
    Regexp,
    StopValidation,
)

from .models import CATEGORIES, VoucherKind
from .support.addresses import is_mail_address

MOST_CENTS = 1_000_000
MOST_SEATS = 100_000
LONGEST_ADDRESS = 254
LONGEST_TITLE = 120
A_DATE = "Give a date and time in UTC, such as 2027-03-04 19:30."


def _for_headers(form: FlaskForm, field: Field) -> None:
    if not field.errors and not is_mail_address(field.data):
        raise ValidationError(
            "Give an e-mail address in ASCII letters, digits and signs, without =? in it."
        )


def _short_enough(form: FlaskForm, field: Field) -> None:
    # Nothing looks further: to normalise many combining marks takes a time that grows with the
    # square of their number.
    if len(field.data or "") > LONGEST_ADDRESS:
        raise StopValidation(f"Give an e-mail address of up to {LONGEST_ADDRESS} letters.")


AN_ADDRESS = (
    _short_enough,
    Email("Give an e-mail address, such as ada@example.org."),
    _for_headers,
)


def _tidy(text: str | None) -> str:
    """Return a one-line text without the blanks around it or the line breaks in it."""
    return " ".join((text or "").split())


class ShopForm(FlaskForm):
    """A form that reads the fields of a submitted form, and no JSON and no uploaded file."""

    class Meta(FlaskForm.Meta):
        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:
            """Return the submitted fields; None for a page, or where `formdata` is None."""
            return request.form if formdata is not None and form.is_submitted() else None


class EuroField(StringField):
    """An amount typed in euros, such as `12.50`, kept as integer cents; None when empty."""

    data: Any

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else f"{self.data // 100}.{self.data % 100:02}"

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist and valuelist[0] else None
        self.data = None
        if text is None:
            return
        if not re.fullmatch(r"[0-9]{1,6}([.,][0-9]{1,2})?", text):
            raise ValueError("Give an amount in euros, such as 12.50.")
        whole, _, part = text.replace(",", ".").partition(".")
        self.data = int(whole) * 100 + int(part.ljust(2, "0"))
        if self.data > MOST_CENTS:
            raise ValueError(f"Give at most {MOST_CENTS // 100} euros.")


class UTCDateTimeField(DateTimeLocalField):
    """An instant typed in UTC, such as `2027-03-04 19:30`; aware, None when empty."""

    data: Any

    def __init__(self, label: str, validators: Any = None, **options: Any) -> None:
        super().__init__(
            label,
            validators,
            format=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
            invalid_value_message=A_DATE,
            **options,
        )

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        # strptime() takes the digits of every script, and years that it does not write again
        # with four digits: the field would refuse what it shows.
        if valuelist and not re.fullmatch(r"[1-9][0-9]{3}-[0-9T :-]+", " ".join(valuelist)):
            self.data = None
            raise ValueError(A_DATE)
        if self.data is not None:
            self.data = self.data.replace(tzinfo=UTC)


class DigitsField(IntegerField):
    """A whole number in ASCII digits: `int()` would take `+1`, `1_0` and `１` as well."""

    data: Any

    def process_formdata(self, valuelist: list[str]) -> None:
        # A number that is missing is none: the default is what an empty form shows.
        if not re.fullmatch(r"\s*[0-9]{1,9}\s*", "".join(valuelist[:1])):
            self.data = None
            raise ValueError(self.invalid_value_message or "Give a whole number, such as 2.")
        super().process_formdata(valuelist)


class WholeField(DigitsField):
    """A whole number from 1 to `most`."""

    def __init__(self, label: str, what: str, *, most: int, **options: Any) -> None:
        sentence = f"Give a {what} from 1 to {most}."
        super().__init__(
            label,
            [NumberRange(1, most, sentence)],
            invalid_value_message=sentence,
            **options,
        )


class SeatsForm(ShopForm):
    """A form that asks for 1 to `most` seats."""

    quantity: DigitsField

    def __init__(self, most: int, **options: Any) -> None:
        super().__init__(**options)
        self.most = most

    def validate_quantity(self, field: Field) -> None:
        if field.data is None or not 1 <= field.data <= self.most:
            field.errors = []  # the field's own "Not a valid integer" says less
            raise ValidationError(f"Choose 1 to {self.most} seats.")


class CheckoutForm(SeatsForm):
    """The purchase. `card_token` may stay empty where nothing is to pay.

    `offer` is the token of an offer of the waiting list, and empty for all other buyers.
    """

    checkout_id = HiddenField(
        validators=[
            DataRequired("The form was not complete: send it again."),
            Length(max=64, message="The form was not complete: send it again."),
        ]
    )
    name = StringField(
        "Name", filters=[_tidy], validators=[Length(1, 100, "Give your name, up to 100 letters.")]
    )
    email = EmailField("E-mail", filters=[_tidy], validators=AN_ADDRESS)
    quantity = DigitsField("Seats", default=1)
    voucher = StringField("Voucher", filters=[_tidy])
    card_token = StringField("Card", filters=[_tidy])
    offer = HiddenField()

    def renew(self) -> None:
        """Give the form a checkout id of its own: it stands for one purchase, not two."""
        self.checkout_id.data = secrets.token_urlsafe(16)


class WaitlistForm(SeatsForm):
    """A place in the queue. It may stand on one page with the checkout, hence the ids."""

    email = EmailField("E-mail", filters=[_tidy], validators=AN_ADDRESS, id="waitlist-email")
    quantity = DigitsField("Seats", default=1, id="waitlist-quantity")


class CheckinForm(ShopForm):
    code = StringField(
        "Ticket", filters=[_tidy], validators=[DataRequired("Give the code of a ticket.")]
    )


class LoginForm(ShopForm):
    name = StringField("Name", validators=[InputRequired("Give your name.")])
    password = PasswordField("Password", validators=[InputRequired("Give your password.")])


class EventForm(ShopForm):
    """An event, with prices in euros and instants in UTC."""

    title = StringField(
        "Title",
        filters=[_tidy],
        validators=[Length(1, LONGEST_TITLE, "Give a title, up to 120 letters.")],
    )
    slug = StringField(
        "Short name for the address",
        filters=[_tidy],
        description="Made from the title when empty.",
        validators=[
            Length(max=80, message="Use at most 80 letters."),
            Regexp(
                r"([a-z0-9]+(-[a-z0-9]+)*)?\Z",
                message="Use small letters, digits and single hyphens, such as jazz-night.",
            ),
        ],
    )
    summary = TextAreaField(
        "Summary", validators=[Length(1, 2000, "Give a summary, up to 2000 letters.")]
    )
    venue = StringField(
        "Venue", filters=[_tidy], validators=[Length(1, 120, "Give a venue, up to 120 letters.")]
    )
    category = SelectField(
        "Category",
        choices=[SelectChoice(name, name.title()) for name in CATEGORIES],
        validate_choice=False,
        validators=[AnyOf(CATEGORIES, "Choose one of " + ", ".join(CATEGORIES) + ".")],
    )
    starts_at = UTCDateTimeField(
        "Starts at (UTC)",
        validators=[InputRequired(A_DATE)],
    )
    capacity = WholeField("Seats", "number of seats", most=MOST_SEATS)
    price = EuroField(
        "Price (€)", validators=[InputRequired("Give a price in euros; 0 for a free event.")]
    )
    early_bird_price = EuroField("Early-bird price (€)")
    early_bird_until = UTCDateTimeField("Early bird until (UTC)", validators=[Optional()])
    max_per_order = WholeField("Most seats in one order", "number of seats", most=100, default=10)
    published = BooleanField("Published")

    def validate_slug(self, field: Field) -> None:
        if not field.data:
            field.data = slug_of(self.title.data or "")
        if not field.data and self.title.data:
            raise ValidationError("The title has no letters for an address: give a short name.")

    def validate_early_bird_price(self, field: Field) -> None:
        if (field.data is None) != (self.early_bird_until.data is None):
            raise ValidationError("Give the early-bird price and its last day, or neither.")


class VoucherForm(ShopForm):
    """A voucher. `value` is a whole percentage, or an amount in euros."""

    code = StringField(
        "Code",
        filters=[_tidy, str.upper],
        validators=[
            Length(1, 40, "Give a code, up to 40 letters."),
            Regexp(r"[A-Z0-9-]*\Z", message="Use letters, digits and hyphens, such as SPRING-10."),
        ],
    )
    kind = RadioField(
        "Takes off",
        choices=[
            SelectChoice(VoucherKind.PERCENT, "a percentage"),
            SelectChoice(VoucherKind.AMOUNT, "an amount in euros"),
        ],
        default=VoucherKind.PERCENT,
        validate_choice=False,
        validators=[AnyOf(list(VoucherKind), "Choose percent or amount.")],
    )
    value = EuroField(
        "Value",
        description="A percentage such as 15, or an amount in euros such as 7.50.",
        validators=[InputRequired("Give a value.")],
    )
    event = SelectField("Only for", choices=[], validate_choice=False)
    valid_from = UTCDateTimeField("Valid from (UTC)", validators=[Optional()])
    valid_until = UTCDateTimeField("Valid until (UTC)", validators=[Optional()])
    max_uses = WholeField("Uses", "number of uses", most=MOST_SEATS, default=1)

    def validate_value(self, field: Field) -> None:
        if field.data is None:
            return
        if self.kind.data == VoucherKind.PERCENT and (
            field.data % 100 or not 1 <= field.data // 100 <= 100
        ):
            raise ValidationError("Give a whole percentage from 1 to 100.")
        if field.data == 0:
            raise ValidationError("Give more than nothing.")

    def validate_valid_until(self, field: Field) -> None:
        if field.data and self.valid_from.data and field.data < self.valid_from.data:
            raise ValidationError("Give an end that is not before the start.")

    @property
    def value_off(self) -> int:
        """What the voucher takes off: whole percent, or cents."""
        cents: int = self.value.data
        return cents // 100 if self.kind.data == VoucherKind.PERCENT else cents


def slug_of(title: str) -> str:
    """Return a title as the part of an address: `Ça va? Oui!` becomes `ca-va-oui`."""
    plain = unicodedata.normalize("NFKD", title[:LONGEST_TITLE]).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", plain.lower()))[:80].rstrip("-")
