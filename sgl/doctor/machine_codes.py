"""The codes of Python (SGL1xx), the GPUs (2xx), the CPU (3xx) and the system (4xx)."""

from __future__ import annotations

from typing import Final

from sgl.doctor.code import Code

_PYTHON: Final = (
    Code(
        "SGL101",
        "the version of Python",
        "sgl is tested with the versions of Python that its package metadata names. An older one lacks syntax that "
        "sgl uses; for a newer one there may be no builds of torch yet.",
        "Make an environment with a supported version, e.g. with uv, and install sgl there.",
    ),
    Code(
        "SGL102",
        "a 64-bit Python",
        "A 32-bit program cannot map the weights of a model, and torch is not built for it.",
        "Install a 64-bit Python.",
    ),
    Code(
        "SGL103",
        "a virtual environment",
        "Packages that are installed into the system's Python collide with those of the distribution, and one "
        "upgrade can break both.",
        "Make an environment with `python3 -m venv` or uv, and install sgl there.",
    ),
    Code(
        "SGL104",
        "package versions that go together",
        "The installed packages are compared with what sgl, and the packages that it needs, require in their "
        "metadata. A package of another version usually fails later, with an error that does not name the cause.",
        "Install the named version; pip's resolver repairs the rest.",
    ),
    Code(
        "SGL105",
        "torch can be imported",
        "torch is imported in a process of its own. It can be missing, raise an error because a shared library is "
        "missing, crash, or hang on a broken driver; sgl cannot compute without it.",
        "Reinstall torch; if it crashes or hangs, look at the driver first (the gpu group).",
    ),
    Code(
        "SGL106",
        "torch's CUDA against the driver",
        "A build of torch brings the CUDA runtime that it was built with. The driver must be of the same major "
        "version of CUDA or a newer one: `nvidia-smi` prints the newest that it knows. Within one major version, any "
        "minor version works. A build for the CPU (+cpu) never uses a GPU.",
        "Install the build of torch for your driver's CUDA, or a newer driver.",
        gpu=True,
    ),
    Code(
        "SGL107",
        "torch holds code for the GPU",
        "Each build of torch holds machine code for a list of compute capabilities (sm_80, sm_90, ...). Code of the "
        "same major version and of a lower or equal minor one runs, and so does portable code (compute_90) of any "
        "lower version. Otherwise the first operation ends with 'no kernel image is available'.",
        "Install a build of torch whose list has your GPU; new GPUs need the newest CUDA.",
        gpu=True,
    ),
    Code(
        "SGL108",
        "triton",
        "Kernels for GPUs are written in Triton. It comes with the CUDA build of torch for Linux, and each version "
        "of torch is made for one version of it.",
        "Install the version of triton that torch requires.",
        gpu=True,
    ),
    Code(
        "SGL109",
        "flashinfer",
        "flashinfer is an optional package of fast attention kernels for GPUs. It has to match torch and its CUDA.",
        "Reinstall it next to the torch you have, or remove it.",
        gpu=True,
    ),
    Code(
        "SGL110",
        "torch can start CUDA",
        "There is a GPU and torch is a CUDA build, yet torch finds no device. The driver's library may be missing in "
        "the container, the driver may have been updated without a restart, or CUDA_VISIBLE_DEVICES hides every GPU.",
        "The detail has CUDA's own words. After an update of the driver, restart the machine.",
        gpu=True,
    ),
    Code(
        "SGL111",
        "packages that are installed twice",
        "Two copies of one package are on Python's path; which one is imported depends on the order of folders.",
        "Uninstall the package until none is left, then install it once.",
    ),
    Code(
        "SGL199",
        "Python's facts could be read",
        "A part of this check failed itself; the detail says how. The rest of the report is valid.",
        "Run it again; if it stays, report it with `sgl doctor --report`.",
    ),
)

