"""Mistakes on the command line, in one line of plain words."""

from difflib import get_close_matches

from cyclopts import App, CycloptsError, UnknownCommandError, UnusedCliTokensError


def told(app: App, misuse: CycloptsError) -> str:
    """What was wrong. Cyclopts has good words for most; not where the default command takes no words."""
    tokens = misuse.unused_tokens
    if not tokens or not isinstance(misuse, UnusedCliTokensError | UnknownCommandError):
        return str(misuse)
    chain = misuse.command_chain or ()
    before = " ".join(["starter.py", *chain])
    commands = [name for name in (app if not chain else app[chain[0]]) if not name.startswith("-")]
    if command := next((token for token in tokens if token in commands), None):
        return f"Options come after the command: {before} {command} ... --option."
    if isinstance(misuse, UnknownCommandError):
        return str(misuse)
    if chain:
        return f"{before} does not take {' '.join(tokens)!r}: there is no place for it."
    meant = "".join(f"; did you mean {name}?" for name in get_close_matches(tokens[0], commands, n=1))
    return f"There is no command {tokens[0]}{meant or '.'}"
