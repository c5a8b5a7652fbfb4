"""One step of the model on a GPU: what is sent, launched, captured and brought back.

Everything here also runs on CPU tensors, with kernels in Triton's interpreter: that is how it is tested.
"""
