"""Conversations on disk: a tree of messages per thread in one SQLite file; `chat_store` opens it."""
