"""What is said of the codes of the command line itself; and all codes together."""

from services.words.sentences import OF_THE_HUB, REPORT_FAULT, UNCHANGED, Sentences

OF_THE_COMMAND_LINE: dict[str, Sentences] = {
    "NO_ANSWER": Sentences(
        "The hub did not answer in time.",
        "It may be starting, or busy.",
        "Try again; if it lasts, run: samvirke doctor.",
    ),
    "NOT_CONNECTED": Sentences(
        "The hub cannot be reached.", "It does not run, or at another address.", "Start it with: samvirke up."
    ),
    "NO_CREDENTIAL": Sentences(
        "There is no credential for {user} in {home}.",
        "Nothing can be sent in its name.",
        "Check --watch and --home; a new watch gets its credential from: samvirke centre apply.",
    ),
    "NOTHING_TO_ANSWER": Sentences(
        "Nothing about {ref} waits for this watch's answer.",
        "It was not told of it, or the answer is given already.",
        "See who was told and who answered: samvirke incident show {ref}.",
    ),
    "CENTRE_REFUSED": Sentences(
        "The centre file cannot be used.", UNCHANGED, "Correct it and run: samvirke centre check."
    ),
    "ENTRIES_REFUSED": Sentences(
        "{count} entries of the centre file were refused.",
        "All others are in force.",
        "Correct these and run: samvirke centre apply.",
    ),
    "NO_CENTRE": Sentences(
        "No centre file is named.", UNCHANGED, "Name it with --centre or SAMVIRKE_CENTRE, or try --example."
    ),
    "ALREADY_RUNNING": Sentences(
        "A hub runs in {home} already.",
        "Two hubs cannot share a home.",
        "Use that one, or choose another --home.",
    ),
    "PORT_TAKEN": Sentences(
        "Port {port} is not free.",
        "Another program listens there, or it needs more rights; the hub did not start.",
        "Choose another port with {setting}, or stop that program.",
    ),
    "NOT_RUNNING": Sentences("No hub runs in {home}.", UNCHANGED, "Start it with: samvirke up."),
    "NOT_READY": Sentences(
        "The hub did not become ready in time.",
        "It was stopped again.",
        "Look with: samvirke logs --level warning.",
    ),
    "NO_LOGS": Sentences(
        "There are no log files in {folder}.",
        "No hub has run there, or its lines go elsewhere.",
        "Name the home with --home, or the files, or - for standard input.",
    ),
    "BROKER_FAILED": Sentences(
        "The broker did not start: {reason}.",
        "The hub was stopped again.",
        "Correct that and run: samvirke up.",
    ),
    "NO_DATABASE": Sentences(
        "The database does not answer.",
        "It is not running, or turns down the password of its owner.",
        "Look at SAMVIRKE_DATABASE_URL and the database's log, and run: samvirke provision.",
    ),
    "NOT_RELOADED": Sentences(
        "The broker does not take its new configuration over: {reason}.",
        "It goes on with the former one.",
        "Restart the broker, and run: samvirke provision.",
    ),
    "UNSAFE_BROKER": Sentences(
        "The broker is not safe enough: {reason}.",
        "In production nothing may be called saved that a power cut can take.",
        "Correct the broker, or leave SAMVIRKE_PRODUCTION off on a trial.",
    ),
    "TOKEN_NEEDED": Sentences(
        "The hub does not accept the token.",
        "The feed cannot be read.",
        "Make one with: samvirke token issue --scope feed, and set SAMVIRKE_TOKEN.",
    ),
    "TOKEN_UNFIT": Sentences(
        "The token is not for this feed.",
        "The feed cannot be read with it.",
        "Name your own organisation, or use a token of that one with --scope feed.",
    ),
    "COPIES_DIFFER": Sentences(
        "The copies differ in {mode} at {sequence}: {what}.",
        "One of the copies was changed or is damaged; the other one can restore it.",
        "Keep both as they are, make a backup, and then run: samvirke repair.",
    ),
    "EXPORT_DIFFERS": Sentences(
        "The export is not as it was signed, in {log} at {leaf}: {what}.",
        "It was changed, is not whole, or another hub's key was named.",
        "Keep it as it is, and ask whoever gave it for a new one; docs/evidence.md says what was found.",
    ),
    "BAD_NOTE": Sentences(
        "That is no public key, or no signed checkpoint.",
        "Nothing was checked.",
        "Use what samvirke checkpoint key and samvirke checkpoint --note print, unchanged.",
    ),
    "HEAD_DIFFERS": Sentences(
        "That is not what was kept of the log of {organisation} at {time}.",
        "The log was another then, or no head is kept of that time.",
        "Keep both, and ask them how their log came to differ.",
    ),
    "READS_DIFFER": Sentences(
        "The log of reads of {log} does not fit its own chain from line {position} on.",
        "A line was changed, put in or taken out; incidents are not touched by it.",
        "Keep the database as it is, and hold it against a backup.",
    ),
    "ABANDONED": Sentences(
        "The running hub ended before it had done this.",
        "What was begun is finished by the next try.",
        "Run the same command again.",
    ),
    "ARCHIVE_DAMAGED": Sentences(
        "The archive is damaged in {mode} at {sequence}: it cannot become the ledger.",
        UNCHANGED,
        "Restore the archive from a backup first, with: samvirke restore.",
    ),
    "BOTH_DAMAGED": Sentences(
        "Neither ledger nor archive has the fact whole that stands in {mode} at {sequence}.",
        UNCHANGED,
        "Restore the archive from a backup, with samvirke restore, and run: samvirke repair.",
    ),
    "REWRITE_FAILED": Sentences(
        "The ledger could not be written anew: {reason}.",
        "The old one lies in the folder quarantine; nothing is lost.",
        "Remove the cause, and run: samvirke repair.",
    ),
    "BACKUP_DAMAGED": Sentences(
        "The backup is not whole: {file}.",
        "It was changed, or its making did not come to an end.",
        "Use another one, and make a new one with: samvirke backup.",
    ),
    "REGISTER_MISSING": Sentences(
        "There is no register of erasures in {folder}.",
        "What was erased after the backup would come back, so nothing is restored.",
        "Name your copy of the folder erasures with --register.",
    ),
    "FOLDER_TAKEN": Sentences(
        "The folder {folder} is not empty.", UNCHANGED, "Name a folder that is new or empty."
    ),
    "NOT_CLOSED": Sentences(
        "The incident {incident} is not closed.",
        "An archive package is made of what is closed; nothing was written.",
        "Close it first, or make a plain export.",
    ),
    "PACKAGE_DIFFERS": Sentences(
        "The export does not prove itself: {what}.",
        "Nothing was written.",
        "Run: samvirke verify, and report it if that finds nothing.",
    ),
    "BAD_DECISION": Sentences(
        "A decision on public access cannot stand: {what} {item}.",
        "Nothing was written. Secrecy is a duty: what is tagged with it is never open as a whole.",
        "Correct that item in the file and run it again.",
    ),
    "ARCHIVE_BEHIND": Sentences(
        "The archive did not catch up in time.",
        "The backup was not finished.",
        "Make it again, in a new folder, later.",
    ),
    "FAULT": Sentences("Something failed: {reason}.", "It is not known what was done.", REPORT_FAULT),
}

SENTENCES: dict[str, Sentences] = OF_THE_HUB | OF_THE_COMMAND_LINE
