"""The version, in one place: read by pyproject.toml, `sgl --version` and /server_info."""

__version__ = "0.1.0"
