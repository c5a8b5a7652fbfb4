"""The slash commands of the full-screen chat: one table, what each does, and the menu that completes them."""
