"""What `make -nB V=1` would run, from standard input, as the list of compilations that clangd and others read
(compile_commands.json): one entry a C file, as it would be compiled by itself.
"""

import json
import os
import re
import shlex
import sys


def entries(text, folder):
    for line in re.sub(r"\\\n", " ", text).splitlines():
        try:
            words = shlex.split(line)
        except ValueError:
            continue
        sources = [word for word in words if word.endswith(".c") and not word.startswith("-")]
        if not sources or not re.fullmatch(r"(.*/)?(cc|gcc|clang)(-[0-9.]+)?", words[0]):
            continue
        # Of a line that compiles and links at once only the compilation.
        flags = [word for n, word in enumerate(words[1:], 1)
                 if word not in sources and word != "-o" and words[n - 1] != "-o" and not word.endswith((".o", ".a")) and word != "-c"
                 and not re.match(r"-l|-Wl,|-L", word)]
        for source in sources:
            yield {"directory": folder, "file": source, "arguments": [words[0], *flags, "-c", source]}


if __name__ == "__main__":
    found = {}
    for entry in entries(sys.stdin.read(), os.getcwd()):
        found.setdefault(entry["file"], entry)  # the product's, before that of its unit tests
    if not found:
        sys.exit("no compilation among the lines: was this make's output?")
    json.dump([found[name] for name in sorted(found)], sys.stdout, indent=1)
    print()
