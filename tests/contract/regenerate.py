"""Write the snapshots anew: `python -m tests.contract.regenerate`, then read the difference."""

import asyncio
import json
import sys
from pathlib import Path

from ccxt_nt.profiles import Profile
from ccxt_nt.venues import PROFILES
from tests.contract.calls import recorded

FOLDER = Path(__file__).parent / "snapshots"


def path_of(profile: Profile) -> Path:
    """Name the snapshot of a profile."""
    return FOLDER / f"{profile.venue.lower()}-{profile.product.value}.json"


def spelled(profile: Profile) -> str:
    """Spell what a profile's calls send, the same way every time."""
    sent = asyncio.run(recorded(profile))
    return json.dumps(sent, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Write every snapshot."""
    FOLDER.mkdir(exist_ok=True)
    for profile in PROFILES.values():
        path_of(profile).write_text(spelled(profile), encoding="utf-8")
        print(path_of(profile))
    return 0


if __name__ == "__main__":
    sys.exit(main())
