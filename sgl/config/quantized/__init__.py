"""Reads ``quantization_config``, method by method, and says which tensors each keeps in a checkpoint. Torch-free."""
