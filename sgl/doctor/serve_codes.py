"""The codes of kernels (SGL5xx), the model (6xx), the flags (7xx) and the fit (8xx)."""

from __future__ import annotations

from typing import Final

from sgl.doctor.code import Code

_KERNELS: Final = (
    Code(
        "SGL501",
        "matrix products",
        "Each way to multiply (packed float32, packed bfloat16, float16, tiles of one shape for --deterministic) "
        "multiplies a small matrix, and the result is compared with a float64 product.",
        "A wrong product means a broken build of torch or a broken CPU: reinstall torch. Without oneDNN, products "
        "are right and slower.",
    ),
    Code(
        "SGL502",
        "attention",
        "Every path of attention over the paged KV cache (prompts, decode, a shared prefix, a sliding window, a soft "
        "cap, deterministic) is compared with one that handles one query and one head at a time.",
        "Reinstall torch; if it stays, report it with `sgl doctor --kernels --report`.",
    ),
    Code(
        "SGL503",
        "normalisation and rotary embedding",
        "RMSNorm and the rotation of positions are compared with their formulas in float64.",
        "Reinstall torch; if it stays, report it with `sgl doctor --kernels --report`.",
    ),
    Code(
        "SGL504",
        "the KV pool",
        "Keys and values are stored in scattered slots and read back; nothing else may change.",
        "Reinstall torch; if it stays, report it with `sgl doctor --kernels --report`.",
    ),
    Code(
        "SGL505",
        "the sampler",
        "Greedy and random tokens are compared, draw by draw, with a plain implementation of the definition.",
        "Reinstall torch; if it stays, report it with `sgl doctor --kernels --report`.",
    ),
    Code(
        "SGL506",
        "a whole model",
        "The built-in model answers a short prompt, and every token and its log probability is compared with a plain "
        "float64 computation of the same model.",
        "Look at the findings above it first: the wrong kernel is usually among them.",
    ),
    Code(
        "SGL507",
        "kernels for GPUs",
        "Where a start would compute on a GPU, a product by torch and our Triton kernels are compared with their plain "
        "twins on it; elsewhere the reason is given. FlashInfer compiles its kernels when they are first used, so it "
        "is not tested here.",
        "Nothing, on a machine without a GPU. A wrong kernel: start with --device cpu, and report it.",
    ),
    Code(
        "SGL508",
        "the self-test comes to its end",
        "The kernels are tested in a process of their own. It can fail to import torch, crash (SIGILL means that the "
        "CPU lacks an instruction that the build of torch uses), or hang.",
        "Reinstall torch, and run `python -m sgl.selftest` to see the case that was running.",
    ),
)

_MODEL: Final = (
    Code(
        "SGL601",
        "where the model is",
        "A model is a folder, a repository in the Hugging Face cache, or one on the hub. Of the hub, only the small "
        "files and the headers of the weights are read here.",
        "Correct the name, or download the model with `sgl download`.",
    ),
    Code(
        "SGL602",
        "config.json",
        "The file says what the model is made of. Without it nothing can be loaded.",
        "Download the model again; give the folder that holds config.json.",
    ),
    Code(
        "SGL603",
        "the architecture",
        "config.json names an architecture, e.g. LlamaForCausalLM. sgl has its own implementation of each that it "
        "serves; another is refused rather than guessed.",
        "Choose a model of an architecture that is served.",
    ),
    Code(
        "SGL604",
        "code that comes with the model",
        "Some repositories bring Python files (auto_map in config.json). sgl never runs them, and --trust-remote-code "
        "does not change that.",
        "Nothing, where the architecture is served; else choose another model.",
    ),
    Code(
        "SGL605",
        "the values in config.json",
        "Each value that changes the numbers is read or refused: an activation, a kind of rotary scaling, a size that "
        "is missing. A model that is served with a value ignored would answer nonsense.",
        "Choose another model, or wait for a version that implements the value.",
    ),
    Code(
        "SGL606",
        "quantised weights",
        "config.json names how the weights are quantised. This version reads float32, float16 and bfloat16 weights.",
        "Use the repository with the original weights.",
    ),
    Code(
        "SGL607",
        "the weight files are there",
        "Every *.safetensors file that the index names is there. Pickled weights (*.bin, *.pt) can run code when they "
        "are opened, and are never read; GGUF is not read by this version.",
        "Download what is missing with `sgl download`; convert pickled weights in a place you trust.",
    ),
    Code(
        "SGL608",
        "the headers of the weight files",
        "A safetensors file begins with a header that states each tensor's type, shape and place. It has to be sane, "
        "and to agree with the size of the file: a download that was cut is found here.",
        "Download the file again: `sgl download MODEL --verify`.",
    ),
    Code(
        "SGL609",
        "the types of the weights",
        "How many elements are stored in which type, from the headers.",
        "Nothing.",
    ),
    Code(
        "SGL610",
        "the tensors are those that config.json asks for",
        "Names and shapes of all tensors are compared with the model that config.json describes: none is missing, "
        "none is left over, no shape differs.",
        "Download config.json and weights from the same repository and revision.",
    ),
    Code(
        "SGL611",
        "the tokenizer",
        "tokenizer.json is loaded by the tokenizers library. Older formats are converted by transformers when the "
        "server starts.",
        "Copy the tokenizer's files next to the weights, or name their folder with --tokenizer-path.",
    ),
    Code(
        "SGL612",
        "the chat template",
        "The template that turns messages into a prompt renders a short message, in the same limited process that "
        "renders requests. Without one, chat requests are refused.",
        "Give a template with --chat-template FILE.",
    ),
    Code(
        "SGL613",
        "the tokens that end an answer",
        "eos_token_id of generation_config.json or config.json. With a wrong one, answers do not end.",
        "Correct eos_token_id in generation_config.json.",
    ),
    Code(
        "SGL614",
        "generation_config.json",
        "It may recommend sampling parameters. A server leaves them to its clients.",
        "Set temperature, top_p and the like in requests.",
    ),
    Code(
        "SGL615",
        "room for the download",
        "The weights of a model on the hub come into the Hugging Face cache before they are loaded.",
        "Remove models with `sgl models`, or point HF_HOME to a bigger disk.",
    ),
)

