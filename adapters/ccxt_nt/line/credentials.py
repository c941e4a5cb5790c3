"""Keys from the environment, kept out of every text."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ccxt_nt.profiles import Profile

_VARIABLES: Mapping[str, str] = {
    "apiKey": "API_KEY",
    "secret": "API_SECRET",
    "password": "API_PASSPHRASE",
    "uid": "API_UID",
}


class CredentialsError(ValueError):
    """A variable of the environment is not set; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a venue wants to know us by; its repr shows which parts there are, never a value."""

    parts: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        for name, value in self.parts.items():
            if name not in _VARIABLES:
                raise ValueError(f"credentials know {', '.join(_VARIABLES)}, not {name}")
            if not value:
                raise ValueError(f"credential {name} must not be empty")

    def __repr__(self) -> str:
        return f"Credentials({', '.join(f'{name}=***' for name in self.parts)})"

    @classmethod
    def from_environment(cls, profile: Profile, environ: Mapping[str, str]) -> "Credentials":
        """Read the variables that the venue's profile names.

        Raises CredentialsError naming every variable that is not set.
        """
        wanted = {name: variable(profile, name) for name in profile.credentials}
        missing = [name for name in wanted.values() if not environ.get(name, "").strip()]
        if missing:
            raise CredentialsError(
                f"{profile.key} needs {' and '.join(missing)} in the environment"
            )
        return cls(parts={name: environ[env].strip() for name, env in wanted.items()})

    @property
    def secrets(self) -> tuple[str, ...]:
        """List the values that no text may contain."""
        return tuple(self.parts.values())


def variable(profile: Profile, part: str) -> str:
    """Name the variable that holds a part: BITGET_API_SECRET."""
    if part not in _VARIABLES:
        raise ValueError(f"credentials know {', '.join(_VARIABLES)}, not {part}")
    return f"{profile.environment}_{_VARIABLES[part]}"
