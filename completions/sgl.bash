# Completion of sgl for bash, with or without the package bash-completion.
# Made by `python -m sgl_cli.generate` from the commands themselves; do not edit.
# shellcheck shell=bash

# Sets `commands`, `flags`, `aliases` (other spellings) and `operand` (what a word that is no flag may be) of a place.
_sgl_place() {
    commands='' flags='' aliases='' operand='' operands=1
    case $1 in
        '')
            commands='serve chat bench ps stop logs download models doctor completion help'
            flags='--version --install-completion --uninstall-completion --help'
            aliases='-V -h'
            ;;
        'serve')
            flags='--help-all --version --model --revision --served-model-name --tokenizer --chat-template
                --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file
                --log-level --verbose --mem-fraction-static --max-total-tokens --page-size --quantization
                --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests
                --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens
                --disable-overlap-schedule --deterministic --device --attention-backend --cuda-graph-max-bs
                --disable-cuda-graph --threads --tp --seed --max-body-bytes --max-connections --request-timeout
                --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help'
            aliases='-m --model-path --alias --tokenizer-path --context-length --ctx-size -c --uvicorn-log-level -v
                --gpu-memory-utilization --block-size -q --no-enable-prefix-caching --max-num-seqs
                --max-num-batched-tokens --scheduling-policy --no-async-scheduling --enable-deterministic-inference
                --max-cudagraph-capture-size --enforce-eager -t -tp --tp-size --tensor-parallel-size --random-seed
                -d --background -h'
            operand='model' operands=1
            ;;
        'chat')
            flags='--prompt --file --attach --system --option --model --url --api-key --keep --continue --session
                --no-save --extract --xl --json --jsonl --schema --no-stream --hide-reasoning --raw --stats
                --fail-on-length --plain --list --export --format --import --delete --db --help'
            aliases='-p -f -a -s -o -m -c -n -x --extract-last -R -h'
            ;;
        'bench')
            commands='compare report offline one-batch startup'
            flags='--explain --url --model --api-key --api --path --header --option --body --ready-timeout --keep
                --concurrency --rate --arrival --burstiness --ramp --num-prompts --duration --sweep --warmup
                --flush-cache --workers --timeout --max-errors --quick --dataset --input-len --output-len --seed
                --ignore-eos --no-ignore-eos --groups --per-group --prefix-len --group-zipf --turns --turn-len
                --in-order --max-input-len --max-total-len --trace-speed --slo --assert --assert-file --vs --save
                --details --requests --csv --md --html --junit --json --name --meta --no-tui --quiet --help'
            aliases='-m -o -c -n --goodput -q -h'
            ;;
        'bench compare')
            flags='--fail-if --force --md --json --junit --help'
            aliases='-h'
            operand='file' operands=999
            ;;
        'bench report')
            flags='--html --md --csv --help'
            aliases='-h'
            operand='file' operands=999
            ;;
        'bench offline')
            flags='--model --dataset --scale --num-prompts --input-len --output-len --seed --temperature --stop-at-eos
                --no-warmup --json --model-path --revision --served-model-name --tokenizer --chat-template
                --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file
                --log-level --verbose --mem-fraction-static --max-total-tokens --page-size --quantization
                --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests
                --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens
                --disable-overlap-schedule --deterministic --device --attention-backend --cuda-graph-max-bs
                --disable-cuda-graph --threads --tp --random-seed --max-body-bytes --max-connections
                --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help'
            aliases='-m --alias --tokenizer-path --context-length --ctx-size -c --uvicorn-log-level -v
                --gpu-memory-utilization --block-size -q --no-enable-prefix-caching --max-num-seqs
                --max-num-batched-tokens --scheduling-policy --no-async-scheduling --enable-deterministic-inference
                --max-cudagraph-capture-size --enforce-eager -t -tp --tp-size --tensor-parallel-size -d --background
                -h'
            operand='model' operands=1
            ;;
        'bench one-batch')
            flags='--model --batch --input-len --output-len --repeat --temperature --seed --parts --no-breakdown --json
                --model-path --revision --served-model-name --tokenizer --chat-template --load-format --dtype
                --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --verbose
                --mem-fraction-static --max-total-tokens --page-size --quantization --kv-cache-dtype
                --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size
                --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --disable-overlap-schedule
                --deterministic --device --attention-backend --cuda-graph-max-bs --disable-cuda-graph --threads --tp
                --random-seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout
                --config --profile --dry-run --detach --help'
            aliases='-m --alias --tokenizer-path --context-length --ctx-size -c --uvicorn-log-level -v
                --gpu-memory-utilization --block-size -q --no-enable-prefix-caching --max-num-seqs
                --max-num-batched-tokens --scheduling-policy --no-async-scheduling --enable-deterministic-inference
                --max-cudagraph-capture-size --enforce-eager -t -tp --tp-size --tensor-parallel-size -d --background
                -h'
            operand='model' operands=1
            ;;
        'bench startup')
            flags='--model --starts --keep-cache --json --model-path --revision --served-model-name --tokenizer
                --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key
                --api-key-file --log-level --verbose --mem-fraction-static --max-total-tokens --page-size
                --quantization --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests
                --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens
                --disable-overlap-schedule --deterministic --device --attention-backend --cuda-graph-max-bs
                --disable-cuda-graph --threads --tp --seed --max-body-bytes --max-connections --request-timeout
                --queue-timeout --drain-timeout --config --profile --dry-run --detach --help'
            aliases='-m --alias --tokenizer-path --context-length --ctx-size -c --uvicorn-log-level -v
                --gpu-memory-utilization --block-size -q --no-enable-prefix-caching --max-num-seqs
                --max-num-batched-tokens --scheduling-policy --no-async-scheduling --enable-deterministic-inference
                --max-cudagraph-capture-size --enforce-eager -t -tp --tp-size --tensor-parallel-size --random-seed
                -d --background -h'
            operand='model' operands=1
            ;;
        'ps')
            flags='--json --quiet --help'
            aliases='-q -h'
            ;;
        'stop')
            flags='--all --timeout --force --help'
            aliases='-h'
            operand='server' operands=999
            ;;
        'logs')
            flags='--follow --lines --help'
            aliases='-f -n -h'
            operand='server' operands=1
            ;;
        'download')
            flags='--revision --local-dir --quant-file --all --verify --dry-run --force --json --quiet --help'
            aliases='-q -h'
            operand='cached' operands=1
            ;;
        'models')
            commands='ls show rm'
            flags='--json --quiet --help'
            aliases='-q -h'
            ;;
        'models ls')
            flags='--json --quiet --help'
            aliases='-q -h'
            ;;
        'models show')
            flags='--json --help'
            aliases='-h'
            operand='cached' operands=1
            ;;
        'models rm')
            flags='--yes --help'
            aliases='-y -h'
            operand='cached' operands=999
            ;;
        'doctor')
            commands='serve'
            flags='--only --quick --kernels --port --tp --strict --verbose --json --report --explain --help'
            aliases='-v -h'
            ;;
        'doctor serve')
            flags='--assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer
                --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key
                --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --quantization
                --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests
                --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens
                --disable-overlap-schedule --deterministic --device --attention-backend --cuda-graph-max-bs
                --disable-cuda-graph --threads --tp --seed --max-body-bytes --max-connections --request-timeout
                --queue-timeout --drain-timeout --config --profile --dry-run --detach --help'
            aliases='-v -m --model-path --alias --tokenizer-path --context-length --ctx-size -c --uvicorn-log-level
                --gpu-memory-utilization --block-size -q --no-enable-prefix-caching --max-num-seqs
                --max-num-batched-tokens --scheduling-policy --no-async-scheduling --enable-deterministic-inference
                --max-cudagraph-capture-size --enforce-eager -t -tp --tp-size --tensor-parallel-size --random-seed
                -d --background -h'
            operand='model' operands=1
            ;;
        'completion')
            flags='--help'
            aliases='-h'
            operand='=bash zsh fish' operands=1
            ;;
        'help')
            flags='--help'
            aliases='-h'
            operand='=serve chat bench ps stop logs download models doctor completion' operands=1
            ;;
    esac
}

