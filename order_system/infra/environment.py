"""Reads the environment into models of settings; only `telemetry/process.py` reads OpenTelemetry's own
variables. An error is told in one line: which variable is wrong, why, and the cure."""

import os
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, cast

from pydantic import AfterValidator, BaseModel, Field, HttpUrl, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from order_system.domain.errors import InvalidSettings
from order_system.infra.redaction import LOGIN, without_secrets

_MISSPELT = 0.93
"""A variable at least this similar to one of ours (1: the same) counts as misspelt: `ORDER_PAYMENT` would
leave payments simulated. Our own variables, with the gateways', are less similar to each other."""

Model = TypeVar("Model", bound=BaseModel)


def usable(url: str) -> str:
    """Return the URL as it is. Raises ValueError, with the reason, if no request can be sent there."""
    try:
        (HttpUrl(url).host or "").encode("idna")  # as the system's resolver takes it
    except ValidationError as invalid:
        raise ValueError(invalid.errors()[0]["msg"].removeprefix("Input should be a valid URL, ")) from None
    except UnicodeError:
        raise ValueError("invalid host") from None
    return url


WebUrl = Annotated[str, Field(pattern=r"^https?://[^\s/?#\\][^\s\\]*$"), AfterValidator(usable)]


def variable_of(name: str, prefix: str) -> str:
    return f"{prefix}{name.upper()}"


def check_spelling(model: type[BaseModel], prefix: str) -> None:
    """Raises InvalidSettings for a variable that is almost one of the model's."""
    known = [variable_of(name, prefix) for name in model.model_fields]
    for variable in sorted({*os.environ} - {*known}):
        near = get_close_matches(variable, known, 1, _MISSPELT) if variable.startswith(prefix) else []
        if near and not variable.startswith(f"{near[0]}_"):  # ORDER_PAYMENTS_N: a gateway's own `n`
            raise InvalidSettings(f"{variable}: there is no such setting. Did you mean {near[0]}?")


def load_own_settings(model: type[Model], prefix: str) -> Model:
    """Read a gateway's own settings from the variables that begin with `prefix`. Raises InvalidSettings."""
    config = SettingsConfigDict(env_prefix=prefix, env_ignore_empty=True)
    from_environment = type(model.__name__, (BaseSettings, model), {"model_config": config})
    try:
        return cast("Model", from_environment())
    except ValidationError as invalid:
        secret = (variable_of(name, prefix) for name, field in model.model_fields.items() if is_secret(field))
        hidden = [SecretStr(os.environ.get(variable, "")) for variable in secret]
        raise InvalidSettings(without_secrets(str(explained(invalid, model, prefix)), hidden)) from None


def told_settings(model: type[BaseModel], prefix: str) -> list[dict[str, Any]]:
    """Describe a gateway's own settings to people: each variable, its value (`***` if it is secret, None if
    it is not set), whether it must be set, and what it takes."""
    told: list[dict[str, Any]] = []
    for name, field in model.model_fields.items():
        variable = variable_of(name, prefix)
        value = os.environ.get(variable) or None
        shown = "***" if value and is_secret(field) else value and LOGIN.sub("***", value)
        needed, takes = field.is_required(), field.description or ""
        told.append({"setting": variable, "value": shown, "required": needed, "takes": takes})
    return told


def explained(invalid: ValidationError, model: type[BaseModel], prefix: str) -> InvalidSettings:
    """Return an error that tells the first problem of each setting."""
    firsts = {problem["loc"][:1]: problem for problem in reversed(invalid.errors())}
    told = (_explain(problem, model, prefix) for problem in reversed(firsts.values()))
    return InvalidSettings(" ".join(told))


def _explain(problem: Any, model: type[BaseModel], prefix: str) -> str:
    reason = str(problem["msg"]).removeprefix("Value error, ").replace("Input should be", "it must be")
    reason = reason.partition(", unable to parse")[0]
    if not problem["loc"]:
        return reason
    name = str(problem["loc"][0])
    if (field := model.model_fields.get(name)) is None:
        return f"there is no setting named {name}"
    variable, takes = variable_of(name, prefix), field.description
    if problem["type"] == "missing":
        return f"{variable} is not set" + (f": {takes}." if takes else ".")
    given = "" if is_secret(field) else f"={problem['input']}"
    if len(problem["loc"]) > 1:  # a part of the value
        given, reason = "", f"{'a part' if given == '' else repr(problem['input'])} is not understood"
    elif problem["type"] == "string_pattern_mismatch":
        reason = "it is not understood"
    elif problem["type"] in ("literal_error", "enum"):
        takes = ""  # pydantic's message lists the possible values
    cure = "" if field.is_required() else "Unset it for the default."
    return " ".join(filter(None, (f"{variable}{given}: {reason}.", takes and f"Expected: {takes}.", cure)))


def is_secret(field: FieldInfo) -> bool:
    """Whether an error must not repeat the value: a database URL may hold a password, and a key is one."""
    return field.repr is False or "Secret" in str(field.annotation)
