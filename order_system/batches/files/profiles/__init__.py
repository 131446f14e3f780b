"""Profiles of well-known shops, which are TOML files beside this module, and people's own profiles."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from order_system.batches.files.columns import COLUMNS, FIELDS, LINE_FIELDS, check_constant, hint_at, shown
from order_system.domain.errors import InvalidUsage
from order_system.domain.order_profile import AMOUNT_MEANINGS, FURTHER_FIELDS, Profile

MAX_BYTES = 100_000
AMOUNTS = ("shipping_fee", "tax", "discount", "total")
"""Amounts of the whole order. A file may have them by line instead."""


def built_in_profiles() -> list[str]:
    """Return the names of the built-in profiles."""
    folder = files(__name__)
    return sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml"))


def load_profile(name: str) -> Profile:
    """Load a built-in profile by its name, or one from a TOML file of this machine. Raises InvalidUsage."""
    if re.fullmatch(r"[a-z]+", name):
        return parse_profile(name)
    try:
        with Path(name).open("rb") as file:
            text = file.read(MAX_BYTES).decode()
    except (OSError, ValueError):
        raise InvalidUsage(f"profile {shown(name)}: there is no such file of UTF-8 text") from None
    return parse_profile(text)


def parse_profile(text: str) -> Profile:
    """Parse the name of a built-in profile, or the TOML of one. Raises InvalidUsage."""
    try:
        profile = Profile.model_validate(_with_base(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidUsage(f"profile: is no TOML: {error}") from None
    except ValidationError as error:
        mistakes = [
            (".".join(map(str, each["loc"])), each["type"], each["msg"])
            for each in error.errors(include_url=False, include_input=False)
        ]
        told = {
            "too_short": 'names no column; if there is none of it, say tax = "0" under [constants]',
            "extra_forbidden": "is no key that a profile has; is it misspelt?",
            "separator": "must be a tab, or one sign that is no letter, digit, blank or quote",
            "id_prefix": "must be at most 31 letters, digits, '.', '_', '-', the first a letter or digit",
            "id_replace": "must be '.', '_' or '-', or nothing",
        }
        found = [f"{key}: {told.get(kind) or told.get(key, words)}" for key, kind, words in mistakes]
        raise InvalidUsage(f"profile: {'; '.join(found)}") from None
    _check(profile)
    return profile


def profile_of_mapping(mapping: Profile, base: Profile | None = None) -> Profile:
    """Return a profile with what a short mapping says put on top."""
    profile = base or Profile()
    columns = profile.columns | mapping.columns
    for field in mapping.constants:
        columns.pop(field, None)
    constants = {field: text for field, text in profile.constants.items() if field not in mapping.columns}
    paid = profile.paid
    if paid and "payment_method" in {**mapping.columns, **mapping.constants}:
        paid = paid.model_copy(update={"refuse": ()})  # the mapping says how orders are charged
    return profile.model_copy(
        update={"columns": columns, "constants": constants | mapping.constants, "paid": paid}
    )


def _with_base(text: str) -> dict[str, Any]:
    """Return the content of a profile, with that of the built-in profile on which it is based."""
    if re.fullmatch(r"[a-z]+", text):
        if text not in built_in_profiles():
            raise InvalidUsage(
                f"there is no profile {shown(text)}{hint_at(text, built_in_profiles())}; there are "
                f"{', '.join(built_in_profiles())}, and your own, as a .toml file"
            )
        return tomllib.loads((files(__name__) / f"{text}.toml").read_text(encoding="utf-8"))
    content = tomllib.loads(text)
    base = _with_base(str(content.pop("base"))) if re.fullmatch(r"[a-z]+", str(content.get("base"))) else {}
    if base and isinstance(content.get("states"), list):
        base["states"] = _with_states(base.get("states", []), content.pop("states"))
    for key, value in content.items():
        known = base.get(key)
        both = isinstance(value, dict) and isinstance(known, dict)
        base[key] = cast("dict[str, Any]", known) | cast("dict[str, Any]", value) if both else value
    return base


def _with_states(base: list[dict[str, Any]], own: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Merge states into the base's: those of a column that the base knows are added to its lists, and one
    that stands in another list is moved. The rest stays: who adds a state must not take others away."""
    states = [*base]
    for state in own:
        names = set(_names(state))
        at = next((at for at, known in enumerate(states) if names & set(_names(known))), None)
        if at is None:
            states.append(state)
            continue
        moved = {str(word).casefold() for key in _LISTS for word in state.get(key, ())}
        lists = {
            key: [word for word in states[at].get(key, ()) if word.casefold() not in moved]
            + [*state.get(key, ())]
            for key in _LISTS
        }
        words = {**states[at].get("words", {}), **state.get("words", {})}
        states[at] = {**states[at], **state, **lists, "words": words, "column": states[at]["column"]}
    return states


_LISTS = ("run", "partly", "leave_out")


def _names(state: dict[str, Any]) -> list[str]:
    return str(state.get("column", "")).casefold().removesuffix("?").split("|")


def _check(profile: Profile) -> None:
    others = profile.otherwise.keys() - {"if_filled"}
    for field in (*profile.columns, *others, *profile.defaults, *profile.constants):
        if field not in COLUMNS and field not in FURTHER_FIELDS:
            raise InvalidUsage(f"profile: {shown(field)} is no field of an order{hint_at(field, FIELDS)}")
    if empty := next((field for field in sorted(others) if not profile.otherwise[field]), None):
        raise InvalidUsage(f"profile: otherwise.{empty}: names no column; take it out, or name one")
    for field, meaning in profile.meaning.items():
        allowed = {"unit_price": ("each", "line total"), "free_line": ("same item", "own item")}
        if meaning not in allowed.get(field, AMOUNT_MEANINGS if field in AMOUNTS else ()):
            raise InvalidUsage(f"profile: {shown(field)} cannot be {meaning!r}")
        if meaning.startswith("share") and field != "discount":
            raise InvalidUsage("profile: only a discount can be a share")
        if meaning == "share of line" and profile.not_goods:
            raise InvalidUsage('profile: "share of line" cannot be beside [not_goods]')
    for field, text in (profile.constants | profile.defaults).items():
        if field not in LINE_FIELDS:
            check_constant(field, text)
