# Use this file in Nushell: `overlay use bin/activate.nu`. `deactivate` undoes it.

export-env {
    let root = @ROOT@
    let prompt = @PROMPT@
    let path_name = if "Path" in $env { "Path" } else { "PATH" }
    let path = ($env | get $path_name | prepend ([$root @BIN@] | path join))
    load-env { $path_name: $path, VIRTUAL_ENV: $root, VIRTUAL_ENV_PROMPT: $prompt }
    if (($env | get -o VIRTUAL_ENV_DISABLE_PROMPT | default "") | is-empty) {
        let old = ($env | get -o PROMPT_COMMAND | default "")
        let shown = if (($old | describe) starts-with "closure") {
            {|| $"\(($prompt)\) (do $old)" }
        } else {
            {|| $"\(($prompt)\) ($old)" }
        }
        load-env { PROMPT_COMMAND: $shown }
    }
    # It would lead the interpreter to another standard library.
    hide-env --ignore-errors PYTHONHOME
}

export alias deactivate = overlay hide activate
