"""What to do next when a venue does not simply say yes: one class for each answer."""


class VenueError(Exception):
    """A call did not succeed; `code` is the venue's own, where it told one."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class Rejected(VenueError):
    """The venue refused; it did not happen."""


class WouldTake(Rejected):
    """The venue refused a post-only order because it would have taken."""


class Exists(VenueError):
    """The client order id is taken: the order is there, ask for it."""


class Missing(VenueError):
    """There is no such order as far as the venue knows now."""


class Closed(VenueError):
    """The order is no longer open."""


class Unauthorised(VenueError):
    """Keys, rights or addresses are wrong; nothing will work until a person acts."""


class Throttled(VenueError):
    """Too many requests: it was answered, but ask before doing it again."""


class Untimely(Throttled):
    """The venue refused the time of the signature: it did not happen, look at its clock."""


class Unsent(VenueError):
    """It never left this process: it did not happen."""


class Unknown(VenueError):
    """It may have happened. Never resend; reconciliation will tell."""


class Late(Unknown):
    """No answer came in time."""


class Unsupported(VenueError):
    """We refuse before anything is sent: the profile has no tested way to do it."""
