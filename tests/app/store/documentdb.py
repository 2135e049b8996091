"""What Amazon DocumentDB 5.0 accepts, as an allow-list over the commands that the driver really sends.

The tests' server accepts more than DocumentDB does, so every command of every test is held to this list: anything that
is not on it is a violation, also what the driver adds by itself. Source: "Supported MongoDB APIs, operations, and data
types in Amazon DocumentDB" and "Functional differences" of the Amazon DocumentDB developer guide.
"""

from collections.abc import Iterable, Mapping

from pymongo import monitoring

_ALWAYS = {"lsid", "$db", "$clusterTime", "$readPreference", "readConcern", "writeConcern"}

# Command -> options. Absent on purpose: txnNumber and startTransaction (retryable writes are refused, transactions we
# do without), maxTimeMS on writes, collation, let, arrayFilters, hint, comment, bypassDocumentValidation.
COMMANDS: dict[str, set[str]] = {
    "hello": {"helloOk", "topologyVersion", "maxAwaitTimeMS", "client", "compression", "saslSupportedMechs"},
    "ismaster": {"helloOk", "client", "compression", "saslSupportedMechs"},
    "ping": set(),
    "find": {"filter", "sort", "limit", "singleBatch", "batchSize"},
    "getMore": {"collection", "batchSize"},
    "killCursors": {"cursors"},
    "insert": {"documents", "ordered"},
    "update": {"updates", "ordered"},
    "delete": {"deletes", "ordered"},
    "findAndModify": {"query", "update", "upsert", "new", "remove", "sort", "fields"},
    "aggregate": {"pipeline", "cursor"},
    "createIndexes": {"indexes"},
    "listIndexes": {"cursor"},
    "createUser": {"pwd", "roles"},
    "updateUser": {"pwd"},
    "endSessions": set(),
    "saslStart": {"mechanism", "payload", "autoAuthorize", "options"},
    "saslContinue": {"conversationId", "payload"},
}
STAGES = {"$match", "$group"}
QUERY_OPERATORS = {"$eq", "$gt", "$gte", "$lt", "$lte", "$in", "$or", "$and"}
UPDATE_OPERATORS = {"$set", "$unset", "$inc", "$setOnInsert"}
GROUP_OPERATORS = {"$sum"}
UPDATE_OPTIONS = {"q", "u", "upsert", "multi"}
DELETE_OPTIONS = {"q", "limit"}
INDEX_OPTIONS = {"key", "name", "background", "expireAfterSeconds", "unique", "sparse"}


class AllowList(monitoring.CommandListener):
    """Collects what DocumentDB would refuse, and which commands were seen at all."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.seen: set[str] = set()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.seen.add(event.command_name)
        self.violations += check(event.command_name, event.command)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to hold it to."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to hold it to."""


def check(name: str, command: Mapping[str, object]) -> list[str]:
    """What DocumentDB 5.0 would refuse about this command."""
    if name not in COMMANDS:
        return [f"command {name}"]
    found = [f"{name} option {o}" for o in command if o not in COMMANDS[name] | _ALWAYS and o != name]
    if not command:  # the driver hides log-in commands
        return found
    match name:
        case "find":
            found += _operators(name, command.get("filter"), QUERY_OPERATORS)
        case "update":
            for update in _tables(command["updates"]):
                found += [f"update option {o}" for o in set(update) - UPDATE_OPTIONS]
                found += _operators(name, update["q"], QUERY_OPERATORS) + _operators(
                    name, update["u"], UPDATE_OPERATORS
                )
        case "delete":
            for delete in _tables(command["deletes"]):
                found += [f"delete option {o}" for o in set(delete) - DELETE_OPTIONS]
                found += _operators(name, delete["q"], QUERY_OPERATORS)
        case "findAndModify":
            found += _operators(name, command.get("query"), QUERY_OPERATORS)
            found += _operators(name, command.get("update"), UPDATE_OPERATORS)
        case "aggregate":
            for stage in _tables(command["pipeline"]):
                found += [f"aggregate stage {s}" for s in set(stage) - STAGES]
                found += _operators(name, stage.get("$match"), QUERY_OPERATORS)
                found += _operators(name, stage.get("$group"), GROUP_OPERATORS)
        case "createIndexes":
            for index in _tables(command["indexes"]):
                found += [f"index option {o}" for o in set(index) - INDEX_OPTIONS]
                key = index["key"]
                assert isinstance(key, Mapping)
                found += [f"index kind {kind!r}" for kind in key.values() if kind not in (1, -1)]
        case _:
            pass
    return found


def _operators(name: str, value: object, allowed: set[str]) -> list[str]:
    """Every key that begins with a dollar sign, at any depth."""
    found: list[str] = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            if str(key).startswith("$") and key not in allowed:
                found.append(f"{name} operator {key}")
            found += _operators(name, item, allowed)
    elif isinstance(value, list):
        for item in value:
            found += _operators(name, item, allowed)
    return found


def _tables(value: object) -> Iterable[Mapping[str, object]]:
    assert isinstance(value, list)
    return value
