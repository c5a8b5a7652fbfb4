"""Kernels for GPUs, in Triton; `sgl.kernels.twins` computes the same with torch's plain operations.

Everything here obeys these rules, each of which has cost somebody a silent error:

* values are widened to float32 right after they are loaded, and rounded once, when they are stored: Triton's
  interpreter computes garbage in bfloat16, and a GPU rounds after every step;
* page numbers and slots become int64 before they meet a stride: a pool of all tokens passes 2**31 elements;
* no block pointers, which Triton 3.9 has not; the sources compile with Triton 3.6 and 3.9;
* a condition on a scalar never meets a mask with ``&``: comparisons are written so that both sides are vectors;
* masked loads name ``other``: what is not read is 0, or -inf, and not what memory holds;
* what differs from step to step is not specialised on: Triton compiles a kernel anew for a number that is 1 or a
  multiple of 16, and for a tensor that begins at a multiple of 16 bytes (``do_not_specialize``,
  ``do_not_specialize_on_alignment``; `benchmarks.pretended_gpu` finds what was forgotten);
* nothing here waits for the device, and results are allocated by the caller or at sizes known on the host.

Every module has ``VARIANTS``: how its kernels are compiled for real models, which `benchmarks.kernel_gate` holds to
limits of registers and shared memory for each generation of GPUs, without having one.
"""
