"""From logits to token ids: one pure function of (logits row, parameters, Philox(seed, position)).

The definition, for one row ``x`` of V logits (float32; bfloat16 is widened exactly). Every step looks at
this row only, so batch mates, chunk sizes, cache hits and restarts change nothing:

1. **Raw logprobs** ``log_softmax(x)`` (natural, float32) are what requests are told, whatever follows.
2. **Adjusted logits** (float32), in this order: add ``logit_bias``; ``repetition_penalty`` divides positive
   and multiplies negative logits of every token in prompt or output; subtract
   ``presence_penalty`` once and ``frequency_penalty`` per occurrence, for tokens of the output; end tokens and
   ``stop_token_ids`` become -inf while fewer than ``min_new_tokens`` are generated; what a grammar does
   not allow becomes -inf.
3. A **greedy** row takes the largest adjusted logit, the lowest id among equals.
4. Otherwise each token weighs ``w = floor(2**40 * exp((x - max(x)) / temperature))``, an integer.
   ``top_k`` keeps the k largest logits, then ``top_p`` the smallest set of largest logits that holds at
   least ``ceil(top_p * W)`` of the kept weight W, then ``min_p`` those with ``w >= min_p * 2**40``. Tokens
   whose logits equal that of the last one kept are kept, too, so a set never depends on an order among
   equals. Likelier is decided by logits, because a high temperature rounds weights to the same integer.
5. **One draw**: 64 bits ``b`` from Philox4x32-10 with key ``seed`` and counter ``position`` (u = b / 2**64), and
   the inverse CDF in token-id order: the first kept id whose running weight exceeds
   ``floor(b * W / 2**64)``, W now the weight of the kept set.

Weights are integers so that sums are exact. An exact sum is the same in any order, on any number of
threads, over all ids or only the likely ones: every way to find a set agrees bit for bit with any other,
and so does a GPU with its atomics (`sgl.sampling.device`). Rounding remains in one place, the argument and
value of ``exp``. A token less than 2**-40 times as likely as the likeliest one is never drawn.

Source of the order top_k, top_p, min_p: SGLang's and transformers' samplers. `sgl.sampling.reference`
is the same definition as plain code.
"""
