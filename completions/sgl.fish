# Completion of sgl for fish.
# Made by `python -m sgl_cli.generate` from the commands themselves; do not edit.

# Whether flag $argv[2] at place $argv[1] is followed by a value.
function __sgl_takes_value
    switch $argv[1]
        case ''
            contains -- $argv[2] --install-completion --uninstall-completion
        case 'serve'
            contains -- $argv[2] --model -m --model-path --revision --served-model-name --alias --tokenizer --tokenizer-path \
                --chat-template --load-format --dtype --max-model-len --context-length --ctx-size -c --host \
                --port --api-key --api-key-file --log-level --uvicorn-log-level --mem-fraction-static \
                --gpu-memory-utilization --max-total-tokens --page-size --block-size --kv-cache-dtype \
                --max-running-requests --max-num-seqs --max-queued-requests --chunked-prefill-size \
                --max-num-batched-tokens --schedule-policy --scheduling-policy --speculative-algorithm \
                --speculative-num-draft-tokens --device --threads -t --tp -tp --tp-size --tensor-parallel-size \
                --seed --random-seed --max-body-bytes --max-connections --request-timeout --queue-timeout \
                --drain-timeout --config --profile
        case 'chat'
            contains -- $argv[2] -p --prompt -f --file -a --attach -s --system -o --option -m --model --url --api-key --session \
                --schema --export --format --import --delete --db
        case 'stop'
            contains -- $argv[2] --timeout
        case 'logs'
            contains -- $argv[2] --lines -n
        case 'download'
            contains -- $argv[2] --revision --local-dir --quant-file
        case 'doctor'
            contains -- $argv[2] --only --port --tp --explain
        case 'doctor serve'
            contains -- $argv[2] --assume-gpu --model -m --model-path --revision --served-model-name --alias --tokenizer \
                --tokenizer-path --chat-template --load-format --dtype --max-model-len --context-length \
                --ctx-size -c --host --port --api-key --api-key-file --log-level --uvicorn-log-level \
                --mem-fraction-static --gpu-memory-utilization --max-total-tokens --page-size --block-size \
                --kv-cache-dtype --max-running-requests --max-num-seqs --max-queued-requests \
                --chunked-prefill-size --max-num-batched-tokens --schedule-policy --scheduling-policy \
                --speculative-algorithm --speculative-num-draft-tokens --device --threads -t --tp -tp --tp-size \
                --tensor-parallel-size --seed --random-seed --max-body-bytes --max-connections --request-timeout \
                --queue-timeout --drain-timeout --config --profile
    end
end

# Whether `$argv` is a place: a command, or a command and its sub-command.
function __sgl_is_place
    contains -- "$argv" 'serve' 'chat' 'ps' 'stop' 'logs' 'download' 'models' 'models ls' 'models show' 'models rm' 'doctor' 'doctor serve' 'completion' 'help'
end

# Prints the place that the words before the cursor lead to, and how many words more were given there.
function __sgl_place
    set -l place
    set -l given 0
    set -l skip no
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test $skip = yes
            set skip no
            continue
        end
        switch $word
            case '--'
                set given (math $given + 1)
            case '-*=*'
                continue
            case '-*'
                __sgl_takes_value "$place" $word; and set skip yes
            case '*'
                if test $given = 0; and __sgl_is_place $place $word
                    set -a place $word
                else
                    set given (math $given + 1)
                end
        end
    end
    echo "$place"
    echo $given
end

# Whether the cursor is at place $argv[1], with less than $argv[2] words given there.
function __sgl_at
    set -l found (__sgl_place)
    test "$found[1]" = "$argv[1]"; or return 1
    test (count $argv) -lt 2; or test $found[2] -lt $argv[2]
end

# Whether other spellings of flags are to be offered at place $argv[1]: where none of ours ($argv[2..]) fits.
function __sgl_at_other
    __sgl_at $argv[1]; or return 1
    set -l token (commandline -ct)
    string match -q -- '-*' $token; or return 0
    for name in $argv[2..-1]
        if string match -q -- "$token*" $name
            return 1
        end
    end
end

# Prints what only sgl knows: names of kind $argv[1], with descriptions.
function __sgl_ask
    set -l words (commandline -opc)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    command -q $program; or return
    command $program __complete $argv[1] '' 2>/dev/null