_GPU: Final = (
    Code(
        "SGL201",
        "the GPUs",
        "Each GPU with its compute capability and its memory, as the driver reports them.",
        "If a GPU is missing, look at `nvidia-smi`, and at the flags of the container.",
        gpu=True,
    ),
    Code(
        "SGL202",
        "the version of the driver",
        "Builds of torch that sgl supports need CUDA 12 or newer, which is driver 525 or newer.",
        "Install a newer driver from your distribution or from https://www.nvidia.com/drivers, and restart.",
        gpu=True,
    ),
    Code(
        "SGL203",
        "memory that others hold",
        "A model, its KV cache and its CUDA graphs must fit into the GPU's memory. What other processes hold is "
        "missing there. In a container the driver may not name processes outside of it.",
        "End the processes that are named, or choose another GPU with CUDA_VISIBLE_DEVICES.",
        gpu=True,
    ),
    Code(
        "SGL204",
        "throttling",
        "The GPU lowers its clocks because it is too hot, or because its power supply asks for it. Everything works, "
        "slower. The usual power cap under load is not counted.",
        "Look at the cooling and the power supply of the machine.",
        gpu=True,
    ),
    Code(
        "SGL205",
        "memory errors",
        "The GPU counts errors of its memory. Corrected ones are harmless in small numbers; uncorrected ones end a "
        "process or change its numbers. A pending row remapping takes effect when the GPU is reset.",
        "Reset the GPU or restart the machine; if errors come back, have the GPU replaced.",
        gpu=True,
    ),
    Code(
        "SGL206",
        "MIG",
        "Multi-Instance GPU splits one GPU into smaller ones. A process sees one slice only, named by its UUID, and "
        "slices cannot work together on one model.",
        "Name the slice in CUDA_VISIBLE_DEVICES, or turn MIG off.",
        gpu=True,
    ),
    Code(
        "SGL207",
        "GPUs of different kinds",
        "Tensor parallelism gives each GPU an equal share, so the smallest memory and the slowest GPU decide.",
        "Use equal GPUs: name them in CUDA_VISIBLE_DEVICES.",
        gpu=True,
    ),
    Code(
        "SGL208",
        "CUDA_VISIBLE_DEVICES",
        "The variable lists the GPUs that CUDA shows to a program, by index or UUID. CUDA ignores everything after "
        "the first entry that it does not know, without a message.",
        "Correct the list, or unset the variable.",
        gpu=True,
    ),
    Code(
        "SGL209",
        "how the GPUs are connected",
        "With --tp, GPUs exchange data in every layer. NVLink (NV#) is made for it; through one PCIe switch (PIX, "
        "PXB) is fair; through the CPU (PHB, NODE) is slow, and between two CPUs (SYS) slower.",
        "Choose GPUs that NVLink connects, or give each GPU its own server.",
        gpu=True,
    ),
    Code(
        "SGL210",
        "enough GPUs for --tp",
        "Tensor parallelism needs one GPU for each rank.",
        "Lower --tp, or make more GPUs visible.",
        gpu=True,
    ),
    Code(
        "SGL211",
        "compute capability",
        "Kernels are compiled for compute capability 8.0 (Ampere) and newer. 7.5 (Turing) has no bfloat16, and older "
        "ones are not supported by current builds of torch: with these, everything runs on the CPU.",
        "Use a newer GPU, or the CPU.",
        gpu=True,
    ),
    Code(
        "SGL212",
        "GPUs in this container or under WSL",
        "A container sees a GPU only if it was started with it: device files /dev/nvidia* and the driver's "
        "libraries come from the host. Under WSL2 the driver is that of Windows; none is installed inside.",
        "Start the container with GPUs; under WSL2 install the driver in Windows.",
        gpu=True,
    ),
    Code(
        "SGL213",
        "what this version computes on",
        "`sgl serve` takes the first visible GPU where torch is a CUDA build that starts, triton can be imported and "
        "the GPU is of compute capability 8.0 or newer; otherwise it computes on the CPU. FP8 is multiplied in "
        "hardware from 8.9 on. The path is tested with Triton's interpreter and compiled for each generation of GPUs; "
        "it was not yet run on a GPU.",
        "Look at the findings beside it; --device cpu stays off the GPU.",
        gpu=True,
    ),
    Code(
        "SGL214",
        "persistence mode",
        "Without it the driver unloads when no program uses the GPU, and each start takes seconds longer.",
        "Turn persistence mode on.",
        gpu=True,
    ),
    Code(
        "SGL215",
        "nvidia-smi",
        "Facts about the GPUs come from NVIDIA's own program. When it hangs or fails, the driver is usually in "
        "trouble, and CUDA programs will hang as well.",
        "Look at `dmesg` for lines with NVRM or Xid, and restart the machine.",
        gpu=True,
    ),
    Code(
        "SGL299",
        "the GPU's facts could be read",
        "A part of this check failed itself; the detail says how. The rest of the report is valid.",
        "Run it again; if it stays, report it with `sgl doctor --report`.",
        gpu=True,
    ),
)

_CPU: Final = (
    Code(
        "SGL301",
        "cores",
        "The cores that this process may use: of the machine, of its affinity mask, and of its control group (the "
        "limit of a container). More threads than cores make everything slower.",
        "Give the container more cores, or start it without a mask.",
    ),
    Code(
        "SGL302",
        "vector instructions",
        "Matrix products on a CPU use AVX2, AVX-512 or AMX. With avx512_bf16 or AMX, bfloat16 is computed in "
        "hardware; without, sgl computes in float32. Without AVX2 it is very slow.",
        "Use a newer CPU, or one whose instructions the virtual machine passes on.",
    ),
    Code(
        "SGL303",
        "memory",
        "The memory that weights and KV cache can take: of the machine, or of the control group when that is less. A "
        "control group that is full kills the process without a message.",
        "Close other programs, or raise the limit of the container.",
    ),
    Code(
        "SGL304",
        "swap",
        "A machine that swaps computes many times slower.",
        "Close programs that hold memory, or serve a smaller model.",
    ),
    Code(
        "SGL399",
        "the CPU's facts could be read",
        "A part of this check failed itself; the detail says how. The rest of the report is valid.",
        "Run it again; if it stays, report it with `sgl doctor --report`.",
    ),
)

