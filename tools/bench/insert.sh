#!/bin/sh
# insert.sh DOCUMENT TABLE: puts TABLE between the document's two markers, in place of what is there.
set -eu
awk -v table="$2" '
    /<!-- end of table -->/ { inside = 0 }
    !inside { print }
    /<!-- table: / {
        inside = 1
        print ""
        while ((getline line < table) > 0) print line
        print ""
    }
' "$1" > "$1.new"
mv "$1.new" "$1"
