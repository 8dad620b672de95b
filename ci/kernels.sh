# Reads the matrix of kernels; sourced by ci/fetch-kernels and ci/nightly.

# Says what is wrong, where and what to do, and ends.
die() {
    echo "error: $1" >&2
    [ -z "${2:-}" ] || echo "  because: $2" >&2
    [ -z "${3:-}" ] || echo "  help: $3" >&2
    exit 2
}

# Prints the kernels of the matrix $1, one a line: name, suite, image, config, file, host; what is absent is `-`.
kernels() {
    [ -r "$1" ] || die "the matrix of kernels could not be read" "$1 is not there" "--matrix names one; ci/kernels.yaml is a model"
    awk -v file="$1" '
        function flush() { if (name != "") print name, suite, image, config, path, host }
        function wrong(why) { printf "error: %s:%d: %s\n", file, NR, why > "/dev/stderr"; bad = 1; exit 2 }
        /^[[:space:]]*(#.*)?$/ { next }
        {
            if ($0 !~ /^(- |  )(name|suite|image|config|file|host): *[^ ].*$/)
                wrong("a kernel is written as `- name: ...` and below it `suite`, `image`, `config`, `file` or `host`, one a line")
            if ($0 ~ /^- / && $0 !~ /^- name:/) wrong("a kernel begins with its name")
            if ($0 !~ /^- / && name == "") wrong("no kernel has begun here")
            key = substr($0, 3); sub(/:.*/, "", key)
            value = substr($0, 3); sub(/^[a-z]+: */, "", value); gsub(/^"|"$/, "", value)
            if (value == "" || value ~ /[[:space:]]/) wrong("`" key "` is one word")
        }
        /^- / { flush(); suite = image = config = path = host = "-"; name = value; if (name in seen) wrong(name " is there twice"); seen[name] }
        key == "suite" { suite = value } key == "image" { image = value } key == "config" { config = value }
        key == "file" { path = value } key == "host" { host = value }
        END { if (!bad) flush() }
    ' "$1"
}

# Prints those lines of the matrix $1 whose names are in the list $2 (`a,b`; empty for all), or ends.
chosen() {
    all=$(kernels "$1") || exit 2
    [ -n "${2:-}" ] || { echo "$all"; return; }
    for name in $(echo "$2" | tr ',' ' '); do
        echo "$all" | awk -v name="$name" '$1 == name { print; found = 1 } END { exit !found }' ||
            die "the matrix has no kernel \`$name\`" "$1 has $(echo "$all" | awk '{ printf "%s%s", sep, $1; sep = ", " }')"
    done
}