_SYSTEM: Final = (
    Code(
        "SGL401",
        "shared memory",
        "Processes of one engine share data in /dev/shm; with --tp, NCCL needs about 1 GiB there. Docker gives 64 MiB.",
        "Start the container with --shm-size or --ipc=host.",
    ),
    Code(
        "SGL402",
        "open files",
        "Each connection is an open file, so the limit is also the number of clients at once.",
        "Raise the limit in the shell (ulimit -n), or LimitNOFILE in the systemd unit.",
    ),
    Code(
        "SGL403",
        "locked memory",
        "Transfers between GPUs and network cards lock memory; a small limit makes them fail or slow.",
        "Raise the limit: ulimit -l unlimited, docker run --ulimit memlock=-1, or LimitMEMLOCK in the systemd unit.",
        gpu=True,
    ),
    Code(
        "SGL404",
        "number of processes",
        "Threads count as processes here. When the limit is reached, a thread cannot start and the engine ends.",
        "Raise the limit: ulimit -u, docker run --pids-limit, or TasksMax in the systemd unit.",
    ),
    Code(
        "SGL405",
        "the model cache can be written",
        "Models are downloaded into the Hugging Face cache: HF_HUB_CACHE, else HF_HOME/hub, else "
        "~/.cache/huggingface/hub.",
        "Make the folder yours, or point HF_HOME to one that is.",
    ),
    Code(
        "SGL406",
        "disk space",
        "A model of 8 billion parameters takes about 16 GiB in bfloat16. A download that fills the disk breaks other "
        "programs, too.",
        "Remove models with `sgl models`, or point HF_HOME to a bigger disk.",
    ),
    Code(
        "SGL407",
        "the file system of the cache",
        "From a network file system, weights load at the speed of the network, and locks may not work.",
        "Point HF_HOME to a local disk.",
    ),
    Code(
        "SGL408",
        "the port",
        "The server listens on one port, 30000 unless --port says otherwise. Only one program can have it.",
        "Choose another port, or end the program that is named.",
    ),
    Code(
        "SGL409",
        "the Hugging Face token",
        "Public models need none. For gated ones (Llama, Gemma, ...) the hub wants a token of an account that has "
        "accepted the licence. The token is never shown.",
        "Log in with `hf auth login`.",
    ),
    Code(
        "SGL410",
        "offline mode",
        "With HF_HUB_OFFLINE=1 nothing is downloaded; only models in the cache can be served.",
        "Unset HF_HUB_OFFLINE, or download the model beforehand.",
    ),
    Code(
        "SGL411",
        "the hub's address",
        "HF_ENDPOINT replaces https://huggingface.co, for mirrors. It must be a whole address with http:// or "
        "https://.",
        "Correct or unset HF_ENDPOINT.",
    ),
    Code(
        "SGL412",
        "proxies and localhost",
        "Programs that talk to the server on this machine obey HTTP_PROXY and send their requests to the proxy, "
        "which cannot reach it. NO_PROXY lists what goes directly.",
        "Add localhost and 127.0.0.1 to NO_PROXY.",
    ),
    Code(
        "SGL413",
        "the locale",
        "Answers of models hold characters beyond ASCII; a locale without UTF-8 cannot show them.",
        "Set LANG to a UTF-8 locale.",
    ),
    Code(
        "SGL414",
        "environment variables",
        "Some variables that help in debugging make everything slow, and are easily forgotten.",
        "Unset them.",
    ),
    Code(
        "SGL415",
        "shell completion",
        "Commands, flags and model names can be completed with Tab.",
        "Run `sgl --install-completion`.",
    ),
    Code(
        "SGL416",
        "one sgl on the path",
        "Two programs called sgl are on the path; the shell starts the first.",
        "Uninstall one of them, or activate the environment you mean.",
    ),
    Code(
        "SGL417",
        "the operating system",
        "sgl runs on Linux, also in containers and under WSL2.",
        "Run it there.",
    ),
    Code(
        "SGL499",
        "the system's facts could be read",
        "A part of this check failed itself; the detail says how. The rest of the report is valid.",
        "Run it again; if it stays, report it with `sgl doctor --report`.",
    ),
)

MACHINE_CODES: Final[tuple[Code, ...]] = (*_PYTHON, *_GPU, *_CPU, *_SYSTEM)
