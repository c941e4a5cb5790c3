"""The models of a registry: which one serves, which ones watch, and who decided it and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from morningstar_strategy.model.bundle import BundleError, Manifest, MorningstarModel, read_manifest
from morningstar_strategy.model.channels import (
    CHANNELS,
    Change,
    Channels,
    RegistryError,
    change_of,
    locked,
    read_channels,
    write_channels,
)
from morningstar_strategy.model.shelf import BUNDLES

__all__ = ["Check", "RefusedError", "Registry", "Role", "role_of"]

type Role = Literal["champion", "challenger"]


class RefusedError(RegistryError):
    """What was asked is understood, but the registry or the promotion rule forbids it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was found of one bundle, or of the channels: a fault, or None where all is well."""

    name: str
    fault: str | None


class Registry:
    """Bundles that never change in `bundles/<model_id>/`, and `channels.json` that says who serves.

    Readers need no lock: the channels are replaced at once. Writers wait for each other.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bundles = root / BUNDLES

    def models(self) -> tuple[str, ...]:
        """List the bundles by name, whether they are in a channel or not."""
        if not self.bundles.is_dir():
            return ()
        folders = (path for path in self.bundles.iterdir() if path.is_dir())
        return tuple(sorted(path.name for path in folders if not path.name.startswith(".")))

    def manifest(self, model_id: str) -> Manifest:
        """Read what a model says of itself.

        Raises RegistryError for a name that is unknown, BundleError for a manifest that is none or
        another model's.
        """
        return _own(read_manifest(self._folder(model_id)), model_id)

    def channels(self) -> Channels:
        """Read who serves and who watches; raise RegistryError where that cannot be told."""
        return read_channels(self.root)

    def adopt(
        self, model_id: str, *, at: datetime, who: str = "training", why: str = "newly trained"
    ) -> Role:
        """Take a bundle in `bundles` into its channel: as champion where there is none yet.

        Raises BundleError for one that cannot be loaded, RefusedError for one that is in already.
        """
        with locked(self.root):
            channels = self.channels()
            manifest = self._loaded(model_id)
            if role_of(channels, manifest) is not None:
                raise RefusedError(f"{model_id} must be new to its channel, was not")
            channels = channels.after(_addition(manifest, at=at, who=who, why=why))
            write_channels(self.root, channels)
        champion = channels.of(manifest.interval).champion
        return "champion" if champion == model_id else "challenger"

    def promote(
        self,
        model_id: str,
        *,
        at: datetime,
        who: str,
        why: str,
        evidence: Sequence[str] = (),
        over: str | None = None,
    ) -> Change:
        """Let a model serve; the champion it replaces watches from now on.

        A bundle that is in no channel is adopted first. `over` names the champion it was compared
        with. Raises RefusedError where that is champion no more or the model itself serves
        already, and BundleError where it cannot be loaded.
        """
        with locked(self.root):
            channels = self.channels()
            manifest = self._loaded(model_id)
            champion = channels.of(manifest.interval).champion
            if champion == model_id:
                raise RefusedError(f"{model_id} is the champion of {manifest.interval} already")
            if over is not None and champion != over:
                raise RefusedError(
                    f"champion of {manifest.interval} must still be {over}, is {champion}"
                )
            if role_of(channels, manifest) is None:
                channels = channels.after(_addition(manifest, at=at, who=who, why=why))
            if champion is not None:
                change = change_of(
                    at=at,
                    interval=manifest.interval,
                    action="promote",
                    before=champion,
                    after=model_id,
                    who=who,
                    why=why,
                    evidence=tuple(evidence),
                )
                channels = channels.after(change)
            write_channels(self.root, channels)
        return channels.history[-1]

    def rollback(self, interval: str, *, at: datetime, who: str, why: str) -> Change:
        """Let the champion before serve again; the one it replaces watches from now on.

        Raises RefusedError where there was none, BundleError where it cannot be loaded any more.
        """
        with locked(self.root):
            channels = self.channels()
            before = channels.before(interval)
            if before is None:
                raise RefusedError(f"interval {interval} has no champion before the present one")
            self._loaded(before)
            change = change_of(
                at=at,
                interval=interval,
                action="rollback",
                before=channels.of(interval).champion,
                after=before,
                who=who,
                why=why,
            )
            write_channels(self.root, channels.after(change))
        return change

    def verify(self) -> tuple[Check, ...]:
        """Load every bundle from end to end and look for whatever the channels name."""
        models = self.models()
        checks = [Check(name=name, fault=self._bundle_fault(name)) for name in models]
        return (*checks, Check(name=CHANNELS, fault=self._channels_fault(models)))

    def _bundle_fault(self, name: str) -> str | None:
        try:
            self._loaded(name)
        except Exception as e:  # whatever one bundle breaks, the others must still be told of
            return str(e) or repr(e)
        return None

    def _channels_fault(self, models: Sequence[str]) -> str | None:
        try:
            channels = self.channels()
        except RegistryError as e:
            return str(e)
        for interval, channel in sorted(channels.channels.items()):
            for name in (channel.champion, *channel.challengers):
                if name is not None and name not in models:
                    return f"{name} of {interval} must be a bundle of the registry, is missing"
        return None

    def _folder(self, model_id: str) -> Path:
        if model_id not in self.models():
            raise RegistryError(f"model {model_id} must be in {self.bundles}, is not")
        return self.bundles / model_id

    def _loaded(self, model_id: str) -> Manifest:
        """Prove a bundle by loading it, as the process that serves it would."""
        return _own(MorningstarModel(self._folder(model_id)).manifest, model_id)


def role_of(channels: Channels, manifest: Manifest) -> Role | None:
    """Say what a model does in the channel of its interval, None where it is not in it."""
    channel = channels.of(manifest.interval)
    if manifest.model_id == channel.champion:
        return "champion"
    return "challenger" if manifest.model_id in channel.challengers else None


def _own(manifest: Manifest, model_id: str) -> Manifest:
    if manifest.model_id != model_id:
        raise BundleError(f"model_id must be {model_id} as its folder, was {manifest.model_id}")
    return manifest


def _addition(manifest: Manifest, *, at: datetime, who: str, why: str) -> Change:
    return change_of(
        at=at,
        interval=manifest.interval,
        action="add",
        before=None,
        after=manifest.model_id,
        who=who,
        why=why,
    )
