# Lengths of files and functions against the house numbers: no file over 600 lines, no function over 100; half of the
# functions at most 15 lines, nine in ten at most 40. Prints what is over and one summary; exit status 1 for the hard limits.
#
#   awk -f tools/lint/sizes.awk FILE.c...
#
# A function is what stands between a line that starts in column one and ends in "{" with a parameter list before it, and
# the next line that is "}" alone: the layout that clang-format gives.
function finish_file() {
    if (name != "" && lines > 600) {
        printf "%s: %d lines (at most 600)\n", name, lines
        bad = 1
    }
}

FNR == 1 {
    finish_file()
    name = FILENAME
    head = ""
    inside = 0
}

{ lines = FNR }

!inside && /^[A-Za-z_].*\(/ { head = $0; from = FNR }
!inside && /^[A-Za-z_].*;[ \t]*$/ { head = "" }
!inside && head != "" && /\)[ \t]*{[ \t]*$/ { inside = 1; start = from; title = head }
!inside && /;[ \t]*$/ { head = "" }

inside && /^}/ {
    length_of[++count] = FNR - start + 1
    if (FNR - start + 1 > 100) {
        sub(/\(.*/, "", title)
        sub(/.*[ *]/, "", title)
        printf "%s:%d: %s has %d lines (at most 100)\n", FILENAME, start, title, FNR - start + 1
        bad = 1
    }
    inside = 0
    head = ""
}

END {
    finish_file()
    for (i = 1; i <= count; i++) tally[length_of[i]]++
    seen = 0
    median = ninety = longest = 0
    for (size = 1; seen < count; size++) {
        seen += tally[size]
        if (!median && seen * 2 >= count) median = size
        if (!ninety && seen * 10 >= count * 9) ninety = size
        longest = size
    }
    printf "functions %d, median %d lines, nine in ten at most %d, longest %d\n", count, median, ninety, longest
    if (median > 15 || ninety > 40) {
        print "the house numbers are median 15 and nine in ten at most 40"
        bad = 1
    }
    exit bad
}
