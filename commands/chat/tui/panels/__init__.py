"""What opens beside the conversation, or over it."""
