"""What weights a decoder has, what a checkpoint calls them, and which matrix products they make."""
