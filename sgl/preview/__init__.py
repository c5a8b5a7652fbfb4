"""What ``sgl serve`` would do: every setting with its origin, and the memory plan. Without torch; starts nothing."""
