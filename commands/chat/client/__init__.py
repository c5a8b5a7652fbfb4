"""Talks to any server with OpenAI's chat API: finds or starts one, and streams its answers as typed events."""
