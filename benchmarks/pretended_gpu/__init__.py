"""The engine for GPUs on a GPU that is only pretended: what a first start on a real one would stumble over.

Tensors on the device have shapes, types and places, and no numbers (torch's ``FakeTensorMode``); launches of kernels
are bound and specialised by Triton as for a real GPU, and not run. The engine, its scheduler and its start are the real
ones. What is found: tensors on the wrong device, waits for the device where a step must not wait, launches that Triton
would compile while requests wait, and launches that do not compile. What is not: anything about numbers, speed, memory,
or order on the device.
"""
