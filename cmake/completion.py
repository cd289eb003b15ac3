"""completion.py PROGRAM HELP-COMMAND...: bash completion for a program, on standard output.

Made of what the program's own --help says, so that it never lags behind: options, values that are
listed there (push|pub, {list,image}), file names, commands (the lines under "Commands"), and for
`--set KEY=VALUE` the keys of `sparsed --print-config`. Needs no bash-completion library.
"""
from __future__ import annotations

import re
import subprocess
import sys

# "  -c, --config=FILE   text", "  --keys FILE  text", "  --form {list,image}", "  -o NAME"
OPTION = re.compile(r"^\s+(?:-\w(?:[ =][A-Z]\S*)?, )?(--[a-z][a-z0-9-]*)"
                    r"(?:\[?=([^\s\]]+)\]?| (\{[^}]*\}|[A-Z][^\s,]*|[a-z0-9]+(?:\|[a-z0-9]+)+))?"
                    r"(?:\s|,|$)")
FILES = re.compile(r"FILE|PATH|DIR|FOLDER|MODEL|\.[a-z0-9]+$")
CHOICES = re.compile(r"^\{?[a-z0-9-]+([|,][a-z0-9-]+)+\}?$")
SECTION = re.compile(r"^(?:# )?\[(\[?)([a-z_.]+)\]")
KEY = re.compile(r"^(?:# )?([a-z_]+) =")


def read_options(text: str) -> dict[str, str]:
    """Option -> what its value is called in the help; "" for one without a value."""
    found = {}
    for line in text.splitlines():
        if option := OPTION.match(line):
            found.setdefault(option[1], option[2] or option[3] or "")
    return found


def read_commands(text: str) -> list[str]:
    """The words that begin the lines under "Commands"."""
    section = re.search(r"^Commands:?\n((?:[ \t]+.*\n|\n)+)", text, re.M)
    return re.findall(r"^ {1,4}([a-z][a-z-]+)\b", section[1], re.M) if section else []


def read_keys(command: list[str]) -> list[str]:
    """Keys of the configuration, the elements of lists by their first."""
    text = subprocess.run([*command, "--print-config"], check=True, capture_output=True,
                          text=True).stdout
    keys, section = [], ""
    for line in text.splitlines():
        if found := SECTION.match(line):
            section = found[2] + ("[0]" if found[1] else "")
        elif found := KEY.match(line):
            keys.append(f"{section}.{found[1]}=")
    return keys


def value_words(name: str) -> str:
    """The bash command that completes an option's value."""
    if CHOICES.match(name):
        words = " ".join(re.split(r"[|,]", name.strip("{}")))
        return f'COMPREPLY=($(compgen -W "{words}" -- "$cur"))'
    if FILES.search(name):
        return 'COMPREPLY=($(compgen -f -- "$cur"))'
    return ":"


def write(program: str, text: str, keys: list[str]) -> str:
    options, commands = read_options(text), read_commands(text)
    function = "_" + program.replace("-", "_")
    cases = [f"    {o}) {value_words(v)}; return ;;" for o, v in sorted(options.items()) if v]
    if keys:
        cases.insert(0, f'    --set | -s) compopt -o nospace 2> /dev/null; COMPREPLY=($(compgen -W "{" ".join(keys)}"'
                        ' -- "$cur")); return ;;')
        cases = [c for c in cases if not c.startswith("    --set)")]
    words = " ".join(sorted({*options, "--help"}))
    return "\n".join([
        f"# bash completion for {program}; made of its --help",
        f"{function}()", "{",
        '    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}',
        '    if [[ $cur == = ]]; then', '        cur=""',  # --option=value is three words
        '    elif [[ $prev == = ]]; then', '        prev=${COMP_WORDS[COMP_CWORD - 2]}', "    fi",
        '    case $prev in', *cases, "    esac",
        '    if [[ $cur == -* ]]; then',
        f'        COMPREPLY=($(compgen -W "{words}" -- "$cur"))',
        *(["    elif ((COMP_CWORD == 1)); then",
           f'        COMPREPLY=($(compgen -W "{" ".join(commands)}" -- "$cur"))']
          if commands else []),
        "    else", '        COMPREPLY=($(compgen -f -- "$cur"))', "    fi", "}",
        f"complete -o filenames -F {function} {program}", ""])


def main() -> None:
    program, *command = sys.argv[1:]
    text = subprocess.run([*command, "--help"], check=True, capture_output=True, text=True).stdout
    sys.stdout.write(write(program, text, read_keys(command) if program == "sparsed" else []))


if __name__ == "__main__":
    main()
