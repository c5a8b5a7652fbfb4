"""One conversation with one server: asks, keeps what comes while it comes, and measures it."""
