"""Stage (c) of the GPU engine: on a real GPU, is it right, how fast is it, and how far is that from what is possible.

``python -m benchmarks.gpu_acceptance`` runs all of it; README.md of benchmarks/ says what it needs. Not yet run on a
GPU: what can be tried without one is tried by ``--rehearse``, under Triton's interpreter.
"""