# Sets `value` to what may follow flag $2 at place $1: nothing, `=` and words, a kind of word, or `any`.
_sgl_value() {
    value=''
    case $1 in
        '')
            case $2 in
                --install-completion | --uninstall-completion) value='=bash zsh fish' ;;
            esac
            ;;
        'serve')
            case $2 in
                --model | -m | --model-path | --tokenizer | --tokenizer-path) value='model' ;;
                --revision | --served-model-name | --alias | --max-model-len | --context-length | --ctx-size | \
                    -c | --api-key | --mem-fraction-static | --gpu-memory-utilization | --max-total-tokens | \
                    --page-size | --block-size | --max-running-requests | --max-num-seqs | --max-queued-requests | \
                    --chunked-prefill-size | --max-num-batched-tokens | --speculative-num-draft-tokens | \
                    --cuda-graph-max-bs | --max-cudagraph-capture-size | --threads | -t | --tp | -tp | --tp-size | \
                    --tensor-parallel-size | --seed | --random-seed | --max-body-bytes | --max-connections | \
                    --request-timeout | --queue-timeout | --drain-timeout) value='any' ;;
                --chat-template | --api-key-file | --config) value='file' ;;
                --load-format) value='=auto safetensors dummy' ;;
                --dtype) value='=auto bfloat16 float16 float32' ;;
                --host) value='=127.0.0.1 0.0.0.0 localhost ::1' ;;
                --port) value='port' ;;
                --log-level | --uvicorn-log-level) value='=debug info warning error' ;;
                --quantization | -q) value='=auto int8 int4 fp8 gptq awq compressed-tensors mxfp4' ;;
                --kv-cache-dtype) value='=auto fp8_e4m3 int8' ;;
                --schedule-policy | --scheduling-policy) value='=fcfs lpm' ;;
                --speculative-algorithm) value='=none ngram' ;;
                --device) value='=auto cpu cuda' ;;
                --attention-backend) value='=auto torch triton flashinfer' ;;
                --profile) value='profile' ;;
            esac
            ;;
        'chat')
            case $2 in
                -p | --prompt | -s | --system | -o | --option | --url | --api-key | --session | --export | \
                    --delete) value='any' ;;
                -f | --file | -a | --attach | --schema | --import | --db) value='file' ;;
                -m | --model) value='model' ;;
                --format) value='=md json jsonl html' ;;
            esac
            ;;
        'bench')
            case $2 in
                --url | --api-key | --header | -o | --option | --body | --ready-timeout | -c | --concurrency | \
                    --rate | --burstiness | --ramp | -n | --num-prompts | --duration | --warmup | --workers | \
                    --timeout | --max-errors | --input-len | --output-len | --seed | --groups | --per-group | \
                    --prefix-len | --group-zipf | --turns | --turn-len | --max-input-len | --max-total-len | \
                    --trace-speed | --vs | --name | --meta) value='any' ;;
                -m | --model) value='model' ;;
                --api) value='=auto chat completions generate' ;;
                --path | --assert-file | --save | --requests | --csv | --md | --html | --junit) value='file' ;;
                --arrival) value='=poisson constant' ;;
                --dataset) value='=random shared-prefix multi-turn sharegpt: jsonl: trace: stdin public-256' ;;
                --slo | --goodput) value='=ttft: tpot: ntpot: e2el: itl_p99: icl_p99: chat code content rag' ;;
                --assert) value='=ttft.p50 ttft.p99 tpot.p50 tpot.p99 itl.p50 itl.p99 icl.p50 icl.p99 e2el.p50 e2el.p99 ntpot.p50 ntpot.p99 user_tok_s.p50 user_tok_s.p99 ttft_scheduled.p50 ttft_scheduled.p99 e2el_scheduled.p50 e2el_scheduled.p99 send_delay.p50 send_delay.p99 req_s out_tok_s in_tok_s total_tok_s peak_out_tok_s in_flight peak_in_flight steady_out_tok_s steady_req_s error_rate goodput slo_attainment cache_hit queue prefill decode kv_usage preemptions duration chat code content rag' ;;
            esac
            ;;
        'bench compare')
            case $2 in
                --fail-if) value='=ttft.p50 ttft.p99 tpot.p50 tpot.p99 itl.p50 itl.p99 icl.p50 icl.p99 e2el.p50 e2el.p99 ntpot.p50 ntpot.p99 user_tok_s.p50 user_tok_s.p99 ttft_scheduled.p50 ttft_scheduled.p99 e2el_scheduled.p50 e2el_scheduled.p99 send_delay.p50 send_delay.p99 req_s out_tok_s in_tok_s total_tok_s peak_out_tok_s in_flight peak_in_flight steady_out_tok_s steady_req_s error_rate goodput slo_attainment cache_hit queue prefill decode kv_usage preemptions duration chat code content rag' ;;
                --junit) value='file' ;;
            esac
            ;;
        'bench report')
            case $2 in
                --html | --md | --csv) value='file' ;;
            esac
            ;;
        'bench offline')
            case $2 in
                -m | --model | --model-path | --tokenizer | --tokenizer-path) value='model' ;;
                --dataset | --scale | --num-prompts | --input-len | --output-len | --seed | --temperature | \
                    --revision | --served-model-name | --alias | --max-model-len | --context-length | --ctx-size | \
                    -c | --api-key | --mem-fraction-static | --gpu-memory-utilization | --max-total-tokens | \
                    --page-size | --block-size | --max-running-requests | --max-num-seqs | --max-queued-requests | \
                    --chunked-prefill-size | --max-num-batched-tokens | --speculative-num-draft-tokens | \
                    --cuda-graph-max-bs | --max-cudagraph-capture-size | --threads | -t | --tp | -tp | --tp-size | \
                    --tensor-parallel-size | --random-seed | --max-body-bytes | --max-connections | \
                    --request-timeout | --queue-timeout | --drain-timeout) value='any' ;;
                --chat-template | --api-key-file | --config) value='file' ;;
                --load-format) value='=auto safetensors dummy' ;;
                --dtype) value='=auto bfloat16 float16 float32' ;;
                --host) value='=127.0.0.1 0.0.0.0 localhost ::1' ;;
                --port) value='port' ;;
                --log-level | --uvicorn-log-level) value='=debug info warning error' ;;
                --quantization | -q) value='=auto int8 int4 fp8 gptq awq compressed-tensors mxfp4' ;;
                --kv-cache-dtype) value='=auto fp8_e4m3 int8' ;;
                --schedule-policy | --scheduling-policy) value='=fcfs lpm' ;;
                --speculative-algorithm) value='=none ngram' ;;
                --device) value='=auto cpu cuda' ;;
                --attention-backend) value='=auto torch triton flashinfer' ;;
                --profile) value='profile' ;;
            esac
            ;;
        'bench one-batch')
            case $2 in
                -m | --model | --model-path | --tokenizer | --tokenizer-path) value='model' ;;
                --batch | --input-len | --output-len | --repeat | --temperature | --seed | --revision | \
                    --served-model-name | --alias | --max-model-len | --context-length | --ctx-size | -c | --api-key \
                    | --mem-fraction-static | --gpu-memory-utilization | --max-total-tokens | --page-size | \
                    --block-size | --max-running-requests | --max-num-seqs | --max-queued-requests | \
                    --chunked-prefill-size | --max-num-batched-tokens | --speculative-num-draft-tokens | \
                    --cuda-graph-max-bs | --max-cudagraph-capture-size | --threads | -t | --tp | -tp | --tp-size | \
                    --tensor-parallel-size | --random-seed | --max-body-bytes | --max-connections | \
                    --request-timeout | --queue-timeout | --drain-timeout) value='any' ;;
                --chat-template | --api-key-file | --config) value='file' ;;
                --load-format) value='=auto safetensors dummy' ;;
                --dtype) value='=auto bfloat16 float16 float32' ;;
                --host) value='=127.0.0.1 0.0.0.0 localhost ::1' ;;
                --port) value='port' ;;
                --log-level | --uvicorn-log-level) value='=debug info warning error' ;;
                --quantization | -q) value='=auto int8 int4 fp8 gptq awq compressed-tensors mxfp4' ;;
                --kv-cache-dtype) value='=auto fp8_e4m3 int8' ;;
                --schedule-policy | --scheduling-policy) value='=fcfs lpm' ;;
                --speculative-algorithm) value='=none ngram' ;;
                --device) value='=auto cpu cuda' ;;
                --attention-backend) value='=auto torch triton flashinfer' ;;
                --profile) value='profile' ;;
            esac
            ;;
        'bench startup')
            case $2 in
                -m | --model | --model-path | --tokenizer | --tokenizer-path) value='model' ;;
                --starts | --revision | --served-model-name | --alias | --max-model-len | --context-length | \
                    --ctx-size | -c | --api-key | --mem-fraction-static | --gpu-memory-utilization | \
                    --max-total-tokens | --page-size | --block-size | --max-running-requests | --max-num-seqs | \
                    --max-queued-requests | --chunked-prefill-size | --max-num-batched-tokens | \
                    --speculative-num-draft-tokens | --cuda-graph-max-bs | --max-cudagraph-capture-size | --threads \
                    | -t | --tp | -tp | --tp-size | --tensor-parallel-size | --seed | --random-seed | \
                    --max-body-bytes | --max-connections | --request-timeout | --queue-timeout | --drain-timeout) value='any' ;;
                --chat-template | --api-key-file | --config) value='file' ;;
                --load-format) value='=auto safetensors dummy' ;;
                --dtype) value='=auto bfloat16 float16 float32' ;;
                --host) value='=127.0.0.1 0.0.0.0 localhost ::1' ;;
                --port) value='port' ;;
                --log-level | --uvicorn-log-level) value='=debug info warning error' ;;
                --quantization | -q) value='=auto int8 int4 fp8 gptq awq compressed-tensors mxfp4' ;;
                --kv-cache-dtype) value='=auto fp8_e4m3 int8' ;;
                --schedule-policy | --scheduling-policy) value='=fcfs lpm' ;;
                --speculative-algorithm) value='=none ngram' ;;
                --device) value='=auto cpu cuda' ;;
                --attention-backend) value='=auto torch triton flashinfer' ;;
                --profile) value='profile' ;;
            esac
            ;;
        'stop')
            case $2 in
                --timeout) value='any' ;;
            esac
            ;;
        'logs')
            case $2 in
                --lines | -n) value='any' ;;
            esac
            ;;
        'download')
            case $2 in
                --revision | --quant-file) value='any' ;;
                --local-dir) value='folder' ;;
            esac
            ;;
        'doctor')
            case $2 in
                --only | --tp | --explain) value='any' ;;
                --port) value='port' ;;
            esac
            ;;
        'doctor serve')
            case $2 in
                --assume-gpu | --revision | --served-model-name | --alias | --max-model-len | --context-length | \
                    --ctx-size | -c | --api-key | --mem-fraction-static | --gpu-memory-utilization | \
                    --max-total-tokens | --page-size | --block-size | --max-running-requests | --max-num-seqs | \
                    --max-queued-requests | --chunked-prefill-size | --max-num-batched-tokens | \
                    --speculative-num-draft-tokens | --cuda-graph-max-bs | --max-cudagraph-capture-size | --threads \
                    | -t | --tp | -tp | --tp-size | --tensor-parallel-size | --seed | --random-seed | \
                    --max-body-bytes | --max-connections | --request-timeout | --queue-timeout | --drain-timeout) value='any' ;;
                --model | -m | --model-path | --tokenizer | --tokenizer-path) value='model' ;;
                --chat-template | --api-key-file | --config) value='file' ;;
                --load-format) value='=auto safetensors dummy' ;;
                --dtype) value='=auto bfloat16 float16 float32' ;;
                --host) value='=127.0.0.1 0.0.0.0 localhost ::1' ;;
                --port) value='port' ;;
                --log-level | --uvicorn-log-level) value='=debug info warning error' ;;
                --quantization | -q) value='=auto int8 int4 fp8 gptq awq compressed-tensors mxfp4' ;;
                --kv-cache-dtype) value='=auto fp8_e4m3 int8' ;;
                --schedule-policy | --scheduling-policy) value='=fcfs lpm' ;;
                --speculative-algorithm) value='=none ngram' ;;
                --device) value='=auto cpu cuda' ;;
                --attention-backend) value='=auto torch triton flashinfer' ;;
                --profile) value='profile' ;;
            esac
            ;;
    esac
}

