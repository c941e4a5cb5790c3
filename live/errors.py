"""Why a node cannot run, and what its process ends with."""

from enum import IntEnum

__all__ = ["Exit", "NodeError", "Refused"]


class Exit(IntEnum):
    """Exit codes of the commands of live trading."""

    ORDERLY = 0
    FAILED = 1  # something went wrong while it ran, or a check failed
    UNUSABLE = 2  # settings or data are not usable; nothing was begun
    REFUSED = 3  # it would not be safe
    INTERRUPTED = 130


class NodeError(Exception):
    """A node cannot run as the settings ask, said in one sentence."""

    code = Exit.UNUSABLE


class Refused(NodeError):  # noqa: N818 - it is no error of anybody
    """A node must not run as the settings ask."""

    code = Exit.REFUSED
