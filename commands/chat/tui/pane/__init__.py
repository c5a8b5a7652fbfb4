"""One conversation with one model: the list of its messages, the answer that comes, its figures."""
