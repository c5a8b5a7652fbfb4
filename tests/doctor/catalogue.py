"""The machines that `sgl doctor` is tested on, and how it is called there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from sgl.doctor.finding import Group
from sgl.doctor.machine import Disk, Distribution, Ran
from sgl.doctor.recorded import Recording
from sgl.doctor.run import Wishes
from tests.doctor.parts import (
    CACHE,
    GIB,
    TORCH_CHILD,
    in_docker,
    ordinary,
    packages,
    torch_answer,
    with_cards,
    with_files,
    with_variables,
)
from tests.doctor.smi import Card

MACHINE: Final[tuple[Group, ...]] = ("python", "gpu", "cpu", "system")
H100: Final = Card()
RTX_4090: Final = Card(name="NVIDIA GeForce RTX 4090", capability="8.9", total=24564, used=312, ecc=False)
RTX_3090: Final = Card(name="NVIDIA GeForce RTX 3090", capability="8.6", total=24576, used=12, ecc=False)


class Case(NamedTuple):
    """One machine."""

    recording: Recording
    wishes: Wishes = Wishes(groups=MACHINE)


def laptop() -> Case:
    """Nothing special, and a 'bash' without completion."""
    flags = "fma avx avx2"
    machine = ordinary(memory_gib=16, cores=8, flags=flags, model="AMD Ryzen 7 5800U with Radeon Graphics")
    return Case(replace(machine, limits={**machine.limits, "open_files": 1024}))


def cpu_server_with_amx() -> Case:
    """A CPU with matrix instructions, half of whose cores the affinity mask leaves."""
    flags = "avx2 avx512f avx512_bf16 avx512_fp16 amx_bf16 amx_tile amx_int8"
    machine = ordinary(memory_gib=512, cores=96, flags=flags, model="Intel(R) Xeon(R) Platinum 8480+")
    return Case(replace(machine, cores=(96, 48)))


def wsl2_with_gpu() -> Case:
    """The driver is that of Windows; the screen uses the GPU, too."""
    card = Card(
        name="NVIDIA GeForce RTX 4070 Laptop GPU", capability="8.9", total=8188, used=860, display="Enabled", ecc=False
    )
    machine = with_cards(ordinary(memory_gib=16, cores=16, flags="avx2"), [card], driver="581.57")
    interpreter = replace(machine.interpreter, kernel="5.15.167.4-microsoft-standard-WSL2")
    folders = {**machine.folders, "/dev": ["dxg", "null", "shm"]}
    return Case(with_variables(replace(machine, interpreter=interpreter, folders=folders), WSL_DISTRO_NAME="Ubuntu"))


def wsl2_without_driver() -> Case:
    """Windows passes a GPU on, and has no NVIDIA driver."""
    machine = ordinary(memory_gib=16, cores=16, flags="avx2")
    interpreter = replace(machine.interpreter, kernel="5.15.167.4-microsoft-standard-WSL2")
    return Case(replace(machine, interpreter=interpreter, folders={**machine.folders, "/dev": ["dxg", "null"]}))


def h100() -> Case:
    """One GPU on which everything is fine."""
    return Case(with_cards(ordinary(memory_gib=256), [H100]))


def h200_with_flashinfer() -> Case:
    """A GPU machine with the optional kernels for attention."""
    card = replace(H100, name="NVIDIA H200", total=143771)
    machine = with_cards(ordinary(), [card], answer=torch_answer("2.13.0+cu130", [card], flashinfer="0.6.6"))
    return Case(replace(machine, distributions=packages("2.13.0+cu130", flashinfer_python="0.6.6")))


def gpu_without_triton() -> Case:
    """A build of torch that came without it."""
    machine = with_cards(ordinary(), [H100], answer=torch_answer("2.13.0+cu130", [H100], triton=""))
    found = {name: each for name, each in machine.distributions.items() if name != "triton"}
    return Case(replace(machine, distributions=found))


def gpu_without_driver() -> Case:
    """A new GPU in a machine where nobody has installed the driver; torch is pip's ordinary build, with CUDA."""
    error = "RuntimeError: Found no NVIDIA driver on your system."
    machine = ordinary()
    files = {
        "/sys/bus/pci/devices/0000:00:02.0/vendor": "0x8086\n",
        "/sys/bus/pci/devices/0000:00:02.0/class": "0x030000\n",
        "/sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
        "/sys/bus/pci/devices/0000:01:00.0/class": "0x030000\n",
        "/sys/bus/pci/devices/0000:01:00.1/vendor": "0x10de\n",
        "/sys/bus/pci/devices/0000:01:00.1/class": "0x040300\n",
    }
    pci = {"/sys/bus/pci/devices": ["0000:00:02.0", "0000:01:00.0", "0000:01:00.1"]}
    answer = torch_answer("2.13.0+cu130", cuda_error=error)
    machine = replace(machine, commands={TORCH_CHILD: answer}, distributions=packages("2.13.0+cu130"))
    return Case(replace(with_files(machine, files), folders={**machine.folders, **pci}))


