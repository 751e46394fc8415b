"""Options that several verbs take."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.vocabulary import Level, Priority, ReadReason, Tag

LevelOption = Annotated[Level, typer.Option(help="Widest circle that may see it.")]
Tags = Annotated[list[Tag] | None, typer.Option("--tag", help="What it holds; caps the level. Repeat it.")]
Named = Annotated[
    list[str] | None,
    typer.Option("--named", help="Receiver at level named: organisation or watch. Repeat it."),
]
Notify = Annotated[list[str] | None, typer.Option("--notify", help="Watch to be told. Repeat it.")]
PriorityOption = Annotated[Priority | None, typer.Option(help="How it ranks.")]
Unconfirmed = Annotated[bool, typer.Option("--unconfirmed", help="It is not confirmed.")]
ChannelOption = Annotated[str | None, typer.Option("--channel", help="How it came, such as phone.")]
Paper = Annotated[bool, typer.Option("--paper", help="Typed in later from paper; say --at.")]
Text = Annotated[str | None, typer.Option(help="The words.")]
Place = Annotated[str | None, typer.Option(help="Where, in words.")]
Position = Annotated[str | None, typer.Option(help="Latitude,longitude.")]
Source = Annotated[str | None, typer.Option(help="Who said it.")]
Reference = Annotated[str | None, typer.Option(help="Where more is kept, in another system.")]
Figures = Annotated[
    list[str] | None, typer.Option("--figure", help="A count, such as evakuert=40. Repeat it.")
]
At = Annotated[str | None, typer.Option("--at", help="When it happened; now if left out.")]
Attach = Annotated[
    list[Path] | None,
    typer.Option("--attach", help="A file to attach beside. Repeat it.", exists=True, dir_okay=False),
]
Incident = Annotated[
    str, typer.Argument(help="Its reference, such as 7K3Q9XT; or its number or id.", metavar="INCIDENT")
]
ReasonOption = Annotated[
    ReadReason | None,
    typer.Option("--reason", help="Why you read what is closed, or another watch's and tagged; it is kept."),
]
