"""``sgl bench``: load tests of any OpenAI or SGLang server, with definitions that are written down.

`data` makes prompts, `load` sends them by a schedule and notes when each byte came, `metrics` computes figures from
nothing but those notes, `output` shows them. A run is a list of `record.Record`; whatever is printed can be computed
from it again.
"""