def cuda_torch_without_gpu() -> Case:
    """pip's ordinary build of torch on a machine without a GPU, and a nvidia-smi that finds nothing."""
    error = "RuntimeError: Found no NVIDIA driver on your system."
    words = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"
    commands = {
        TORCH_CHILD: torch_answer("2.13.0+cu130", cuda_error=error),
        "nvidia-smi -q -x": Ran(status=9, stdout=words),
    }
    return Case(replace(ordinary(), commands=commands, distributions=packages("2.13.0+cu130")))


def old_driver() -> Case:
    """A driver that ends at CUDA 12.4, and a build of torch for 13.0."""
    error = "RuntimeError: The NVIDIA driver on your system is too old (found version 12040)."
    answer = torch_answer("2.13.0+cu130", cuda_error=error)
    return Case(with_cards(ordinary(), [RTX_4090], driver="550.127.05", cuda="12.4", answer=answer))


def older_minor_version() -> Case:
    """A driver that knows CUDA 12.4, and a build for 12.6: that works."""
    return Case(with_cards(ordinary(), [RTX_4090], driver="550.127.05", cuda="12.4", torch="2.12.0+cu126"))


def ancient_gpu() -> Case:
    """A driver without CUDA 12, and a GPU that no build of torch supports any more."""
    card = Card(name="Tesla P100-PCIE-16GB", capability="6.0", total=16280, used=0, old_names=True)
    error = "RuntimeError: The NVIDIA driver on your system is too old (found version 11040)."
    answer = torch_answer("2.12.0+cu126", cuda_error=error)
    return Case(with_cards(ordinary(), [card], driver="470.256.02", cuda="11.4", torch="2.12.0+cu126", answer=answer))


def turing() -> Case:
    """A GPU without bfloat16."""
    card = Card(name="Tesla T4", capability="7.5", total=15360, used=0, persistence="Disabled")
    return Case(with_cards(ordinary(), [card]))


def cpu_torch_on_gpu_machine() -> Case:
    """pip took the build for the CPU."""
    return Case(with_cards(ordinary(), [H100], torch="2.13.0+cpu"))


def blackwell_without_code() -> Case:
    """A GPU that is newer than the build of torch."""
    card = Card(name="NVIDIA GeForce RTX 5090", capability="12.0", total=32607, used=2, ecc=False)
    codes = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
    answer = torch_answer("2.11.0+cu126", [card], arch_list=codes)
    return Case(with_cards(ordinary(), [card], torch="2.11.0+cu126", answer=answer))


def two_different_gpus() -> Case:
    """Of which --tp uses no more than the smaller."""
    cards = [RTX_4090, replace(RTX_3090, name="NVIDIA GeForce RTX 3080", total=10240)]
    return Case(with_cards(ordinary(), cards, link="PHB"), Wishes(groups=MACHINE, tp=2))


def two_gpus_without_nvlink() -> Case:
    """Everything between them goes through the CPU."""
    answer = torch_answer("2.13.0+cu130", [RTX_4090] * 2, without_peer_access=[(0, 1)])
    machine = with_cards(ordinary(), [RTX_4090] * 2, link="PHB", answer=answer)
    return Case(machine, Wishes(groups=MACHINE, tp=2))


def eight_gpus_with_nvlink() -> Case:
    """A DGX."""
    machine = ordinary(memory_gib=2048, cores=224, flags="avx2 avx512f avx512_bf16 amx_bf16")
    return Case(with_cards(machine, [H100] * 8, link="NV18"), Wishes(groups=MACHINE, tp=8))


def too_few_gpus() -> Case:
    """Two GPUs of which one is visible, for --tp 4."""
    machine = with_variables(with_cards(ordinary(), [H100] * 2, link="NV18"), CUDA_VISIBLE_DEVICES="1")
    return Case(machine, Wishes(groups=MACHINE, tp=4))


