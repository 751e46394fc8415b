"""The channels: what is filled in cannot change the form, and only a good answer counts as taken."""

import json
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr

from schemas.people import Contact
from schemas.vocabulary import Channel, Priority
from services.notifications import texts
from services.notifications.channels import Channels, Message, NotTaken, Taken, compose, fill, read_answer
from services.runtime.settings import Settings

KARI = Contact(display_name="Kari", phone="+4790000001", email="kari@example.org")
MESSAGE = Message("Varsel", 'Hei "du"\nog {to} \\ på ny linje', "ref-1")


def in_json(value: str) -> str:
    return json.dumps(value)[1:-1]


def test_a_text_with_quotes_braces_and_line_breaks_stays_one_value() -> None:
    values = {"to": KARI.phone or "", "text": MESSAGE.text, "reference": "r"}
    template = '{"recipients": ["{to}"], "m": {"body": "{text}"}, "other": "{unknown}"}'
    filled = json.loads(fill(template, values, in_json))
    assert filled == {"recipients": [KARI.phone], "m": {"body": MESSAGE.text}, "other": "{unknown}"}


@pytest.mark.parametrize(
    ("status", "content", "field", "outcome"),
    [
        (200, b"{}", "", Taken()),
        (200, b"OK", "", Taken()),
        (202, b'{"messages": [{"id": 7}]}', "messages.0.id", Taken("7")),
        (200, b'{"id": ""}', "id", NotTaken("NO_RECEIPT")),
        (200, b"<html>", "id", NotTaken("NO_RECEIPT")),
        (200, b'{"messages": []}', "messages.0.id", NotTaken("NO_RECEIPT")),
        (200, b'{"id": "1", "error": "no credit"}', "id", NotTaken("SAID_ERROR")),
        (302, b"", "", NotTaken("HTTP_302")),
        (429, b"{}", "", NotTaken("HTTP_429")),
    ],
)
def test_only_a_good_answer_counts_as_taken(
    status: int, content: bytes, field: str, outcome: Taken | NotTaken
) -> None:
    assert read_answer(status, content, field) == outcome


@pytest.mark.parametrize("word", ["x\r\nBcc: all@example.org", "x\nBcc: all@example.org"])
def test_no_value_starts_another_header_of_a_mail(word: str) -> None:
    for sender, to, subject in ((word, "a@b.no", "s"), ("a@b.no", word, "s"), ("a@b.no", "a@b.no", word)):
        with pytest.raises(ValueError, match=r"header|linefeed|newline|parse"):
            compose(sender, to, Message(subject, "text", "r"))


async def test_headers_come_from_the_settings_and_a_form_is_encoded() -> None:
    settings = Settings(
        gateway_url="http://127.0.0.1:9/{to}",
        gateway_body="to={to}&text={text}",
        gateway_headers=SecretStr("X-Key: secret\nX-Ref: {reference}"),
    )
    channels = Channels(settings)
    values = {"to": KARI.phone or "", "text": MESSAGE.text, "reference": "r\r\nX-Evil: 1"}
    headers = channels._headers(values, is_json=False)
    assert headers["x-key"] == "secret"
    assert headers["x-ref"] == "rX-Evil: 1"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert await channels.send(Channel.GATEWAY, KARI, MESSAGE) == NotTaken("UNREACHABLE")
    await channels.close()


async def test_what_cannot_be_sent_is_said_and_never_raised() -> None:
    channels = Channels(Settings())
    assert await channels.send(Channel.GATEWAY, KARI, MESSAGE) == NotTaken("NOT_CONFIGURED")
    assert await channels.send(Channel.EMAIL, KARI, MESSAGE) == NotTaken("NOT_CONFIGURED")
    assert await channels.send(Channel.GATEWAY, None, MESSAGE) == NotTaken("NO_ADDRESS")
    nameless = Contact(display_name="Kari")
    assert await channels.send(Channel.EMAIL, nameless, MESSAGE) == NotTaken("NO_ADDRESS")
    await channels.close()


def test_a_form_body_survives_every_sign() -> None:
    from services.notifications.channels import _in_address

    filled = fill("to={to}&text={text}", {"to": "+47", "text": MESSAGE.text, "reference": ""}, _in_address)
    assert parse_qs(filled) == {"to": ["+47"], "text": [MESSAGE.text]}


def test_an_actual_message_has_no_mode_word_and_may_leave_out_type_and_ref() -> None:
    told = texts.message("actual", Priority.HIGH, None, None, "https://x.no/k/s", repeated=False)
    assert told == "Varsel P2 høy. Svar: https://x.no/k/s"
