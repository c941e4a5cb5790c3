"""What every command that reads settings takes: a file, and single settings over it."""

import argparse
from pathlib import Path

__all__ = ["add_settings"]


def add_settings(
    parser: argparse.ArgumentParser, default: Path, *, whose: str = "settings"
) -> None:
    """Take `--config FILE` and any number of `--set A.B=C`."""
    parser.add_argument("--config", type=Path, default=default, help=f"{whose} ({default})")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="A.B=C",
        help="override one setting, C is YAML; may be given more than once",
    )