def wrong_visible_devices() -> Case:
    """There is no GPU 7."""
    return Case(with_variables(with_cards(ordinary(), [H100] * 2, link="NV18"), CUDA_VISIBLE_DEVICES="0,7,1"))


def mig() -> Case:
    """One GPU in three slices."""
    card = replace(H100, mig="Enabled", slices=(40448, 20096, 20096), used=87)
    return Case(with_cards(ordinary(), [card]))


def gpu_memory_taken() -> Case:
    """Somebody serves a model already, on one of two GPUs."""
    processes = ((41872, "/opt/vllm/bin/python3 -m vllm.entrypoints.openai.api_server", 72100), (913, "Xorg", 60))
    cards = [replace(H100, used=72168, processes=processes), H100]
    return Case(with_cards(ordinary(), cards, link="NV18"))


def gpu_memory_taken_in_container() -> Case:
    """The driver does not name processes outside of the container."""
    return Case(in_docker(with_cards(ordinary(), [replace(H100, used=61000)]), shm_bytes=8 * GIB))


def throttling() -> Case:
    """Too hot; the older names of the elements."""
    card = replace(H100, temperature=91, active=("hw_slowdown", "hw_thermal_slowdown"), old_names=True)
    return Case(with_cards(ordinary(), [card]))


def memory_errors() -> Case:
    """One GPU with uncorrected errors, one that waits for a reset."""
    cards = [replace(H100, uncorrected=3, corrected=117), replace(H100, pending="Yes"), replace(H100, corrected=2)]
    return Case(with_cards(ordinary(), cards, link="NV18"))


def container_without_smi() -> Case:
    """NVIDIA_DRIVER_CAPABILITIES=compute: CUDA without nvidia-smi."""
    machine = in_docker(with_cards(ordinary(), [H100]), shm_bytes=16 * GIB)
    commands = {key: ran for key, ran in machine.commands.items() if not key.startswith("nvidia-smi")}
    return Case(with_variables(replace(machine, commands=commands), NVIDIA_VISIBLE_DEVICES="0"))


def container_without_gpus() -> Case:
    """An image that expects GPUs, started without them."""
    return Case(with_variables(in_docker(ordinary()), NVIDIA_VISIBLE_DEVICES="all"))


def smi_hangs() -> Case:
    """A driver in trouble: nvidia-smi and torch do not answer."""
    machine = with_cards(ordinary(), [H100])
    hanging = Ran(status=None, problem="timeout")
    return Case(replace(machine, commands={"nvidia-smi -q -x": hanging, TORCH_CHILD: hanging}))


def smi_fails() -> Case:
    """The driver was updated, and the machine not restarted."""
    words = "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 580.95\n"
    error = "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 804: forward compatibility was attempted"
    machine = with_cards(ordinary(), [H100], answer=torch_answer("2.13.0+cu130", cuda_error=error))
    return Case(replace(machine, commands={**machine.commands, "nvidia-smi -q -x": Ran(status=18, stdout=words)}))


def torch_crashes() -> Case:
    """A segmentation fault on import."""
    machine = ordinary()
    return Case(replace(machine, commands={TORCH_CHILD: Ran(status=-11)}), Wishes(groups=(*MACHINE, "kernels")))


def torch_broken() -> Case:
    """A shared library is missing."""
    answer = '{"torch": {"error": "ImportError: libcudnn.so.9: cannot open shared object file: No such file"}}'
    machine = with_cards(ordinary(), [H100], answer=Ran(status=0, stdout=answer))
    return Case(machine)


def torch_missing() -> Case:
    """Not installed."""
    machine = replace(ordinary(), distributions=packages(""))
    return Case(replace(machine, commands={TORCH_CHILD: Ran(status=0, stdout="{}")}))


def packages_that_clash() -> Case:
    """An old transformers, another triton than torch's, and two copies of numpy."""
    machine = with_cards(ordinary(), [H100])
    numpy = Distribution(name="numpy", versions=("2.3.5", "1.26.4"))
    triton = Distribution(name="triton", versions=("3.4.0",))
    clash = {**packages("2.13.0+cu130", transformers="4.57.1", safetensors=""), "numpy": numpy, "triton": triton}
    return Case(replace(machine, distributions=clash))