_FLAGS: Final = (
    Code(
        "SGL701",
        "flags that are refused",
        "The flag is understood, and this version cannot do what it asks, or it contradicts another flag.",
        "Use the corrected command line that the report prints.",
    ),
    Code(
        "SGL702",
        "flags without effect",
        "A flag of another engine that asks for what is so anyway, a variable that is almost one of ours, or a config "
        "file that is read without being named.",
        "Leave it out, or correct its name.",
    ),
    Code(
        "SGL703",
        "--max-model-len against the model",
        "A model has been trained for a number of positions; beyond it, answers are nonsense.",
        "Lower --max-model-len, or leave it out.",
    ),
    Code(
        "SGL704",
        "heads against --tp",
        "Tensor parallelism gives each rank an equal number of attention heads.",
        "Choose a --tp that divides the number of heads.",
    ),
    Code(
        "SGL705",
        "KV heads against --tp",
        "Each rank keeps the keys and values of its KV heads. With more ranks than KV heads every one is kept more "
        "than once: it works, and the KV cache holds fewer tokens than it could.",
        "Choose a --tp that divides the number of KV heads.",
    ),
    Code(
        "SGL706",
        "the vocabulary against --tp",
        "The embedding and the head are shared out by rows, padded where their number is no multiple of --tp.",
        "Nothing.",
    ),
    Code(
        "SGL707",
        "the GPUs for --tp",
        "Tensor parallelism needs one GPU for each rank.",
        "Lower --tp, or make more GPUs visible.",
    ),
    Code(
        "SGL709",
        "the command line",
        "The command that starts the server; where flags are refused, without these.",
        "Copy it.",
    ),
)

_FIT: Final = (
    Code(
        "SGL801",
        "the memory plan",
        "Weights from the headers, the KV cache, the intermediate tensors of a step and the rest of the process, "
        "against the memory that is there: by the planner that a real start uses.",
        "The report prints changes that make it fit, each checked by the same planner.",
    ),
    Code(
        "SGL802",
        "a change that makes it fit",
        "One of the cheapest changes; planned again with it, it fits.",
        "Add the flags to the command line.",
    ),
    Code(
        "SGL803",
        "where it is planned for",
        "The plan is for the memory of this machine, or for the GPUs that --assume-gpu describes.",
        "Nothing.",
    ),
    Code(
        "SGL804",
        "an estimate",
        "The architecture is not served by this version; the plan is made from the headers and from what config.json "
        "says about attention, as most models write it.",
        "Do not rely on it to the last GiB.",
    ),
)

SERVE_CODES: Final[tuple[Code, ...]] = (*_KERNELS, *_MODEL, *_FLAGS, *_FIT)
