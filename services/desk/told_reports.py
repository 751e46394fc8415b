"""What is said of the operations on situation reports and deadlines."""

from schemas import answers_reports as answers
from schemas.reports import (
    ApproveReport,
    BeginWheel,
    DraftReport,
    EndWheel,
    NothingToReport,
    RecallReport,
    SubmitReport,
)
from services.desk.told import Told

REPORTING: dict[tuple[str, str], Told] = {
    ("get", "/v1/templates"): Told("Templates for reports", answers.TemplatesFound, scope="read"),
    ("get", "/v1/reports"): Told("Situation reports", answers.ReportsFound, scope="read"),
    ("post", "/v1/reports"): Told(
        "Write a report", answers.ReportTaken, says=DraftReport, from_path=("report",)
    ),
    ("get", "/v1/reports/{report}"): Told(
        "One report with its words", answers.ReportFound, ("version", "reason"), scope="read"
    ),
    ("get", "/v1/reports/{report}/document"): Told(
        "A report to be printed or pasted",
        answers.ReportFound,
        ("version", "format", "lang", "reason"),
        scope="read",
        gives=("text/html", "text/markdown", "application/pdf"),
    ),
    ("post", "/v1/reports/{report}/submit"): Told(
        "Hand a draft on", answers.ReportTaken, says=SubmitReport, from_path=("report",)
    ),
    ("post", "/v1/reports/{report}/approve"): Told(
        "Approve a report", answers.ReportTaken, says=ApproveReport, from_path=("report",)
    ),
    ("post", "/v1/reports/{report}/recall"): Told(
        "Recall a locked version", answers.ReportTaken, says=RecallReport, from_path=("report",)
    ),
    ("get", "/v1/deadlines"): Told("Deadlines", answers.DeadlinesFound, ("which",), scope="read"),
    ("post", "/v1/deadlines"): Told(
        "Ask for reports", answers.ReportTaken, says=BeginWheel, from_path=("wheel",)
    ),
    ("post", "/v1/deadlines/{wheel}/end"): Told(
        "Ask for no more reports", answers.ReportTaken, says=EndWheel, from_path=("wheel",)
    ),
    ("post", "/v1/deadlines/{wheel}/nothing"): Told(
        "Nothing to report", answers.ReportTaken, says=NothingToReport, from_path=("wheel",)
    ),
}
