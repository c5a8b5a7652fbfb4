"""`Redactor`: takes names, keys and addresses out of a text that is about to be published."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sgl.doctor.machine import Identity, Machine

HIDDEN: Final = "<hidden>"
_USER: Final = "<user>"
_HOST: Final = "<host>"

_SECRET_NAMES: Final = ("TOKEN", "KEY", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH")
_KNOWN_KEYS: Final = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{8,}|sk-[A-Za-z0-9_-]{8,}|gh[pousr]_[A-Za-z0-9]{8,}|github_pat_\w{8,}|AKIA[A-Z0-9]{8,}"
    r"|glpat-[\w-]{8,}|xox[abprs]-[\w-]{8,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
)
"""Keys that can be told by their look: Hugging Face, OpenAI and its followers, GitHub, AWS, GitLab, Slack, JWT."""
_KEY_FLAGS: Final = re.compile(r"(--[a-z-]*(?:key|token|secret|password)[a-z-]*[ =])(\S+)", re.IGNORECASE)
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic) +[\w.~+/=-]+")
_ADDRESS: Final = re.compile(r"(\b[a-z][a-z0-9+.-]*://)(?:[^\s/@]*@)?(\[[^\]\s]*\]|[^\s/:?#'\",]+)", re.IGNORECASE)
_HOME: Final = re.compile(r"(/home/|/Users/)[^/\s:'\",]+")
_IPV4: Final = re.compile(r"(?<![\d.])(?!127\.|0\.0\.0\.0)(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_PUBLIC_HOSTS: Final = (
    *("localhost", "127.0.0.1", "0.0.0.0", "[::1]", "huggingface.co", "hf-mirror.com"),
    *("download.pytorch.org", "pytorch.org", "pypi.org", "www.nvidia.com", "github.com"),
)
_COMMON_WORDS: Final = frozenset({"", "root", "user", "localhost", "sgl", "python", "docker", "ubuntu", "home", "gpu"})
"""Names that give nobody away, and would take words out of every sentence."""


class Redactor:
    """Knows what belongs to one machine."""

    def __init__(self, identity: Identity, environ: Mapping[str, str]) -> None:
        self._secrets = sorted(
            {value for name, value in environ.items() if is_secret(name) and len(value) >= 6}, key=len, reverse=True
        )
        self._hosts = sorted(
            {host for name, value in environ.items() for host in _hosts(name, value) if host not in _PUBLIC_HOSTS},
            key=len,
        )[::-1]
        self._home = identity.home.rstrip("/")
        names = ((identity.user, _USER), (identity.hostname, _HOST), (identity.hostname.partition(".")[0], _HOST))
        self._names = [
            (re.compile(rf"(?<!\w){re.escape(name)}(?!\w)"), placeholder)
            for name, placeholder in names
            if name.lower() not in _COMMON_WORDS and len(name) > 1
        ]

    @classmethod
    def of(cls, machine: Machine) -> Redactor:
        """The one for a machine."""
        return cls(machine.identity, machine.environ)

    def __call__(self, text: str) -> str:
        """Returns ``text`` without secrets, user names, host names, credentials in addresses, and IP addresses."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = hide_keys(text)
        for host in self._hosts:
            text = text.replace(host, _HOST)
        text = _ADDRESS.sub(_hide_host, text)
        if self._home.count("/") > 1:
            text = text.replace(self._home, "~")
        text = _HOME.sub(rf"\1{_USER}", text)
        for pattern, placeholder in self._names:
            text = pattern.sub(placeholder, text)
        return _IPV4.sub(_HOST, text)

    def variable(self, name: str, value: str) -> str:
        """The value of an environment variable, as it may be shown."""
        return HIDDEN if is_secret(name) else self(value)


def hide_keys(text: str) -> str:
    """Returns ``text`` without what looks like a key, or stands where a key belongs: ``--api-key KEY``."""
    text = _KNOWN_KEYS.sub(HIDDEN, text)
    text = _KEY_FLAGS.sub(rf"\1{HIDDEN}", text)
    return _BEARER.sub(rf"\1 {HIDDEN}", text)


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds something to hide; a path to it is none."""
    return any(word in name.upper() for word in _SECRET_NAMES) and not name.upper().endswith(("_PATH", "_FILE"))


def _hosts(name: str, value: str) -> set[str]:
    """The hosts in the value of a variable: of addresses, and those that NO_PROXY lists."""
    listed = (word.strip(" .*") for word in value.split(",")) if name.lower() == "no_proxy" else ()
    return {host.lower() for host in (*(match[2] for match in _ADDRESS.finditer(value)), *listed) if len(host) > 3}


def _hide_host(match: re.Match[str]) -> str:
    scheme, host = match[1], match[2]
    return scheme + (host if host.lower() in _PUBLIC_HOSTS else _HOST)
