# Completion of sgl for fish.
# Made by `python -m sgl_cli.generate` from the commands themselves; do not edit.

# Whether flag $argv[2] at place $argv[1] is followed by a value.
function __sgl_takes_value
    switch $argv[1]
@VALUES@
    end
end

# Whether `$argv` is a place: a command, or a command and its sub-command.
function __sgl_is_place
    contains -- "$argv" @PLACES@
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
@LINES@
