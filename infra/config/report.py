"""Errors of the configuration, for the person who wrote it: which key, what is wrong, what to set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from infra.config.section import did_you_mean

NAMESPACE = "agent-exchange"


class ConfigError(ValueError):
    """The stack's config cannot be used. The text lists every problem, with the key and the remedy."""

    def __init__(self, stack: str, problems: Iterable[str]) -> None:
        self.stack = stack
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"the config of stack {stack!r} cannot be used (Pulumi.{stack}.yaml):\n{lines}")


def explained(error: ValidationError, root: type[BaseModel]) -> list[str]:
    """One sentence for each thing that pydantic found wrong in a `root`."""
    return [f"{_key(detail['loc'])}: {_sentence(detail, root)}" for detail in error.errors()]


def _key(location: Sequence[int | str]) -> str:
    path = ""
    for part in location:
        if part == "[key]":
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return f"{NAMESPACE}:{path}"


def _sentence(detail: ErrorDetails, root: type[BaseModel]) -> str:
    location = detail["loc"]
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            known = _known_keys(root, location[:-1])
            return f"there is no such key; {did_you_mean(str(location[-1]), known)}"
        case "missing":
            return "is missing: set it"
        case "value_error" | "assertion_error":
            return str(context.get("error", detail["msg"]))
        case "bool_parsing" | "bool_type":
            return f"{_shown(detail, root)} is neither true nor false: set one of the two"
        case "int_parsing" | "int_type" | "int_from_float":
            return f"{_shown(detail, root)} is not a whole number: set one, without quotes or unit"
        case "float_parsing" | "float_type":
            return f"{_shown(detail, root)} is not a number: set one, without quotes or unit"
        case "string_type":
            return f"{_shown(detail, root)} is not a text: put it into quotes"
        case "enum" | "literal_error":
            known = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ").split(", ")
            return f"{_shown(detail, root)} is not a choice; {did_you_mean(str(detail['input']), known)}"
        case "list_type" | "tuple_type":
            return f"{_shown(detail, root)} is not a list: write it as [first, second]"
        case "model_type" | "dict_type" | "model_attributes_type":
            keys = ", ".join(_known_keys(root, location)) or "names"
            return f"{_shown(detail, root)} is not an object: write keys below it ({keys})"
        case "string_pattern_mismatch":
            return f"{_shown(detail, root)} does not match {context.get('pattern')}: change it so that it does"
        case _:
            # Ranges and lengths: pydantic's own words already say the bound.
            return f"{_shown(detail, root)} is refused: {detail['msg'][:1].lower()}{detail['msg'][1:]}"


def _shown(detail: ErrorDetails, root: type[BaseModel]) -> str:
    """The value in question, unless it is a secret or too long to help."""
    if _is_secret(root, detail["loc"]):
        return "the value"
    text = repr(detail["input"])
    return text if len(text) <= 60 else "the value"


def _known_keys(root: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    model = _model_at(root, location)
    return sorted(field.alias or name for name, field in model.model_fields.items()) if model else []


def _is_secret(root: type[BaseModel], location: Sequence[int | str]) -> bool:
    if not location:
        return False
    model = _model_at(root, location[:-1])
    return model is not None and any(
        field.alias == location[-1] and SecretStr in _leaves(field.annotation) for field in model.model_fields.values()
    )


def _model_at(root: type[BaseModel], location: Sequence[int | str]) -> type[BaseModel] | None:
    """The model whose keys are found at `location`; the name of a service or an index leads to the elements' model."""
    model: type[BaseModel] | None = root
    for part in location:
        if model is None:
            return None
        fields = {field.alias: field for field in model.model_fields.values()}
        if part in fields:
            models = [
                leaf
                for leaf in _leaves(fields[part].annotation)
                if isinstance(leaf, type) and issubclass(leaf, BaseModel)
            ]
            model = models[0] if models else None
    return model


def _leaves(annotation: object) -> list[object]:
    """The types that an annotation is made of: `dict[str, A | None]` gives str, A and None."""
    arguments = get_args(annotation)
    return [leaf for argument in arguments for leaf in _leaves(argument)] if arguments else [annotation]
