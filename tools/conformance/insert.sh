#!/bin/sh
# insert.sh DOCUMENT NAME TABLE: puts TABLE between the marker "table: NAME" and the next "end of table", in place of what is there.
set -eu
awk -v marker="<!-- table: $2 -->" -v table="$3" '
    /<!-- end of table -->/ { inside = 0 }
    !inside { print }
    $0 == marker {
        inside = 1
        print ""
        while ((getline line < table) > 0) print line
        print ""
    }
' "$1" > "$1.new"
mv "$1.new" "$1"
