#!/bin/sh
# Each public header compiles by itself, as strict C99 and as C++17, with all warnings as errors.
set -eu

cc=${CC:-cc}
cxx=${CXX:-c++}
for header in include/gradcam.h include/gradcam/*.h; do
    name=${header#include/}
    printf '#include <%s>\n#include <%s>\ntypedef int nothing;\n' "$name" "$name" |
        $cc -std=c99 -pedantic -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c -
    if command -v "$cxx" >/dev/null 2>&1; then
        printf '#include <%s>\n#include <%s>\n' "$name" "$name" |
            $cxx -std=c++17 -pedantic -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c++ -
    fi
done
command -v "$cxx" >/dev/null 2>&1 || echo 'skipped: public headers as C++17, there is no C++ compiler'
