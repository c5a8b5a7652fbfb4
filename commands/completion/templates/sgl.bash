# Completion of sgl for bash, with or without the package bash-completion.
# Made by `python -m sgl_cli.generate` from the commands themselves; do not edit.
# shellcheck shell=bash

# Sets `commands`, `flags`, `aliases` (other spellings) and `operand` (what a word that is no flag may be) of a place.
_sgl_place() {
    commands='' flags='' aliases='' operand='' operands=1
    case $1 in
@PLACES@
    esac
}

# Sets `value` to what may follow flag $2 at place $1: nothing, `=` and words, a kind of word, or `any`.
_sgl_value() {
    value=''
    case $1 in
@VALUES@
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
