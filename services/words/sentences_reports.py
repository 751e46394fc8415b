"""What is said of the refusals of reports and deadlines: what happened, what it means, what to do."""

from collections.abc import Mapping

_NOT_STORED = "Nothing was stored."
_UNCHANGED = "Nothing was changed."

OF_REPORTS: Mapping[str, tuple[str, str, str]] = {
    "UNKNOWN_TEMPLATE": (
        "This watch has no such template for reports.",
        _NOT_STORED,
        "List the templates with: samvirke sitrep templates.",
    ),
    "UNKNOWN_REPORT": (
        "No such report can be seen from this watch.",
        "Either its id is misspelt, or it is not shared with you.",
        "List what you may see with: samvirke sitrep list.",
    ),
    "UNKNOWN_FIELD": (
        "The template of the report has no field {field}.",
        _NOT_STORED,
        "See its fields with: samvirke sitrep templates.",
    ),
    "FIELD_NEEDED": (
        "The field {field} must be filled, and stands empty.",
        _UNCHANGED,
        "Write the draft anew with words or entries under it.",
    ),
    "RECEIVER_CANNOT_SEE": (
        "{receiver} may not see the entry {entry}, and gets the report.",
        _NOT_STORED,
        "Say it in your own words, or share the entry wider first.",
    ),
    "NOT_SUBMITTED": (
        "The report does not wait for approval.",
        _UNCHANGED,
        "See where it stands with: samvirke sitrep show.",
    ),
    "DRAFT_CHANGED": (
        "The report was written anew since you read it.",
        _UNCHANGED,
        "Read it again, and approve what stands there now.",
    ),
    "REPORT_LOCKED": (
        "The version is approved and locked.",
        _UNCHANGED,
        "Write a draft: it is the beginning of the next version.",
    ),
    "NOT_LOCKED": (
        "The report has no such locked version.",
        "Nobody outside has it: there is nothing to recall.",
        "See its versions with: samvirke sitrep show --json.",
    ),
    "ALREADY_RECALLED": (
        "The version is recalled already.",
        _UNCHANGED,
        "Write a new version, so that its receivers know what holds.",
    ),
    "APPROVER_NEEDED": (
        "You are no approver of this report.",
        _UNCHANGED,
        "See who has the role approver with: samvirke person list.",
    ),
    "AUTHOR_CANNOT_APPROVE": (
        "Who has written the report cannot approve it.",
        _UNCHANGED,
        "Ask another person with the role approver.",
    ),
    "NO_PDF": (
        "This hub makes no PDF: the extra that does it is not installed.",
        "HTML and Markdown work all the same.",
        "Install it where the hub runs, with: make pdf.",
    ),
    "NOT_PRINTED": (
        "The report could not be printed.",
        "The report itself is whole.",
        "Try another format, and look in the hub's log.",
    ),
    "UNKNOWN_WHEEL": (
        "No such request for reports concerns this watch.",
        _UNCHANGED,
        "List deadlines with: samvirke deadlines.",
    ),
    "UNKNOWN_DEADLINE": (
        "This watch has no such deadline.",
        _UNCHANGED,
        "List deadlines with: samvirke deadlines.",
    ),
    "DEADLINE_ANSWERED": (
        "The deadline is answered already.",
        _UNCHANGED,
        "See the answers with: samvirke deadlines --all.",
    ),
    "WHEEL_ENDED": (
        "No more reports are asked for.",
        _UNCHANGED,
        "Begin anew with: samvirke deadlines begin.",
    ),
}
