# Every symbol that the public headers declare carries a doc comment of its own: above it, or behind it on the same line.
# Prints the names of all GCAM_API functions on standard output (for the comparison with what the library exports) and the
# undocumented ones on standard error; exit status 1 if there was one.
function name_of(text) {
    sub(/\(.*/, "", text)
    sub(/.*[ *]/, "", text)
    return text
}

FNR == 1 { documented = 0; in_comment = 0 }

/^\/\*\*/ { in_comment = 1; documented = 1 }
in_comment {
    if (/\*\//) in_comment = 0
    next
}

/^[ \t]*$/ { documented = 0; next }

/^GCAM_API / {
    name = name_of($0)
    print name
    if (!documented && !/\/\*\*</) {
        printf "%s:%d: %s has no doc comment\n", FILENAME, FNR, name > "/dev/stderr"
        bad = 1
    }
    documented = 0
    next
}

/^typedef (struct|enum) .*{/ || /^typedef .*;/ || /^#define GCAM_[A-Z_]+[ (]/ && !/GCAM_(API|NODISCARD|STATUS_ENUM|VERSION_)/ {
    if (!documented) {
        printf "%s:%d: no doc comment: %s\n", FILENAME, FNR, $0 > "/dev/stderr"
        bad = 1
    }
    documented = 0
}

END { exit bad }
