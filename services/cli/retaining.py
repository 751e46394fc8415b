"""Verbs of retention and legal hold: retention order, adopt, approve, end, preview; hold place, lift."""

from enum import StrEnum
from typing import Annotated

import typer

from schemas.vocabulary import Tag
from services.cli.frame import Call, Outcome, Usage, table, verb
from services.cli.options import Incident
from services.cli.sending import ask, local, on_incident, send
from services.cli.texts import language, say
from services.words.shared import word

retention = typer.Typer(
    help="How long words and records of deliveries are kept; an order takes two persons.",
    no_args_is_help=True,
)
hold = typer.Typer(help="Keep an incident whole, whatever was ordered.", no_args_is_help=True)

_Order = Annotated[str, typer.Argument(help="The order's id.", metavar="ORDER")]


class Of(StrEnum):
    """What an order is about."""

    WORDS = "words"
    DELIVERIES = "deliveries"


async def order(
    call: Call,
    days: Annotated[int, typer.Option(min=1, max=40_000, help="Days after an incident was closed.")],
    law: Annotated[str, typer.Option(help="The law it rests on, such as gdpr-5-1-e.")],
    where: Annotated[str | None, typer.Option(help="Organisation or watch; else the acting watch.")] = None,
    tag: Annotated[Tag | None, typer.Option(help="Only words that are tagged so.")] = None,
    of: Annotated[Of, typer.Option(help="Words, or the records of who was sent what.")] = Of.WORDS,
) -> Outcome:
    """Order that words be erased so many days after closing; nothing is erased before it is approved."""
    from schemas.identifiers import new_id
    from schemas.records import DELIVERY_DAYS_LEAST, OrderDeliveryTerm, OrderRetention

    request: OrderRetention | OrderDeliveryTerm
    if of is Of.WORDS:
        request = OrderRetention(order=new_id(), where=where or call.key, tag=tag, days=days, law=law)
    elif tag is not None or days < DELIVERY_DAYS_LEAST:
        raise Usage(f"records of deliveries bear no tag, and are kept {DELIVERY_DAYS_LEAST} days at least")
    else:
        request = OrderDeliveryTerm(order=new_id(), where=where or call.key, days=days, law=law)
    outcome = await send(call, request, done="Ordered; another person must approve it.")
    return Outcome(outcome.data | {"order": request.order}, [*outcome.lines, request.order], outcome.code)


async def adopt(call: Call, order: _Order) -> Outcome:
    """Make what the centre file proposed one's own order, as archive owner; another person approves it."""
    from schemas.records import AdoptRetention

    return await send(call, AdoptRetention(order=order), done="Ordered; another person must approve it.")


async def approve(call: Call, order: _Order) -> Outcome:
    """Approve an order that another person gave: from now on it erases, each night."""
    from schemas.records import ApproveRetention

    return await send(call, ApproveRetention(order=order), done="Approved; the order is in force.")


async def end(call: Call, order: _Order) -> Outcome:
    """End an order; what it has erased stays erased."""
    from schemas.records import EndRetention

    return await send(call, EndRetention(order=order), done="The order is ended.")


async def preview(call: Call) -> Outcome:
    """Show the orders, and what they would erase now; nothing is erased by looking."""
    found = await ask(call, "incidents", "retention")
    lang = language(call.lang)
    orders = [
        (
            one["order"],
            one["where"],
            word(one["of"], lang),
            word(one["tag"], lang),
            one["days"],
            one["law"],
            word(one["state"], lang),
        )
        for one in found["orders"]
    ]
    due = [
        (
            one["ref"] or one["report"],
            one["watch"],
            one["item"] or word(one["of"], lang),
            " ".join(one["tags"]),
            local(one["since"]),
        )
        for one in found["due"]
    ]
    lines = table(orders) if orders else [say("Nothing is ordered.", lang)]
    lines += ["", *(table(due) if due else [say("Nothing is due.", lang)])]
    return Outcome(found, [*lines, *([say("There is more.", lang)] if found["more"] else [])])


async def place(
    call: Call,
    said: Incident,
    ground: Annotated[str, typer.Option(help="Why, as a code such as court_case.")],
) -> Outcome:
    """Place a hold: nothing of the incident is erased until it is lifted."""
    from schemas.records import PlaceHold

    request = PlaceHold(**await on_incident(call, said), ground=ground)
    return await send(call, request, done="The hold is placed.")


async def lift(call: Call, said: Incident) -> Outcome:
    """Lift the hold of an incident."""
    from schemas.records import LiftHold

    return await send(call, LiftHold(**await on_incident(call, said)), done="The hold is lifted.")


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    app.add_typer(retention, name="retention")
    app.add_typer(hold, name="hold")
    example = "samvirke retention order --days 365 --law gdpr-5-1-e --tag person --where 4601"
    verb(retention, "order", example, acting=True)(order)
    number = "01a0b1c2-d3e4-7f5a-8b6c-7d8e9f0a1b2c"
    verb(retention, "adopt", f"samvirke retention adopt {number}", acting=True)(adopt)
    verb(retention, "approve", f"samvirke retention approve {number}", acting=True)(approve)
    verb(retention, "end", f"samvirke retention end {number}", acting=True)(end)
    verb(retention, "preview", "samvirke retention preview --json", acting=True)(preview)
    verb(hold, "place", "samvirke hold place 7K3Q9XT --ground court_case", acting=True)(place)
    verb(hold, "lift", "samvirke hold lift 7K3Q9XT", acting=True)(lift)
