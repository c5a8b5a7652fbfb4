"""What a person has set for every chat: the file of settings and the presets; `profiles` reads and writes them."""
