"""The SDK's configuration file (module ``speechmatics.config``): one TOML table for each profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["CONFIG_PATH", "Path", "read_config_from_home"]

CONFIG_PATH = Path.home().resolve() / ".speechmatics/config"


def read_config_from_home(profile: str = "default") -> dict[str, Any] | None:
    """What the file says for a profile: ``auth_token``, ``generate_temp_token``, ``realtime_url``, ``batch_url``.

    Returns:
        None without a file; empty where the file has no profile ``default``.

    Raises:
        SystemExit: the file has no profile of another name.
        ValueError: the file is no TOML.
    """
    if not CONFIG_PATH.exists():
        return None
    profiles = read_profiles(CONFIG_PATH)
    if profile not in profiles and profile != "default":
        raise SystemExit(f"{CONFIG_PATH} has no profile {profile!r}.")
    found: dict[str, Any] = profiles.get(profile, {})
    return found


def read_profiles(path: Path) -> dict[str, Any]:
    """All profiles of a file: name to table.

    Raises:
        ValueError: the file is no TOML.
    """
    import tomlkit

    profiles: dict[str, Any] = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    return profiles
