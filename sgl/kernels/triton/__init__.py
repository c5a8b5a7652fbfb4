"""Kernels for GPUs, in Triton; `sgl.kernels.twins` computes the same with torch's plain operations.

Everything here obeys these rules, each of which has cost somebody a silent error:

* values are widened to float32 right after they are loaded, and rounded once, when they are stored: Triton's
  interpreter computes garbage in bfloat16, and a GPU rounds after every step;
* page numbers and slots become int64 before they meet a stride: a pool of all tokens passes 2**31 elements;
* no block pointers, which Triton 3.9 has not; the sources compile with Triton 3.6 and 3.9;
* a condition on a scalar never meets a mask with ``&``: comparisons are written so that both sides are vectors;
* masked loads name ``other``: what is not read is 0, or -inf, and not what memory holds;
* nothing here waits for the device, and results are allocated by the caller or at sizes known on the host.

Every module has ``VARIANTS``: how its kernels are compiled for real models, which `benchmarks.kernel_gate` holds to
limits of registers and shared memory for each generation of GPUs, without having one.
"""
