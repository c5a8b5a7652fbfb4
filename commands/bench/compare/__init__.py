"""Whether one run is better than another, or good enough: intervals, verdicts, rules and assertions."""
