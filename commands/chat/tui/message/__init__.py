"""One message of a conversation, and everything that stands in it."""
