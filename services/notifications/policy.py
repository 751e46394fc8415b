"""By which rules a watch is told: its own policy, or the hub's. Pure."""

from schemas.directory import Directory
from schemas.notifications import PolicyRules, PolicySet, Step
from schemas.vocabulary import DutyFunction, Priority, Role

COORDINATOR = "samvirke"
"""Watch code of an organisation's coordinator, who is told last when the watch has no policy of its own."""

MISSED_WAIT_S = 900
"""How long who is on duty and the leader have before the coordinator hears of a missed report, in seconds."""

LAST_WAIT_S = 900
"""How long the last step has when a policy says no end, in seconds."""


def rules_for(
    policy: PolicySet | None, priority: Priority, watch: str, directory: Directory
) -> PolicyRules | None:
    """The rules by which a watch is told; None when nobody is paged.

    Without rules for ``info`` no chain starts: such items wait on the desk and ask for no answer.
    """
    for rules in policy.rules if policy else ():
        if rules.priority is priority:
            return rules
    coordinator = f"{watch.partition('.')[0]}.{COORDINATOR}"
    known = coordinator if coordinator in directory.watches and coordinator != watch else None
    return default_rules(priority, known)


def default_rules(priority: Priority, coordinator: str | None) -> PolicyRules | None:
    """Critical 3, 3 and 5 minutes, high 10, 10 and 15, normal 30 minutes without escalation; info none."""
    match priority:
        case Priority.CRITICAL:
            return _ladder(priority, (0, 180, 360, 660), 960, coordinator)
        case Priority.HIGH:
            return _ladder(priority, (0, 600, 1200, 2100), 3000, coordinator)
        case Priority.NORMAL:
            step = Step(after_s=0, function=DutyFunction.PRIMARY)
            return PolicyRules(priority=priority, steps=[step], end_s=1800, repeat=0)
        case Priority.INFO:
            return None


def gap_rules(watch: str, directory: Directory) -> PolicyRules:
    """A post that will stand empty is its leader's matter, then the coordinator's."""
    coordinator = f"{watch.partition('.')[0]}.{COORDINATOR}"
    steps = [Step(after_s=0, function=DutyFunction.LEADER)]
    if coordinator in directory.watches and coordinator != watch:
        steps.append(Step(after_s=1200, function=DutyFunction.PRIMARY, watch=coordinator))
    return PolicyRules(priority=Priority.HIGH, steps=steps, end_s=steps[-1].after_s + LAST_WAIT_S)


def dpo_rules() -> PolicyRules:
    """That the glass was broken is the data-protection officer's to know at once, else the leader's (R11)."""
    steps = [
        Step(after_s=0, function=DutyFunction.LEADER, role=Role.DPO),
        Step(after_s=3600, function=DutyFunction.LEADER),
    ]
    return PolicyRules(priority=Priority.HIGH, steps=steps, end_s=7200)


def reminder_rules() -> PolicyRules:
    """A reminder of a report goes to who is on duty; a missed deadline begins a chain of its own."""
    step = Step(after_s=0, function=DutyFunction.PRIMARY)
    return PolicyRules(priority=Priority.NORMAL, steps=[step], end_s=1800, repeat=0)


def missed_rules(watch: str, directory: Directory) -> PolicyRules:
    """A missed report is at once the matter of who is on duty and of the leader, then the coordinator's."""
    coordinator = f"{watch.partition('.')[0]}.{COORDINATOR}"
    steps = [Step(after_s=0, function=one) for one in (DutyFunction.PRIMARY, DutyFunction.LEADER)]
    if coordinator in directory.watches and coordinator != watch:
        steps.append(Step(after_s=MISSED_WAIT_S, function=DutyFunction.PRIMARY, watch=coordinator))
    return PolicyRules(priority=Priority.HIGH, steps=steps, end_s=steps[-1].after_s + LAST_WAIT_S)


def _ladder(
    priority: Priority, times: tuple[int, int, int, int], end_s: int, coordinator: str | None
) -> PolicyRules:
    steps = [
        Step(after_s=after_s, function=function)
        for after_s, function in zip(times, DutyFunction, strict=False)
    ]
    if coordinator:
        steps.append(Step(after_s=times[3], function=DutyFunction.PRIMARY, watch=coordinator))
        return PolicyRules(priority=priority, steps=steps, end_s=end_s)
    return PolicyRules(priority=priority, steps=steps, end_s=times[3])
