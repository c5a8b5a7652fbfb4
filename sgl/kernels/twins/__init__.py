"""What the kernels for GPUs compute, in torch's plain operations: the definition that tests hold them to."""
