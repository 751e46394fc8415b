"""What is said of each code of the hub: what happened, what it means, what to do."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from services.words.sentences_exercises import OF_EXERCISES
from services.words.sentences_reports import OF_REPORTS
from services.words.shared import say

_TERMINAL = re.compile(r"samvirke [a-z]|--[a-z]|SAMVIRKE_")


class Sentences(NamedTuple):
    """Three sentences in English, with parameters in braces; each is a key of the catalogue."""

    happened: str
    means: str
    do: str


NOT_STORED = "Nothing was stored."
UNCHANGED = "Nothing was changed."
REPORT_FAULT = "Look for it in the hub's log, and report it if it happens again."
_LOOK = "See where it stands with: samvirke incident show."
_ASK_LEADER = "Ask a leader of the watch to give you the role."

OF_THE_HUB: dict[str, Sentences] = {
    "MALFORMED": Sentences(
        "The message has a wrong form in: {where}.", NOT_STORED, "Correct these fields and send it again."
    ),
    "DUPLICATE_KEY": Sentences(
        "The message names the same field twice.", NOT_STORED, "Keep one of the two and send it again."
    ),
    "UNKNOWN_TYPE": Sentences(
        "The hub does not know this command.",
        "The hub and this program may be of different versions.",
        "Compare them with: samvirke doctor.",
    ),
    "TOO_LARGE": Sentences(
        "The message is larger than {limit} bytes.",
        NOT_STORED,
        "Shorten the text, or split it in several entries.",
    ),
    "UNKNOWN_FILE": Sentences(
        "No file with that id can be seen from this watch.",
        "It may be erased, or not shared with this watch.",
        "Look up its id in the incident that it belongs to.",
    ),
    "FILE_TYPE_REFUSED": Sentences(
        "The file is of a type that is not kept here.",
        NOT_STORED,
        "Send a picture (JPEG, PNG, WebP, HEIC), a PDF, a film (MP4), or plain text.",
    ),
    "FILE_TYPE_WRONG": Sentences(
        "The file is called {claimed}, but is {found}.", NOT_STORED, "Give the file its right name and type."
    ),
    "FILE_TOO_LARGE": Sentences(
        "The file is larger than {limit} bytes.", NOT_STORED, "Send a smaller one, or several."
    ),
    "FILE_TOO_DENSE": Sentences(
        "The picture unfolds into more than {limit} pixels.", NOT_STORED, "Send it in a smaller size."
    ),
    "FILE_INCOMPLETE": Sentences(
        "Not all of the file has come, or it came too slowly.", NOT_STORED, "Send it again."
    ),
    "FILE_HELD": Sentences(
        "The file is not given out now: {outcome}.",
        "It is kept; a file is given out when it is checked, to others only without hidden data.",
        "Try again in a moment, or ask the watch that attached it.",
    ),
    "FILES_FULL": Sentences(
        "The room for files is full.",
        "The file was not stored; the log itself goes on.",
        "Write in words what the file shows, and tell who runs the hub.",
    ),
    "WRONG_SENDER": Sentences(
        "The message names another watch than the one it was sent from.",
        NOT_STORED,
        "Choose the watch with --watch, and use its own credential.",
    ),
    "UNKNOWN_WATCH": Sentences(
        "The watch {watch} is not set up in this mode.",
        UNCHANGED,
        "Check the spelling and --mode; add it to the centre file and run: samvirke centre apply.",
    ),
    "NO_OFFSET": Sentences(
        "A time has no offset, in: {where}.",
        NOT_STORED,
        "Write it with an offset, such as 2027-01-14T08:00+01:00.",
    ),
    "NOT_ALLOWED": Sentences("You have no role that allows this: {act}.", UNCHANGED, _ASK_LEADER),
    "FOREIGN_PAGE": Sentences(
        "This was not sent by a page of your session.",
        UNCHANGED,
        "Open the page anew and send it from there; a program uses a token.",
    ),
    "PERSON_NEEDED": Sentences(
        "Only a named person may do this.", UNCHANGED, "Say who acts with --person or SAMVIRKE_PERSON."
    ),
    "GRADED_NEVER_STORED": Sentences(
        "Graded information is never kept in this system.",
        "The text was stopped before it was stored anywhere.",
        "Use a system approved for it, and write here only that the matter is handled there.",
    ),
    "LEVEL_ABOVE_CAP": Sentences(
        "What is tagged {tag} may at most be shared at level {cap}.",
        NOT_STORED,
        "Choose a narrower level, or take the tagged part out of the text.",
    ),
    "HEALTH_BY_REFERENCE": Sentences(
        "Health text is not kept by this watch.",
        "The text was stopped before it was stored anywhere.",
        "Send a reference to your own system (--reference), and figures.",
    ),
    "PERSON_TAG_MISSING": Sentences(
        "The text holds a national identity number.",
        "The text was stopped before it was stored anywhere.",
        "Leave the number out, or tag the item with --tag person.",
    ),
    "CONTENT_NEEDED": Sentences(
        "The message has no words.", NOT_STORED, "Write a headline or a text, and send it again."
    ),
    "NAMED_NEEDS_LIST": Sentences(
        "Level named needs at least one receiver.", NOT_STORED, "Name them with --named, once for each."
    ),
    "NO_AGREEMENT": Sentences(
        "There is no active agreement with {organisation}.",
        NOT_STORED,
        "Take them off the list, or put the agreement into the centre file and run: samvirke centre apply.",
    ),
    "ADDRESSEE_CANNOT_SEE": Sentences(
        "The watch {watch} is to be told, but may not see the item at this level.",
        NOT_STORED,
        "Choose a wider level, name the watch with --named, or do not tell it.",
    ),
    "NOT_WIDER": Sentences(
        "The item is shared at level {level} already.",
        "A level is never lowered: others may have it by now.",
        "Choose a wider level, or strike the item with: samvirke incident correct.",
    ),
    "UNKNOWN_INCIDENT": Sentences(
        "No such incident can be seen from this watch.",
        "Either the reference is misspelt, or it is not shared with you.",
        "Check the seven characters; list what you may see with: samvirke incidents.",
    ),
    "REASON_NEEDED": Sentences(
        "Reading this needs a reason: it is closed, or another watch's and tagged.",
        "The reason is kept with who read it and when; any of the codes opens it.",
        "Give one of them with --reason: {reasons}; when it is urgent, that one is enough.",
    ),
    "CLOSE_UNSURE": Sentences(
        "The incident is critical (P1), and was not closed.",
        UNCHANGED,
        "If it is to be closed all the same, say yes where the state is changed, and send it again.",
    ),
    "UNKNOWN_ENTRY": Sentences(
        "The incident has no such entry.",
        UNCHANGED,
        "Find its id with: samvirke incident show.",
    ),
    "NO_CHECKPOINT": Sentences(
        "The log was never of that size, or no checkpoint was made at that time.",
        UNCHANGED,
        "See the checkpoints with: samvirke checkpoint.",
    ),
    "ALREADY_CLOSED": Sentences(
        "The incident is closed already.",
        UNCHANGED,
        "Reopen it with: samvirke incident state REF in_progress.",
    ),
    "SAME_STATE": Sentences(
        "The incident is in that state already.",
        UNCHANGED,
        _LOOK,
    ),
    "TIED_TO_ITSELF": Sentences(
        "An incident cannot be tied to itself.", UNCHANGED, "Tie it to another incident."
    ),
    "ALREADY_TIED": Sentences("The two incidents are tied so already.", UNCHANGED, _LOOK),
    "NOT_TIED": Sentences("The two incidents are not tied so.", UNCHANGED, _LOOK),
    "CIRCULAR_PARENTS": Sentences(
        "The parent lies under the incident itself.", UNCHANGED, "Take the other out from under it first."
    ),
    "ALREADY_MERGED": Sentences(
        "The incident is merged into another.",
        "It is gone on with there, for those who may see it.",
        "If that was wrong, undo it with: samvirke incident unmerge.",
    ),
    "NOT_MERGED": Sentences("The incident was not merged into another.", UNCHANGED, _LOOK),
    "TRANSFER_WAITS": Sentences(
        "Another watch has been asked and has not answered.",
        "The incident is still yours.",
        "Wait for the answer, or withdraw the question first.",
    ),
    "NO_TRANSFER": Sentences(
        "No transfer waits for an answer from this watch.",
        "It may have been withdrawn, or answered by a colleague.",
        _LOOK,
    ),
    "SEES_ALREADY": Sentences(
        "{watch} may see this already.",
        "Nothing has to be broken for it.",
        "Tell the watch, or write to it.",
    ),
    "ALREADY_CORRECTED": Sentences(
        "The entry was struck or replaced before.",
        UNCHANGED,
        "Correct the newest one; see: samvirke incident show.",
    ),
    "STRIKE_STANDS": Sentences(
        "What you want to correct is itself a strike.",
        "What was struck stays struck, and readable.",
        "Write a new entry.",
    ),
    "NEVER_CHANGED": Sentences(
        "Nothing in the log is ever edited or deleted.",
        "The entry stands as it was written.",
        "Strike or replace it: the old words stay readable beside the correction.",
    ),
    "DECIDER_NEEDED": Sentences(
        "The entry does not say who decided.", NOT_STORED, "Name the person or function that decided."
    ),
    "NOT_A_TASK": Sentences(
        "That entry is no task, or it was struck.", UNCHANGED, "Choose one of the open tasks of the incident."
    ),
    "NOT_A_REQUEST": Sentences(
        "That entry asks for nothing, or it was struck.",
        UNCHANGED,
        "Choose one of the open requests of the incident.",
    ),
    "NOT_ADDRESSED": Sentences(
        "The request was put to other watches.", UNCHANGED, "Write an entry if you can help all the same."
    ),
    "ALREADY_DONE": Sentences(
        "It is done already.", UNCHANGED, "To take it back, strike the entry that says that it is done."
    ),
    "ALREADY_ANSWERED": Sentences(
        "Your watch has answered already.", UNCHANGED, "To answer anew, strike the former answer first."
    ),
    "UNKNOWN_STEP": Sentences(
        "The action card of this incident has no such step.",
        UNCHANGED,
        "Choose one of the steps that it shows.",
    ),
    "VERSION_TAKEN": Sentences(
        "Version {version} of the action card says something else already.",
        UNCHANGED,
        "Raise the version of the card in the centre file, and apply it again.",
    ),
    "ALREADY_ERASED": Sentences(
        "The content is erased already.", "There is nothing left to erase.", "Nothing needs to be done."
    ),
    "ON_HOLD": Sentences(
        "The incident is on legal hold.",
        "Nothing of it is erased until the hold is lifted.",
        "Whoever placed it decides; lift it with: samvirke hold lift.",
    ),
    "NOT_ASKED": Sentences(
        "Nobody has asked for this erasure.",
        UNCHANGED,
        "The archive owner asks first, with: samvirke erase ask.",
    ),
    "SECOND_PERSON_NEEDED": Sentences(
        "Who asked for it cannot approve it.",
        UNCHANGED,
        "Let another person approve it.",
    ),
    "MACHINE_TAKEN": Sentences(
        "The name {machine} is taken by somebody else in the hub.",
        "A machine has one name for all, since logs tell by it who acted. No token was made.",
        "Choose another name, such as one that begins with your organisation.",
    ),
    "ID_TAKEN": Sentences(
        "That id stands for something else already.", NOT_STORED, "Send it again without an id of your own."
    ),
    "UNKNOWN_CHAIN": Sentences(
        "No such notification concerns this watch.", UNCHANGED, "List what waits with: samvirke ack."
    ),
    "CHAIN_ENDED": Sentences(
        "The notification has ended: {outcome}.", UNCHANGED, "Nothing needs to be done."
    ),
    "UNKNOWN_PERSON": Sentences(
        "No such person is known here.", UNCHANGED, "Find the id with: samvirke person list."
    ),
    "UNKNOWN_POST": Sentences(
        "The watch has no such post.", UNCHANGED, "See the watch's posts in the centre file."
    ),
    "NOT_HOLDING": Sentences(
        "You do not hold that function.", UNCHANGED, "See who does with: samvirke duty."
    ),
    "BAD_PERIOD": Sentences(
        "The end is not after the start.", UNCHANGED, "Correct the times and send it again."
    ),
    "SEARCH_TOO_WIDE": Sentences(
        "A part of a word stands in too many words.", UNCHANGED, "Write more of the word, and search again."
    ),
    "LINK_SPENT": Sentences(
        "The sign-in link is spent, too old or unknown.",
        "A link works once.",
        "Make a new one with: samvirke person link.",
    ),
    "SESSION_ENDED": Sentences(
        "The session has ended.", "Nobody is signed in any more.", "Sign in again with a new link."
    ),
    "TOKEN_ENDED": Sentences(
        "The machine token has ended or is unknown.",
        "The machine can neither report nor read.",
        "Make a new one with: samvirke token issue.",
    ),
    "UNREADABLE_WARNING": Sentences(
        "The message is no warning that can be read: {reason}.",
        NOT_STORED,
        "Check that it is CAP 1.2, or an answer from MET (GeoJSON) or NVE, and was not changed on its way.",
    ),
    "LEDGER_BEHIND": Sentences(
        "The ledger has lost something that it once had.",
        "Nothing is taken in until it is repaired; what was logged is safe in the archive.",
        "Run: samvirke repair.",
    ),
    "LEDGER_UNREACHABLE": Sentences(
        "The hub did not answer, and this could not be kept here to be sent later.",
        "It may or may not have been stored.",
        "Run: samvirke doctor, and then send it again.",
    ),
    "LEDGER_FULL": Sentences(
        "The hub's disk is full.",
        "Nothing is lost, but nothing more is taken in.",
        "Make room on the disk; see: samvirke doctor.",
    ),
    "INTERNAL": Sentences(
        "A fault arose in the hub ({fault}).", "It may or may not have been stored.", REPORT_FAULT
    ),
    **{code: Sentences(*said) for code, said in {**OF_REPORTS, **OF_EXERCISES}.items()},
}


def brief(code: str, parameters: Mapping[str, Any] | None = None, lang: str | None = None) -> str:
    """A refusal for a page: what happened, then what to do; what it means where that takes a terminal."""
    said = OF_THE_HUB.get(code)
    if said is None:
        return code
    more = said.means if _TERMINAL.search(said.do) else said.do
    return " ".join(say(text, lang, **(parameters or {})) for text in (said.happened, more))
