from __future__ import annotations

import pytest

from shim.protocol.mapping import hosts

EXPECTED = {
    "eu.rt.speechmatics.com": "eu",
    "eu2.rt.speechmatics.com": "eu",
    "neu.rt.speechmatics.com": "eu",
    "us.rt.speechmatics.com": "us",
    "wus.rt.speechmatics.com": "us",
    "global.rt.speechmatics.com": "global",
    "preview.rt.speechmatics.com": "global",
}


def test_every_cloud_host_keeps_its_region() -> None:
    assert {name: hosts.region_of(name) for name in hosts.SPEECHMATICS_HOSTS} == EXPECTED


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "asr.example.com",
        "eu.rt.speechmatics.com.example.com",
        "example-eu.rt.speechmatics.com",
        "au.rt.speechmatics.com",
        "speechmatics.com",
        "mp.speechmatics.com",
        "192.0.2.1:9000",
        "[::1]:9000",
        "eu.rt.speechmatics.com:x",
        "",
    ],
)
def test_audio_for_any_other_host_goes_nowhere(host: str) -> None:
    assert hosts.region_of(host) is None
    assert hosts.residency_warning(host) is None


@pytest.mark.parametrize(
    "host",
    [
        "EU2.RT.Speechmatics.com",
        "eu2.rt.speechmatics.com:443",
        "eu2.rt.speechmatics.com.",
        " eu2.rt.speechmatics.com ",
    ],
)
def test_a_host_is_known_in_any_spelling(host: str) -> None:
    assert hosts.region_of(host) == "eu"


def test_a_zone_has_a_host_of_that_zone() -> None:
    assert hosts.streaming_url("eu") == "wss://streaming.eu.assemblyai.com/v3/ws"
    assert hosts.streaming_url("us") == "wss://streaming.us.assemblyai.com/v3/ws"
    assert hosts.streaming_url("global") == "wss://streaming.assemblyai.com/v3/ws"


def test_tokens_come_from_the_host_that_takes_them() -> None:
    for region in hosts.REGIONS:
        assert hosts.token_url(region) == f"https://{hosts.ASSEMBLYAI_HOSTS[region].name}/v3/token"


def test_only_hosts_without_residency_give_a_warning_about_it() -> None:
    warned = {name for name in hosts.SPEECHMATICS_HOSTS if hosts.residency_warning(name)}
    assert warned == {"global.rt.speechmatics.com", "preview.rt.speechmatics.com"}