# Splits the line up to the cursor into `words`. Bash has cut COMP_WORDS at = and : as well; pieces with no blank
# between them are one word.
_sgl_split() {
    local rest=${COMP_LINE:0:COMP_POINT} trimmed piece i
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        trimmed=${rest#"${rest%%[![:space:]]*}"}
        piece=${COMP_WORDS[i]}
        ((i == COMP_CWORD)) && piece=$trimmed
        if [[ $trimmed == "$rest" && ${#words[@]} -gt 0 ]]; then
            words[${#words[@]} - 1]+=$piece
        else
            words+=("$piece")
        fi
        rest=${trimmed#"$piece"}
    done
}

# Adds the words of list $2 that begin with $1; $3 stands before each.
_sgl_add() {
    local word
    for word in $2; do
        [[ $word == "$1"* ]] && COMPREPLY+=("$3$word")
    done
}

# Adds what only sgl knows: names of kind $1 that begin with $2; $3 stands before each.
_sgl_ask() {
    local word text
    while IFS=$'\t' read -r word text; do
        [[ $word == "$2"* ]] || continue
        [[ -z $quote && $word == *[!A-Za-z0-9._/:@%+,=-]* ]] && printf -v word %q "$word"
        COMPREPLY+=("$3$word")
    done < <("$program" __complete "$1" "$2" 2>/dev/null)
}

# Offers a value of kind $1 that begins with $2; $3 stands before it in the same word.
_sgl_offer() {
    case $1 in
        '' | any) ;;
        =*) _sgl_add "$2" "${1#=}" "$3" ;;
        file) compopt -o default 2>/dev/null ;;
        folder) compopt -o dirnames 2>/dev/null ;;
        model)
            compopt -o plusdirs 2>/dev/null
            [[ $2 == [./~]* ]] || _sgl_ask model "$2" "$3"
            ;;
        *) _sgl_ask "$1" "$2" "$3" ;;
    esac
}

_sgl() {
    local IFS=$' \t\n' words commands flags aliases operand operands value='' place='' after='' given=0 word i
    local program=${1/#\~/$HOME}
    COMPREPLY=()
    _sgl_split
    local current=${words[${#words[@]} - 1]} quote=''
    [[ $current == [\"\']* ]] && quote=${current:0:1} current=${current:1}
    [[ -z $quote ]] && current=${current//\\/}

    _sgl_place ''
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [[ -n $value ]]; then
            value=''
        elif [[ -n $after ]]; then
            given=$((given + 1))
        elif [[ $word == -- ]]; then
            after=yes
        elif [[ $word == -*=* ]]; then
            continue
        elif [[ $word == -* ]]; then
            [[ $word == --* ]] && word=${word//_/-}
            _sgl_value "$place" "$word"
        elif [[ $given == 0 && " $commands " == *" $word "* ]]; then
            place=${place:+$place }$word
            _sgl_place "$place"
        else
            given=$((given + 1))
        fi
    done

    if [[ -n $value ]]; then
        _sgl_offer "$value" "$current" ''
    elif [[ -z $after && $current == --*=* ]]; then
        word=${current%%=*}
        _sgl_value "$place" "${word//_/-}"
        _sgl_offer "$value" "${current#*=}" "$word="
    elif [[ -z $after && $current == -* ]]; then
        _sgl_add "$current" "$flags" ''
        ((${#COMPREPLY[@]})) || _sgl_add "$current" "$aliases" ''
    else
        ((given)) || _sgl_add "$current" "$commands" ''
        ((given < operands)) && _sgl_offer "$operand" "$current" ''
    fi

    # Readline replaces only what stands after the last = or : of the word.
    local tail=$current
    [[ $COMP_WORDBREAKS == *=* && -z $quote ]] && tail=${tail##*=}
    [[ $COMP_WORDBREAKS == *:* && -z $quote ]] && tail=${tail##*:}
    local head=${current%"$tail"}
    if [[ -n $head ]]; then
        for i in "${!COMPREPLY[@]}"; do
            COMPREPLY[i]=${COMPREPLY[i]#"$head"}
        done
    fi
}

if type compopt &>/dev/null; then
    complete -F _sgl sgl
else
    complete -o bashdefault -o default -F _sgl sgl # Bash 3.2, which completes files where nothing else fits.
fi