def full_disk() -> Case:
    """Nothing can be downloaded."""
    machine = ordinary()
    return Case(replace(machine, disks={**machine.disks, "/": Disk(total=250 * GIB, free=212 * 2**20)}))


def small_shm() -> Case:
    """Docker's 64 MiB, for two GPUs."""
    machine = in_docker(with_cards(ordinary(), [H100] * 2, link="NV18"))
    machine = replace(machine, limits={**machine.limits, "locked_bytes": 8 * 2**20})
    return Case(machine, Wishes(groups=MACHINE, tp=2))


def low_limits() -> Case:
    """Few files, few processes."""
    machine = ordinary()
    return Case(replace(machine, limits={"open_files": 256, "locked_bytes": 65536, "processes": 512}))


def port_taken() -> Case:
    """Another server has the port, and the next one as well."""
    machine = ordinary()
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1\n"
        "   1: 0100007F:7530 0100007F:C5A2 01 00000000:00000000 00:00000000 00000000  1000        0 12 1\n"
        "   2: 0100007F:7530 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 48213 1\n"
    )
    files = {"/proc/net/tcp": table, "/proc/2211/cmdline": "python\0-m\0sglang.launch_server\0--port\x0030000\0"}
    folders = {"/proc": ["1", "2211", "self"], "/proc/2211/fd": ["0", "5"]}
    machine = replace(
        with_files(machine, files),
        folders={**machine.folders, **folders},
        links={"/proc/2211/fd/0": "/dev/null", "/proc/2211/fd/5": "socket:[48213]"},
        ports={"127.0.0.1:30000": "taken", "127.0.0.1:30001": "taken"},
    )
    return Case(machine, Wishes(groups=MACHINE, port=30000))


def limited_container() -> Case:
    """A container with 1.5 GiB and half of a core's time more than one, on a big machine."""
    files = {
        "/sys/fs/cgroup/memory.max": f"{3 * GIB // 2}\n",
        "/sys/fs/cgroup/memory.current": f"{GIB // 2}\n",
        "/sys/fs/cgroup/cpu.max": "150000 100000\n",
        "/sys/fs/cgroup/pids.max": "100\n",
        "/sys/fs/cgroup/pids.current": "12\n",
    }
    return Case(with_files(in_docker(ordinary(memory_gib=256, cores=64)), files))


