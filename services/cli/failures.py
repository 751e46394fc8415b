"""Whatever stops a verb becomes an outcome: a code, its sentences, an exit code."""

from typing import Any

from services.cli.frame import Call, Exit, Outcome, Usage
from services.cli.texts import explain as sentences
from services.cli.texts import language


def refused(call: Call, code: str, parameters: dict[str, Any]) -> Outcome:
    """The hub, or this program, said no."""
    return told(call, "refused", code, parameters, Exit.REFUSED)


def failed(call: Call, code: str, **parameters: Any) -> Outcome:
    """It was not possible now."""
    return told(call, "failed", code, parameters, Exit.FAILED)


def told(call: Call, status: str, code: str, parameters: dict[str, Any], exit_code: Exit) -> Outcome:
    """An outcome that says a code's sentences."""
    lines = sentences(code, parameters, language(call.lang))
    data = {"status": status, "code": code, "parameters": parameters, "text": " ".join(lines)}
    return Outcome(data, [f"{line}" for line in lines] + [f"[{code}]"], exit_code)


def explain(call: Call, error: Exception) -> Outcome:
    """The outcome of an error; an unforeseen one shows its kind and place, never the text it was about."""
    while isinstance(error, ExceptionGroup) and len({type(one) for one in error.exceptions}) == 1:
        error = error.exceptions[0]
    if isinstance(error, Usage):
        return _usage(str(error))
    for find in (_of_input, _of_files, _of_hub, _of_upkeep):
        outcome = find(call, error)
        if outcome is not None:
            return outcome
    return failed(call, "FAULT", reason=f"{type(error).__name__}, {_place(error)}")


def _usage(text: str) -> Outcome:
    return Outcome({"status": "usage", "text": text}, [text], Exit.USAGE)


def _of_input(call: Call, error: Exception) -> Outcome | None:
    """What was typed has a wrong form: the fields are named, not what they hold."""
    from pydantic import ValidationError

    from schemas.subjects import BadToken

    if isinstance(error, BadToken):
        return _usage(f"a name is not of the right form: {error}")
    if isinstance(error, ValidationError):
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        return _usage("\n".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults))
    return None


def _of_files(call: Call, error: Exception) -> Outcome | None:
    from schemas.centre_text import CentreRefused

    if isinstance(error, CentreRefused):
        told = refused(call, "CENTRE_REFUSED", {})
        problems = [
            {"code": one.code, "where": one.where, "line": one.line, "reason": one.reason}
            for one in error.problems
        ]
        return Outcome(
            told.data | {"problems": problems}, [*map(str, error.problems), *told.lines], Exit.REFUSED
        )
    if isinstance(error, FileNotFoundError) and str(error.filename or "").endswith(".nk"):
        return failed(
            call,
            "NO_CREDENTIAL",
            user=str(error.filename).rpartition("/")[2].removesuffix(".nk"),
            home=call.settings().home,
        )
    if isinstance(error, OSError) and error.filename:
        return failed(call, "FAULT", reason=f"{error.filename}: {error.strerror}")
    return None


def _of_hub(call: Call, error: Exception) -> Outcome | None:
    from services.cli.provisioning import NoDatabase
    from services.runtime.apart import NotReloaded
    from services.runtime.connect import BrokerRefused, BrokerUnreachable
    from services.runtime.edge import AskRefused, Unanswered
    from services.runtime.state import UnsafeBroker

    if isinstance(error, AskRefused):
        return refused(call, error.code, error.parameters)
    if isinstance(error, Unanswered):
        return failed(call, str(error))
    if isinstance(error, BrokerUnreachable):
        return failed(call, "NOT_CONNECTED")
    if isinstance(error, NoDatabase):
        return failed(call, "NO_DATABASE")
    if isinstance(error, NotReloaded):
        return failed(call, "NOT_RELOADED", reason=str(error))
    if isinstance(error, UnsafeBroker):
        return failed(call, "UNSAFE_BROKER", reason=str(error))
    if isinstance(error, BrokerRefused):
        return failed(call, "NO_CREDENTIAL", user=str(error), home=call.settings().home)
    return None


def _of_upkeep(call: Call, error: Exception) -> Outcome | None:
    from services.incidents.copies import ArchiveDamaged
    from services.incidents.rebuild import BothDamaged
    from services.runtime import backup
    from services.runtime.broker import BrokerFailed
    from services.runtime.rewriting import RewriteFailed

    if isinstance(error, ArchiveDamaged):
        return failed(call, "ARCHIVE_DAMAGED", mode=error.args[0], sequence=error.args[1])
    if isinstance(error, BothDamaged):
        return failed(call, "BOTH_DAMAGED", mode=error.args[0], sequence=error.args[1])
    if isinstance(error, RewriteFailed):
        return failed(call, "REWRITE_FAILED", reason=str(error))
    if isinstance(error, BrokerFailed):
        return failed(call, "BROKER_FAILED", reason=str(error))
    if isinstance(error, backup.BackupDamaged):
        return failed(call, "BACKUP_DAMAGED", file=str(error))
    if isinstance(error, backup.RegisterMissing):
        return failed(call, "REGISTER_MISSING", folder=str(error))
    if isinstance(error, backup.FolderTaken):
        return failed(call, "FOLDER_TAKEN", folder=str(error))
    return failed(call, "ARCHIVE_BEHIND") if isinstance(error, backup.ArchiveBehind) else None


def _place(error: Exception) -> str:
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
