"""The memory plan: what a model needs on a device, exactly as a real load takes it. Standard library only."""