def limited_by_old_groups() -> Case:
    """The same limits in version 1 of control groups, on the group of the process."""
    files = {
        "/proc/self/cgroup": "9:memory:/docker/1b2c\n8:cpu,cpuacct:/docker/1b2c\n1:name=systemd:/docker/1b2c\n",
        "/sys/fs/cgroup/memory/docker/1b2c/memory.limit_in_bytes": f"{8 * GIB}\n",
        "/sys/fs/cgroup/memory/docker/1b2c/memory.usage_in_bytes": f"{2 * GIB}\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "/sys/fs/cgroup/cpu/docker/1b2c/cpu.cfs_quota_us": "400000\n",
        "/sys/fs/cgroup/cpu/docker/1b2c/cpu.cfs_period_us": "100000\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }
    machine = ordinary(memory_gib=256, cores=64)
    return Case(with_files(replace(machine, existing=[*machine.existing, "/.dockerenv"]), files))


def swapping() -> Case:
    """Most of the memory and half of the swap space are in use; an old CPU."""
    memory = "MemTotal: 8388608 kB\nMemAvailable: 524288 kB\nSwapTotal: 8388608 kB\nSwapFree: 4194304 kB\n"
    return Case(with_files(ordinary(flags="avx", model="Intel(R) Core(TM) i5-3320M CPU"), {"/proc/meminfo": memory}))


def proxy_catches_localhost() -> Case:
    """A company's proxy, a mirror, and switches for debugging that were left on."""
    variables = {
        "http_proxy": "http://ada:pa55word@proxy.corp.example:3128",
        "HTTPS_PROXY": "http://ada:pa55word@proxy.corp.example:3128",
        "NO_PROXY": ".corp.example",
        "HF_ENDPOINT": "https://hf-mirror.com",
        "HF_HUB_OFFLINE": "1",
        "CUDA_LAUNCH_BLOCKING": "1",
        "NCCL_P2P_DISABLE": "1",
        "TRITON_INTERPRET": "0",
    }
    return Case(with_variables(ordinary(), **variables))


def offline_without_models() -> Case:
    """Nothing is in the cache, nothing may be downloaded, and the mirror's address is none."""
    machine = with_variables(ordinary(), HF_HUB_OFFLINE="1", HF_ENDPOINT="hf-mirror.com")
    folders = {key: names for key, names in machine.folders.items() if key != CACHE}
    return Case(replace(machine, folders=folders))


def python_too_new() -> Case:
    """A version that sgl is not tested with, in the Python of the system."""
    machine = ordinary()
    interpreter = replace(machine.interpreter, version="3.15.0", prefix="/usr", executable="/usr/bin/python3")
    return Case(replace(machine, interpreter=interpreter))


def python_too_old() -> Case:
    """A version that lacks the syntax, and only 32 bits."""
    machine = ordinary()
    return Case(replace(machine, interpreter=replace(machine.interpreter, version="3.9.21", bits=32)))


def network_cache() -> Case:
    """A cluster: the cache is on NFS and belongs to somebody else, the locale is C."""
    machine = ordinary()
    mounts = machine.files["/proc/self/mounts"] + "filer:/scratch /mnt/scratch nfs4 rw,relatime 0 0\n"
    machine = with_variables(with_files(machine, {"/proc/self/mounts": mounts}), HF_HOME="/mnt/scratch/hf")
    return Case(
        replace(
            machine,
            interpreter=replace(machine.interpreter, encoding="ANSI_X3.4-1968"),
            folders={**machine.folders, "/mnt/scratch/hf/hub": []},
            writable={**machine.writable, "/mnt/scratch": False},
            disks={**machine.disks, "/mnt/scratch": Disk(total=9000 * GIB, free=15 * GIB)},
        )
    )


def secrets() -> Case:
    """Everything that must not be published; no value of it is real."""
    variables = {
        "HF_TOKEN": "hf_AbCdEfGhIjKlMnOpQrSt",
        "SGL_API_KEY": "correct-horse-battery",
        "OPENAI_API_KEY": "sk-proj-0123456789abcdef",
        "HTTP_PROXY": "http://ada:pa55word@proxy.corp.example:3128",
        "HF_ENDPOINT": "https://ada:t0ps3cret@hub.corp.example/hf",
        "HF_HOME": "/home/ada/models-of-ada",
        "CUDA_VISIBLE_DEVICES": "0",
        "LD_LIBRARY_PATH": "/home/grace/lib:/usr/lib",
    }
    name = "python -m sgl.launcher --api-key correct-horse-battery --host 10.20.30.40 --user ada@lovelace.example.org"
    card = replace(H100, used=9000, processes=((77, f"/home/ada/bin/{name}", 8000),))
    machine = with_variables(with_cards(ordinary(), [card]), **variables)
    return Case(
        replace(
            with_files(
                machine,
                {
                    "/proc/net/tcp": "sl\n0: 0100007F:7530 00000000:0000 0A 0:0 0:0 0 1000 0 48213 1\n",
                    "/proc/77/cmdline": name.replace(" ", "\0"),
                },
            ),
            folders={**machine.folders, "/proc": ["77"], "/proc/77/fd": ["5"]},
            links={"/proc/77/fd/5": "socket:[48213]"},
            ports={"127.0.0.1:30000": "taken"},
            existing=[*machine.existing, "/usr/bin/sgl"],
        )
    )


CASES: Final[dict[str, Callable[[], Case]]] = {
    function.__name__: function
    for function in (
        *(
            laptop,
            cpu_server_with_amx,
            wsl2_with_gpu,
            wsl2_without_driver,
            h100,
            h200_with_flashinfer,
            gpu_without_triton,
        ),
        *(gpu_without_driver, cuda_torch_without_gpu, old_driver, older_minor_version),
        *(ancient_gpu, turing, cpu_torch_on_gpu_machine, blackwell_without_code, two_different_gpus),
        *(two_gpus_without_nvlink, eight_gpus_with_nvlink, too_few_gpus, wrong_visible_devices, mig),
        *(gpu_memory_taken, gpu_memory_taken_in_container, throttling, memory_errors, container_without_smi),
        *(container_without_gpus, smi_hangs, smi_fails, torch_crashes, torch_broken, torch_missing),
        *(packages_that_clash, full_disk, small_shm, low_limits, port_taken, limited_container),
        *(limited_by_old_groups, swapping, proxy_catches_localhost, offline_without_models, python_too_new),
        *(python_too_old, network_cache, secrets),
    )
}
"""By the names of their files."""
