"""The world outside of the terminal's window: the clipboard, an editor, files that a person names."""
