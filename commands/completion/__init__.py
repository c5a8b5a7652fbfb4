"""Tab completion: scripts for bash, zsh and fish generated from the commands, their installation, and the words
that only Python can know (`words`)."""
