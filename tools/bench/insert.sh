#!/bin/sh
# insert.sh DOCUMENT TABLE [NAME]: puts TABLE between the document's markers of that name (table), in place of what is there.
set -eu
awk -v table="$2" -v name="${3:-table}" '
    index($0, "<!-- end of " name " -->") { inside = 0 }
    !inside { print }
    index($0, "<!-- " name ": ") {
        inside = 1
        print ""
        while ((getline line < table) > 0) print line
        print ""
    }
' "$1" > "$1.new"
mv "$1.new" "$1"
