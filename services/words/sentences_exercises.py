"""What is said of the refusals of exercises and orders: what happened, what it means, what to do."""

from collections.abc import Mapping

_UNCHANGED = "Nothing was changed."

OF_EXERCISES: Mapping[str, tuple[str, str, str]] = {
    "UNKNOWN_EXERCISE": (
        "No such exercise runs here.",
        _UNCHANGED,
        "List what there is with: samvirke exercise list.",
    ),
    "EXERCISE_RUNS": (
        "The exercise still runs.",
        "Nothing of it can be ended for good.",
        "End it first; who leads it does that.",
    ),
    "EXERCISE_HELD": (
        "Incident {incident} of the exercise is on legal hold.",
        "That keeps all of the exercise.",
        "Whoever placed it decides; lift it with: samvirke hold lift.",
    ),
    "EXERCISE_GONE": (
        "The incident belongs to an exercise that was ended for good.",
        "Nothing more is written in it.",
        "Report anew, if it is still needed.",
    ),
    "HOUSE_ROLE_NEEDED": (
        "You have not the role that this takes in {organisation}.",
        _UNCHANGED,
        "That house gives it, for all of it or for its hidden watch: samvirke person grant.",
    ),
    "TIME_GOES_BACK": (
        "The exercise's time is {at} already, and never goes back.",
        _UNCHANGED,
        "Name a later time, or begin the exercise anew.",
    ),
    "CHAIN_OPEN": (
        "Somebody is being told of something in the exercise.",
        "The time cannot jump until they have ended.",
        "Wait until they are acknowledged, or let the time run.",
    ),
    "UNKNOWN_ORDER": (
        "No such order is in force or waits here.",
        _UNCHANGED,
        "See the orders with: samvirke retention preview, or samvirke exercise list.",
    ),
    "ORDER_PROPOSED": (
        "The centre file has only proposed this.",
        _UNCHANGED,
        "An archive owner adopts it first, with: samvirke retention adopt.",
    ),
}