end

function __sgl_model
    string match -qr '^[./~]' -- (commandline -ct); or __sgl_ask model
    __fish_complete_directories (commandline -ct)
end

complete -c sgl -f
complete -c sgl -n '__sgl_at \'\' 1' -a serve -d 'Serve a model over HTTP: OpenAI\'s API and SGLang\'s own'
complete -c sgl -n '__sgl_at \'\' 1' -a chat -d 'Chat with a model'
complete -c sgl -n '__sgl_at \'\' 1' -a ps -d 'List the servers that run on this machine'
complete -c sgl -n '__sgl_at \'\' 1' -a stop -d 'Stop a server'
complete -c sgl -n '__sgl_at \'\' 1' -a logs -d 'Show the log of a background server'
complete -c sgl -n '__sgl_at \'\' 1' -a download -d 'Download a model from the Hugging Face hub'
complete -c sgl -n '__sgl_at \'\' 1' -a models -d 'List, show and remove downloaded models'
complete -c sgl -n '__sgl_at \'\' 1' -a doctor -d 'Check this machine, and whether a model fits it'
complete -c sgl -n '__sgl_at \'\' 1' -a completion -d 'Print the completion script of a shell'
complete -c sgl -n '__sgl_at \'\' 1' -a help -d 'Print the help of a command'
complete -c sgl -n '__sgl_at \'\'' -l version -d 'Print the version'
complete -c sgl -n '__sgl_at \'\'' -l install-completion -x -a 'bash zsh fish' -d 'Set up the Tab key in a shell'
complete -c sgl -n '__sgl_at \'\'' -l uninstall-completion -x -a 'bash zsh fish' -d 'Take it out again'
complete -c sgl -n '__sgl_at \'\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'\' --version --install-completion --uninstall-completion --help' -s V -d 'Print the version'
complete -c sgl -n '__sgl_at_other \'\' --version --install-completion --uninstall-completion --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'serve\' 1' -x -a '(__sgl_model)'
complete -c sgl -n '__sgl_at \'serve\'' -l help-all -d 'Print every flag, with its other spellings and its variable'
complete -c sgl -n '__sgl_at \'serve\'' -l version -d 'Print the version'
complete -c sgl -n '__sgl_at \'serve\'' -l model -x -a '(__sgl_model)' -d 'Folder with config.json and safetensors weights, or a...'
complete -c sgl -n '__sgl_at \'serve\'' -l revision -x -d 'Branch, tag or commit of a Hugging Face repository'
complete -c sgl -n '__sgl_at \'serve\'' -l served-model-name -x -d 'Names that requests may use; the first is shown by...'
complete -c sgl -n '__sgl_at \'serve\'' -l tokenizer -x -a '(__sgl_model)' -d 'Where the tokenizer is, when it is not with the model'
complete -c sgl -n '__sgl_at \'serve\'' -l chat-template -r -F -d 'Jinja file to use in place of the model\'s own chat template'
complete -c sgl -n '__sgl_at \'serve\'' -l load-format -x -a 'auto safetensors dummy' -d 'dummy reads config.json only and makes up random weights...'
complete -c sgl -n '__sgl_at \'serve\'' -l dtype -x -a 'auto bfloat16 float16 float32' -d 'Type of weights and activations; auto follows the...'
complete -c sgl -n '__sgl_at \'serve\'' -l max-model-len -x -d 'Most tokens of a prompt and its answer together; auto is...'
complete -c sgl -n '__sgl_at \'serve\'' -l trust-remote-code -d 'Refused: sgl never runs code that comes with a model'
complete -c sgl -n '__sgl_at \'serve\'' -l host -x -a '127.0.0.1 0.0.0.0 localhost ::1' -d 'Address to listen on'
complete -c sgl -n '__sgl_at \'serve\'' -l port -x -a '(__sgl_ask port)' -d 'TCP port to listen on; 0 takes a free one'
complete -c sgl -n '__sgl_at \'serve\'' -l api-key -x -d 'Key that every request must carry as a bearer token; may be...'
complete -c sgl -n '__sgl_at \'serve\'' -l api-key-file -r -F -d 'File with one key a line, added to those of --api-key'
complete -c sgl -n '__sgl_at \'serve\'' -l log-level -x -a 'debug info warning error' -d 'How much is logged to stderr'
complete -c sgl -n '__sgl_at \'serve\'' -l mem-fraction-static -x -d 'Share of all memory for weights and KV cache together'
complete -c sgl -n '__sgl_at \'serve\'' -l max-total-tokens -x -d 'Tokens that the KV cache holds, in place of a size worked...'
complete -c sgl -n '__sgl_at \'serve\'' -l page-size -x -d 'Tokens in one page of the KV cache'
complete -c sgl -n '__sgl_at \'serve\'' -l kv-cache-dtype -x -a 'auto' -d 'Type of the KV cache'
complete -c sgl -n '__sgl_at \'serve\'' -l disable-radix-cache -d 'Compute every prompt afresh, without reusing the prefixes...'
complete -c sgl -n '__sgl_at \'serve\'' -l max-running-requests -x -d 'Most requests computed at once'
complete -c sgl -n '__sgl_at \'serve\'' -l max-queued-requests -x -d 'Most requests that wait; one more is answered with 503'
complete -c sgl -n '__sgl_at \'serve\'' -l chunked-prefill-size -x -d 'Most tokens computed in one step; longer prompts are split'
complete -c sgl -n '__sgl_at \'serve\'' -l schedule-policy -x -a 'fcfs lpm' -d 'Who goes first: fcfs, the one that came first; lpm, the one...'
complete -c sgl -n '__sgl_at \'serve\'' -l speculative-algorithm -x -a 'none ngram' -d 'Guess following tokens and check them in one step: the same...'
complete -c sgl -n '__sgl_at \'serve\'' -l speculative-num-draft-tokens -x -d 'Most guesses per request and step'
complete -c sgl -n '__sgl_at \'serve\'' -l deterministic -d 'Same numbers bit for bit, whoever else is in the batch...'
complete -c sgl -n '__sgl_at \'serve\'' -l device -x -a 'auto cpu' -d 'Where to compute'
complete -c sgl -n '__sgl_at \'serve\'' -l threads -x -d 'Threads that compute'
complete -c sgl -n '__sgl_at \'serve\'' -l tp -x -d 'Devices that share the model (tensor parallelism)'
complete -c sgl -n '__sgl_at \'serve\'' -l seed -x -d 'Seed of the weights that --load-format dummy makes up'
complete -c sgl -n '__sgl_at \'serve\'' -l max-body-bytes -x -d 'Largest body of a request'
complete -c sgl -n '__sgl_at \'serve\'' -l max-connections -x -d 'Most open connections in all'
complete -c sgl -n '__sgl_at \'serve\'' -l request-timeout -x -d 'Seconds that a request may take; then it is answered with...'
complete -c sgl -n '__sgl_at \'serve\'' -l queue-timeout -x -d 'Seconds that a request may wait before it is computed; then...'
complete -c sgl -n '__sgl_at \'serve\'' -l drain-timeout -x -d 'Seconds that a server told to stop (SIGTERM, Ctrl-C) waits...'
complete -c sgl -n '__sgl_at \'serve\'' -l config -r -F -d 'File with settings: names of flags without dashes, in TOML...'
complete -c sgl -n '__sgl_at \'serve\'' -l profile -x -a '(__sgl_ask profile)' -d 'Settings of the table [profiles.NAME] of these files; they...'
complete -c sgl -n '__sgl_at \'serve\'' -l dry-run -d 'Print every setting with its origin and the memory plan...'
complete -c sgl -n '__sgl_at \'serve\'' -l json -d 'Print what --dry-run says, or the server that --detach...'
complete -c sgl -n '__sgl_at \'serve\'' -l detach -d 'Start in the background and return when the server is...'
complete -c sgl -n '__sgl_at \'serve\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -s m -l model-path -x -a '(__sgl_model)' -d 'Folder with config.json and safetensors weights, or a...'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -l alias -x -d 'Names that requests may use; the first is shown by...'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -l tokenizer-path -x -a '(__sgl_model)' -d 'Where the tokenizer is, when it is not with the model'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -l context-length -l ctx-size -s c -x -d 'Most tokens of a prompt and its answer together; auto is...'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -l uvicorn-log-level -x -a 'debug info warning error' -d 'How much is logged to stderr'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -l gpu-memory-utilization -x -d 'Share of all memory for weights and KV cache together'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -l block-size -x -d 'Tokens in one page of the KV cache'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -l no-enable-prefix-caching -d 'Compute every prompt afresh, without reusing the prefixes...'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -l max-num-seqs -x -d 'Most requests computed at once'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -l max-num-batched-tokens -x -d 'Most tokens computed in one step; longer prompts are split'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -l scheduling-policy -x -a 'fcfs lpm' -d 'Who goes first: fcfs, the one that came first; lpm, the one...'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -l enable-deterministic-inference -d 'Same numbers bit for bit, whoever else is in the batch...'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -s t -x -d 'Threads that compute'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -o tp -l tp-size -l tensor-parallel-size -x -d 'Devices that share the model (tensor parallelism)'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -l random-seed -x -d 'Seed of the weights that --load-format dummy makes up'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -s d -l background -d 'Start in the background and return when the server is...'
complete -c sgl -n '__sgl_at_other \'serve\' --help-all --version --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --json --detach --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'chat\'' -l prompt -x -d 'Ask this, print the answer and end'
complete -c sgl -n '__sgl_at \'chat\'' -l file -r -F -d 'Add a text file'
complete -c sgl -n '__sgl_at \'chat\'' -l attach -r -F -d 'Add a picture; - reads standard input'
complete -c sgl -n '__sgl_at \'chat\'' -l system -x -d 'The system prompt'
complete -c sgl -n '__sgl_at \'chat\'' -l option -x -d 'Such as temperature=0.2'
complete -c sgl -n '__sgl_at \'chat\'' -l model -x -a '(__sgl_model)' -d 'Talk to this model; it is served here if nobody does'
complete -c sgl -n '__sgl_at \'chat\'' -l url -x -d 'Any server with OpenAI\'s API'
complete -c sgl -n '__sgl_at \'chat\'' -l api-key -x -d 'The server\'s key'
complete -c sgl -n '__sgl_at \'chat\'' -l keep -d 'Leave a server running that this chat started'
complete -c sgl -n '__sgl_at \'chat\'' -l continue -d 'Go on with the latest chat'
complete -c sgl -n '__sgl_at \'chat\'' -l session -x -d 'Go on with this chat; part of its id is enough'
complete -c sgl -n '__sgl_at \'chat\'' -l no-save -d 'Keep nothing of this chat'
complete -c sgl -n '__sgl_at \'chat\'' -l extract -d 'Print only the first block of code of the answer'
complete -c sgl -n '__sgl_at \'chat\'' -l xl -d 'Print only the last one'
complete -c sgl -n '__sgl_at \'chat\'' -l json -d 'Print one JSON object, with usage and timings'
complete -c sgl -n '__sgl_at \'chat\'' -l jsonl -d 'Print each event as a line of JSON'
complete -c sgl -n '__sgl_at \'chat\'' -l schema -r -F -d 'Ask for an answer after this JSON schema'
complete -c sgl -n '__sgl_at \'chat\'' -l no-stream -d 'Ask for the whole answer at once'
complete -c sgl -n '__sgl_at \'chat\'' -l hide-reasoning -d 'Show no reasoning; so it is when the output is no terminal'
complete -c sgl -n '__sgl_at \'chat\'' -l raw -d 'Leave control characters in an answer that goes to a pipe...'
complete -c sgl -n '__sgl_at \'chat\'' -l stats -d 'Show speed and tokens on standard error'
complete -c sgl -n '__sgl_at \'chat\'' -l fail-on-length -d 'Exit with 3 when the answer is cut off by max_tokens'
complete -c sgl -n '__sgl_at \'chat\'' -l plain -d 'Chat line by line, which screen readers can follow'
complete -c sgl -n '__sgl_at \'chat\'' -l list -d 'List the chats that are kept'
complete -c sgl -n '__sgl_at \'chat\'' -l export -x -d 'Print a chat'
complete -c sgl -n '__sgl_at \'chat\'' -l format -x -a 'md json jsonl html' -d 'Of --export: md, json, jsonl or html'
complete -c sgl -n '__sgl_at \'chat\'' -l import -r -F -d 'Read chats of sgl, ChatGPT, Open WebUI or llm'
complete -c sgl -n '__sgl_at \'chat\'' -l delete -x -d 'Delete a chat'
complete -c sgl -n '__sgl_at \'chat\'' -l db -r -F -d 'Keep chats here, not in ~/.local/share/sgl/chat.db'
complete -c sgl -n '__sgl_at \'chat\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'chat\' --prompt --file --attach --system --option --model --url --api-key --keep --continue --session --no-save --extract --xl --json --jsonl --schema --no-stream --hide-reasoning --raw --stats --fail-on-length --plain --list --export --format --import --delete --db --help' -s p -x -d 'Ask this, print the answer and end'
complete -c sgl -n '__sgl_at_other \'chat\' --prompt --file --attach --system --option --model --url --api-key --keep --continue --session --no-save --extract --xl --json --jsonl --schema --no-stream --hide-reasoning --raw --stats --fail-on-length --plain --list --export --format --import --delete --db --help' -s f -r -F -d 'Add a text file'
complete -c sgl -n '__sgl_at_other \'chat\' --prompt --file --attach --system --option --model --url --api-key --keep --continue --session --no-save --extract --xl --json --jsonl --schema --no-stream --hide-reasoning --raw --stats --fail-on-length --plain --list --export --format --import --delete --db --help' -s a -r -F -d 'Add a picture; - reads standard input'
complete -c sgl -n '__sgl_at_other \'chat\' --prompt --file --attach --system --option --model --url --api-key --keep --continue --session --no-save --extract --xl --json --jsonl --schema --no-stream --hide-reasoning --raw --stats --fail-on-length --plain --list --export --format --import --delete --db --help' -s s -x -d 'The system prompt'
complete -c sgl -n '__sgl_at_other \'chat\' --prompt --file --attach --system --option --model --url --api-key --keep --continue --session --no-save --extract --xl --json --jsonl --schema --no-stream --hide-reasoning --raw --stats --fail-on-length --plain --list --export --format --import --delete --db --help' -s o -x -d 'Such as temperature=0.2'
complete -c sgl -n '__sgl_at_other \'chat\' --prompt --file --attach --system --option --model --url --api-key --keep --continue --session --no-save --extract --xl --json --jsonl --schema --no-stream --hide-reasoning --raw --stats --fail-on-length --plain --list --export --format --import --delete --db --help' -s m -x -a '(__sgl_model)' -d 'Talk to this model; it is served here if nobody does'
complete -c sgl -n '__sgl_at_other \'chat\' --prompt --file --attach --system --option --model --url --api-key --keep --continue --session --no-save --extract --xl --json --jsonl --schema --no-stream --hide-reasoning --raw --stats --fail-on-length --plain --list --export --format --import --delete --db --help' -s c -d 'Go on with the latest chat'
complete -c sgl -n '__sgl_at_other \'chat\' --prompt --file --attach --system --option --model --url --api-key --keep --continue --session --no-save --extract --xl --json --jsonl --schema --no-stream --hide-reasoning --raw --stats --fail-on-length --plain --list --export --format --import --delete --db --help' -s n -d 'Keep nothing of this chat'
complete -c sgl -n '__sgl_at_other \'chat\' --prompt --file --attach --system --option --model --url --api-key --keep --continue --session --no-save --extract --xl --json --jsonl --schema --no-stream --hide-reasoning --raw --stats --fail-on-length --plain --list --export --format --import --delete --db --help' -s x -d 'Print only the first block of code of the answer'
complete -c sgl -n '__sgl_at_other \'chat\' --prompt --file --attach --system --option --model --url --api-key --keep --continue --session --no-save --extract --xl --json --jsonl --schema --no-stream --hide-reasoning --raw --stats --fail-on-length --plain --list --export --format --import --delete --db --help' -l extract-last -d 'Print only the last one'
complete -c sgl -n '__sgl_at_other \'chat\' --prompt --file --attach --system --option --model --url --api-key --keep --continue --session --no-save --extract --xl --json --jsonl --schema --no-stream --hide-reasoning --raw --stats --fail-on-length --plain --list --export --format --import --delete --db --help' -s R -d 'Show no reasoning; so it is when the output is no terminal'
complete -c sgl -n '__sgl_at_other \'chat\' --prompt --file --attach --system --option --model --url --api-key --keep --continue --session --no-save --extract --xl --json --jsonl --schema --no-stream --hide-reasoning --raw --stats --fail-on-length --plain --list --export --format --import --delete --db --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'ps\'' -l json -d 'Print one JSON document'
complete -c sgl -n '__sgl_at \'ps\'' -l quiet -d 'Print the servers\' ids only'
complete -c sgl -n '__sgl_at \'ps\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'ps\' --json --quiet --help' -s q -d 'Print the servers\' ids only'
complete -c sgl -n '__sgl_at_other \'ps\' --json --quiet --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'stop\' 999' -x -a '(__sgl_ask server)'
complete -c sgl -n '__sgl_at \'stop\'' -l all -d 'Stop every server of yours'
complete -c sgl -n '__sgl_at \'stop\'' -l timeout -x -d 'How long a server may take before it is killed'
complete -c sgl -n '__sgl_at \'stop\'' -l force -d 'Kill at once; running requests are lost'
complete -c sgl -n '__sgl_at \'stop\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'stop\' --all --timeout --force --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'logs\' 1' -x -a '(__sgl_ask server)'
complete -c sgl -n '__sgl_at \'logs\'' -l follow -d 'Go on with what is written, until the server ends'
complete -c sgl -n '__sgl_at \'logs\'' -l lines -x -d 'Only the last N lines, e.g'
complete -c sgl -n '__sgl_at \'logs\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'logs\' --follow --lines --help' -s f -d 'Go on with what is written, until the server ends'
complete -c sgl -n '__sgl_at_other \'logs\' --follow --lines --help' -s n -x -d 'Only the last N lines, e.g'
complete -c sgl -n '__sgl_at_other \'logs\' --follow --lines --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'download\' 1' -x -a '(__sgl_ask cached)'
complete -c sgl -n '__sgl_at \'download\'' -l revision -x -d 'Branch, tag or commit'
complete -c sgl -n '__sgl_at \'download\'' -l local-dir -x -a '(__fish_complete_directories (commandline -ct))' -d 'Put the files into this folder, not into the shared cache'
complete -c sgl -n '__sgl_at \'download\'' -l quant-file -x -d 'The weight file to take where there are several, such as...'
complete -c sgl -n '__sgl_at \'download\'' -l all -d 'Take every file, also what sgl never opens'
complete -c sgl -n '__sgl_at \'download\'' -l verify -d 'Compare every file with the checksum that the hub lists'
complete -c sgl -n '__sgl_at \'download\'' -l dry-run -d 'Show what would be downloaded, and stop'
complete -c sgl -n '__sgl_at \'download\'' -l force -d 'Go on though the disk looks too small; with --verify, fetch...'
complete -c sgl -n '__sgl_at \'download\'' -l json -d 'Print one JSON document'
complete -c sgl -n '__sgl_at \'download\'' -l quiet -d 'Print the folder\'s path only'
complete -c sgl -n '__sgl_at \'download\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'download\' --revision --local-dir --quant-file --all --verify --dry-run --force --json --quiet --help' -s q -d 'Print the folder\'s path only'
complete -c sgl -n '__sgl_at_other \'download\' --revision --local-dir --quant-file --all --verify --dry-run --force --json --quiet --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'models\' 1' -a ls -d 'List the models on this machine'
complete -c sgl -n '__sgl_at \'models\' 1' -a show -d 'Show what is known about a model'
complete -c sgl -n '__sgl_at \'models\' 1' -a rm -d 'Remove models from the cache, with all their revisions'
complete -c sgl -n '__sgl_at \'models\'' -l json -d 'Print one JSON document'
complete -c sgl -n '__sgl_at \'models\'' -l quiet -d 'Print names only'
complete -c sgl -n '__sgl_at \'models\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'models\' --json --quiet --help' -s q -d 'Print names only'
complete -c sgl -n '__sgl_at_other \'models\' --json --quiet --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'models ls\'' -l json -d 'Print one JSON document'
complete -c sgl -n '__sgl_at \'models ls\'' -l quiet -d 'Print names only'
complete -c sgl -n '__sgl_at \'models ls\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'models ls\' --json --quiet --help' -s q -d 'Print names only'
complete -c sgl -n '__sgl_at_other \'models ls\' --json --quiet --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'models show\' 1' -x -a '(__sgl_ask cached)'
complete -c sgl -n '__sgl_at \'models show\'' -l json -d 'Print one JSON document'
complete -c sgl -n '__sgl_at \'models show\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'models show\' --json --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'models rm\' 999' -x -a '(__sgl_ask cached)'
complete -c sgl -n '__sgl_at \'models rm\'' -l yes -d 'Do not ask'
complete -c sgl -n '__sgl_at \'models rm\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'models rm\' --yes --help' -s y -d 'Do not ask'
complete -c sgl -n '__sgl_at_other \'models rm\' --yes --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'doctor\' 1' -a serve -d 'Check flags of sgl serve against a model and this machine'
complete -c sgl -n '__sgl_at \'doctor\'' -l only -x -d 'Look at these groups only: python, gpu, cpu, system, kernels'
complete -c sgl -n '__sgl_at \'doctor\'' -l quick -d 'Import no torch and test no kernels: the answer takes a...'
complete -c sgl -n '__sgl_at \'doctor\'' -l kernels -d 'Test the kernels, also with --quick or --only'
complete -c sgl -n '__sgl_at \'doctor\'' -l port -x -a '(__sgl_ask port)' -d 'The port that has to be free; 30000 is looked at otherwise'
complete -c sgl -n '__sgl_at \'doctor\'' -l tp -x -d 'How many GPUs one model is to be shared among'
complete -c sgl -n '__sgl_at \'doctor\'' -l strict -d 'Exit with 3 for warnings, too'
complete -c sgl -n '__sgl_at \'doctor\'' -l verbose -d 'Show codes and numbers of every finding'
complete -c sgl -n '__sgl_at \'doctor\'' -l json -d 'Print one JSON document'
complete -c sgl -n '__sgl_at \'doctor\'' -l report -d 'Print markdown for a bug report, without secrets and names'
complete -c sgl -n '__sgl_at \'doctor\'' -l explain -x -d 'Explain the code of a finding, and end'
complete -c sgl -n '__sgl_at \'doctor\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'doctor\' --only --quick --kernels --port --tp --strict --verbose --json --report --explain --help' -s v -d 'Show codes and numbers of every finding'
complete -c sgl -n '__sgl_at_other \'doctor\' --only --quick --kernels --port --tp --strict --verbose --json --report --explain --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'doctor serve\' 1' -x -a '(__sgl_model)'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l assume-gpu -x -d 'Plan for a GPU of this size, e.g'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l strict -d 'Exit with 3 for warnings, too'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l verbose -d 'Show codes and numbers of every finding'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l json -d 'Print one JSON document'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l model -x -a '(__sgl_model)' -d 'Folder with config.json and safetensors weights, or a...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l revision -x -d 'Branch, tag or commit of a Hugging Face repository'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l served-model-name -x -d 'Names that requests may use; the first is shown by...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l tokenizer -x -a '(__sgl_model)' -d 'Where the tokenizer is, when it is not with the model'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l chat-template -r -F -d 'Jinja file to use in place of the model\'s own chat template'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l load-format -x -a 'auto safetensors dummy' -d 'dummy reads config.json only and makes up random weights...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l dtype -x -a 'auto bfloat16 float16 float32' -d 'Type of weights and activations; auto follows the...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l max-model-len -x -d 'Most tokens of a prompt and its answer together; auto is...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l trust-remote-code -d 'Refused: sgl never runs code that comes with a model'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l host -x -a '127.0.0.1 0.0.0.0 localhost ::1' -d 'Address to listen on'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l port -x -a '(__sgl_ask port)' -d 'TCP port to listen on; 0 takes a free one'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l api-key -x -d 'Key that every request must carry as a bearer token; may be...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l api-key-file -r -F -d 'File with one key a line, added to those of --api-key'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l log-level -x -a 'debug info warning error' -d 'How much is logged to stderr'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l mem-fraction-static -x -d 'Share of all memory for weights and KV cache together'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l max-total-tokens -x -d 'Tokens that the KV cache holds, in place of a size worked...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l page-size -x -d 'Tokens in one page of the KV cache'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l kv-cache-dtype -x -a 'auto' -d 'Type of the KV cache'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l disable-radix-cache -d 'Compute every prompt afresh, without reusing the prefixes...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l max-running-requests -x -d 'Most requests computed at once'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l max-queued-requests -x -d 'Most requests that wait; one more is answered with 503'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l chunked-prefill-size -x -d 'Most tokens computed in one step; longer prompts are split'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l schedule-policy -x -a 'fcfs lpm' -d 'Who goes first: fcfs, the one that came first; lpm, the one...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l speculative-algorithm -x -a 'none ngram' -d 'Guess following tokens and check them in one step: the same...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l speculative-num-draft-tokens -x -d 'Most guesses per request and step'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l deterministic -d 'Same numbers bit for bit, whoever else is in the batch...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l device -x -a 'auto cpu' -d 'Where to compute'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l threads -x -d 'Threads that compute'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l tp -x -d 'Devices that share the model (tensor parallelism)'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l seed -x -d 'Seed of the weights that --load-format dummy makes up'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l max-body-bytes -x -d 'Largest body of a request'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l max-connections -x -d 'Most open connections in all'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l request-timeout -x -d 'Seconds that a request may take; then it is answered with...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l queue-timeout -x -d 'Seconds that a request may wait before it is computed; then...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l drain-timeout -x -d 'Seconds that a server told to stop (SIGTERM, Ctrl-C) waits...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l config -r -F -d 'File with settings: names of flags without dashes, in TOML...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l profile -x -a '(__sgl_ask profile)' -d 'Settings of the table [profiles.NAME] of these files; they...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l dry-run -d 'Print every setting with its origin and the memory plan...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l detach -d 'Start in the background and return when the server is...'
complete -c sgl -n '__sgl_at \'doctor serve\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -s v -d 'Show codes and numbers of every finding'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -s m -l model-path -x -a '(__sgl_model)' -d 'Folder with config.json and safetensors weights, or a...'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -l alias -x -d 'Names that requests may use; the first is shown by...'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -l tokenizer-path -x -a '(__sgl_model)' -d 'Where the tokenizer is, when it is not with the model'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -l context-length -l ctx-size -s c -x -d 'Most tokens of a prompt and its answer together; auto is...'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -l uvicorn-log-level -x -a 'debug info warning error' -d 'How much is logged to stderr'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -l gpu-memory-utilization -x -d 'Share of all memory for weights and KV cache together'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -l block-size -x -d 'Tokens in one page of the KV cache'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -l no-enable-prefix-caching -d 'Compute every prompt afresh, without reusing the prefixes...'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -l max-num-seqs -x -d 'Most requests computed at once'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -l max-num-batched-tokens -x -d 'Most tokens computed in one step; longer prompts are split'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -l scheduling-policy -x -a 'fcfs lpm' -d 'Who goes first: fcfs, the one that came first; lpm, the one...'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -l enable-deterministic-inference -d 'Same numbers bit for bit, whoever else is in the batch...'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -s t -x -d 'Threads that compute'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -o tp -l tp-size -l tensor-parallel-size -x -d 'Devices that share the model (tensor parallelism)'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -l random-seed -x -d 'Seed of the weights that --load-format dummy makes up'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -s d -l background -d 'Start in the background and return when the server is...'
complete -c sgl -n '__sgl_at_other \'doctor serve\' --assume-gpu --strict --verbose --json --model --revision --served-model-name --tokenizer --chat-template --load-format --dtype --max-model-len --trust-remote-code --host --port --api-key --api-key-file --log-level --mem-fraction-static --max-total-tokens --page-size --kv-cache-dtype --disable-radix-cache --max-running-requests --max-queued-requests --chunked-prefill-size --schedule-policy --speculative-algorithm --speculative-num-draft-tokens --deterministic --device --threads --tp --seed --max-body-bytes --max-connections --request-timeout --queue-timeout --drain-timeout --config --profile --dry-run --detach --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'completion\' 1' -x -a 'bash zsh fish'
complete -c sgl -n '__sgl_at \'completion\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'completion\' --help' -s h -d 'Print the help of the command'
complete -c sgl -n '__sgl_at \'help\' 1' -x -a 'serve chat ps stop logs download models doctor completion'
complete -c sgl -n '__sgl_at \'help\'' -l help -d 'Print the help of the command'
complete -c sgl -n '__sgl_at_other \'help\' --help' -s h -d 'Print the help of the command'
