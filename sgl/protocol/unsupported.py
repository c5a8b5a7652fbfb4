"""Request fields that are known and have no effect here: the ones refused, and the ones ignored.

Implementing one of them starts with deleting its row.
"""

from __future__ import annotations

from typing import Final

UNSUPPORTED: Final[dict[str, tuple[object, ...]]] = {
    "tools": ([],),
    "tool_choice": ("none",),
    "functions": ([],),
    "function_call": ("none",),
    "response_format": ({"type": "text"},),
    "modalities": (["text"], []),
    "audio": (),
    "prediction": (),
    "web_search_options": (),
    "reasoning_effort": ("none",),
    "verbosity": (),
    "suffix": ("",),
    "regex": ("",),
    "ebnf": ("",),
    "json_schema": ("",),
    "structural_tag": ("",),
    "structured_outputs": ({},),
    "guided_json": (),
    "guided_regex": (),
    "guided_choice": (),
    "guided_grammar": (),
    "stop_regex": ("", []),
    "use_beam_search": (False,),
    "beam_width": (1,),
    "lora_path": (),
    "session_params": ({},),
    "custom_logit_processor": (),
    "chat_template": (),
    "input_ids": (),
    "input_embeds": (),
    "prompt_embeds": (),
    "return_hidden_states": (False,),
}
"""Fields of OpenAI, SGLang and vLLM that change the answer and are not implemented, each with the values
that ask for nothing. Null always asks for nothing."""

IGNORED: Final = (
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "separate_reasoning",
    "service_tier",
    "store",
    "stream_reasoning",
    "user",
)
"""Fields that are taken and have no effect; anything else that is not read is logged at debug level."""
