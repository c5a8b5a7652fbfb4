"""The bytes of one request and one answer, and when they came. Times are noted before anything is parsed."""
