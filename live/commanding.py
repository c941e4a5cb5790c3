"""What the commands of live trading share: the settings they take, what they say and end with."""

import argparse
import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from live.errors import Exit, NodeError
from morningstar_strategy.settings import options
from morningstar_strategy.settings.load import SettingsError, load_settings
from morningstar_strategy.settings.schema import Settings

__all__ = [
    "add_settings",
    "code_of",
    "fail",
    "operator_of",
    "say",
    "say_unless",
    "settings_of",
    "visible",
]

_DEFAULT: Final = Path("config/paper-local.yaml")


def add_settings(parser: argparse.ArgumentParser, *, whose: str = "settings") -> None:
    """Let a command take a file of settings and overrides of single ones."""
    options.add_settings(parser, _DEFAULT, whose=whose)


def settings_of(args: argparse.Namespace) -> Settings:
    """Load what was asked for; raises SettingsError."""
    return load_settings(args.config, overrides=args.set)


def say_unless(*, as_json: bool) -> Callable[[str], None]:
    """Give the way to say a line to a person, a silent one where only JSON may be printed."""
    return _keep_quiet if as_json else say


def visible(argument: str) -> str:
    """Give a text of the command line without the bytes that no UTF-8 has."""
    return argument.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def operator_of(argument: str | None) -> str:
    """Give who is at the keyboard: as they say, or as this machine calls them."""
    if argument:
        return visible(argument)
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in a container
        return f"uid {os.getuid()}"


def say(line: str) -> None:
    """Print a line; where nobody reads any more, what is being done goes on."""
    try:
        print(line, flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # or the interpreter complains at its end
        os.close(nowhere)


def _keep_quiet(line: str) -> None:
    del line


def code_of(error: SettingsError | ValueError | NodeError) -> Exit:
    """Give the exit code of what stood in a command's way."""
    match error:
        case NodeError(code=code):
            return code
        case SettingsError() | ValueError():
            return Exit.UNUSABLE


def fail(error: SettingsError | ValueError | NodeError) -> Exit:
    """Say what stood in a command's way; give its exit code."""
    print(f"error: {error}", file=sys.stderr)
    return code_of(error)
