# Proves who includes whom. Prints every include that the table forbids; exit status 1 if there was one.
#
#   awk -f tools/lint/rooms.awk FILE...
#
# A room may include its own headers, those of the rooms below it, and their public headers. Arrows point down only, so a
# room's row names everything it may see. `public` is the umbrella's view: what users of the library see.
BEGIN {
    may["core"] = "core"
    may["kernels"] = "core kernels"
    may["layers"] = may["kernels"] " layers"
    may["io"] = "core io"
    may["graph"] = may["layers"] " io graph"
    may["model"] = may["graph"] " model"
    may["explain"] = may["model"] " explain"
    may["evaluate"] = may["explain"] " evaluate"
    may["train"] = may["model"] " train"
    may["render"] = "core io render"
    # Public headers that a room sees although the room behind them is closed to it.
    header["render"] = "explain model graph layers"
    bad = 0
}

function allowed(room, other, list, i, n, word) {
    n = split(list, word, " ")
    for (i = 1; i <= n; i++) if (word[i] == other) return 1
    return 0
}

function complain(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad = 1
}

FNR == 1 {
    room = ""
    public_header = FILENAME ~ /(^|\/)include\/gradcam\//
    if (public_header) {
        room = FILENAME
        sub(/.*\//, "", room)
        sub(/\.h$/, "", room)
    } else if (match(FILENAME, /(^|\/)lib\/[a-z]+\//)) {
        room = substr(FILENAME, RSTART, RLENGTH)
        sub(/.*lib\//, "", room)
        sub(/\/$/, "", room)
    }
    outside = FILENAME ~ /(^|\/)(tools\/gradcam|tools\/demo|examples)\//
    if (room != "" && !(room in may)) complain("there is no room " room " in the table of tools/lint/rooms.awk")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    path = $0
    sub(/^[^"]*"/, "", path)
    sub(/".*/, "", path)
    if (outside && path ~ /\//) complain("the command and the examples use only <gradcam.h>, not " path)
    if (room == "" || !(room in may)) next
    if (path == "gradcam.h") complain("inside the library the rooms' own headers are included, not the umbrella gradcam.h")
    if (path !~ /\//) next
    first = path
    sub(/\/.*/, "", first)
    if (first == "gradcam") {
        other = path
        sub(/.*\//, "", other)
        sub(/\.h$/, "", other)
        if (!allowed(room, other, may[room] " " header[room])) complain(room " must not see the public header of " other)
    } else if (public_header) complain("a public header includes only public headers, not " path)
    else if (!allowed(room, first, may[room])) complain(room " must not include " path)
}

END { exit bad }
