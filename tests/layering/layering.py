#!/usr/bin/env python3
"""Which way the parts depend, proved from includes, link lines and symbols.

    coturn -> turn_plugin.h <- plugin -> broker-core -> std, OpenSSL's libcrypto

Usage: layering.py SOURCE_DIR CORE_ARCHIVE CORE_LINK_LIBRARIES PLUGIN_SO
"""
import pathlib
import re
import subprocess
import sys

# What of the standard library decides without touching the world.
CORE_STD = set(
    """algorithm array bit cassert cctype cerrno charconv chrono climits cmath compare concepts
    cstddef cstdint cstdio cstdlib cstring deque exception format functional initializer_list
    iterator limits list map memory new numeric optional ostream queue ranges ratio set span sstream
    stdexcept string string_view system_error tuple type_traits unordered_map unordered_set utility
    variant vector version""".split()
)
# What broker-core's objects may not call, however an include brought it in.
CORE_CALLS = re.compile(
    r"""^(?:
    time|clock|clock_gettime|gettimeofday|timespec_get|localtime(?:_r)?|
    std::chrono::.*::now\(\)|
    (?:secure_)?getenv|setenv|putenv|
    (?:f|fd|p)?open(?:at|64|dir)?|creat|stat|lstat|fread|fwrite|rename|unlink|mkdir|std::filesystem::.*|
    std::basic_[io]?f(?:ile)?(?:stream|buf)<.*|
    socket|connect|bind|sendto|recvfrom|getaddrinfo|
    pthread_create|std::thread::.*|fork|execve?|system|kill|signal|sigaction|
    event_.*|bufferevent_.*|evhttp_.*|redis.*|sqlite3_.*|curl_.*|turn_plugin_.*
    )$""",
    re.VERBOSE,
)
CORE_LINKS = {"OpenSSL::Crypto", "project_warnings", "tomlplusplus::tomlplusplus"}
DOOR_INCLUDES = {"stdint.h", "stddef.h", "stdbool.h"}
TOML = "toml++/"
# Text to address and back, which libc keeps beside its sockets.
CORE_LIBC = {"arpa/inet.h"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def includes(path):
    return INCLUDE.findall(path.read_text(encoding="utf-8"))


def symbols(*arguments):
    out = subprocess.run(
        ["nm", "--format=posix", *arguments], check=True, capture_output=True, text=True
    )
    return out.stdout.splitlines()


def core_include_faults(core):
    """broker-core includes the standard library, libcrypto, itself, and the TOML parser once."""
    files = sorted(p for p in core.rglob("*") if p.suffix in (".h", ".cpp"))
    if not files:
        yield f"{core}: no sources"
    toml_users = []
    for file in files:
        for bracket, name in includes(file):
            if name.startswith(TOML):
                if file not in toml_users:
                    toml_users.append(file)
            elif bracket == "<":
                allowed = name in CORE_STD | CORE_LIBC or name.startswith("openssl/")
                if not allowed:
                    yield f"{file}: broker-core may not include <{name}>"
            elif not ((file.parent / name).is_file() or (core / "include" / name).is_file()):
                yield f'{file}: "{name}" is not broker-core\'s own'
    for user in toml_users if len(toml_users) > 1 else []:
        yield f"{user}: one file of broker-core includes {TOML}, there are {len(toml_users)}"
    for user in toml_users:
        if user.suffix != ".cpp":
            yield f"{user}: {TOML} in a header, so that all who include it parse it"


def core_call_faults(archive):
    for line in symbols("--demangle", "--undefined-only", str(archive)):
        name = re.sub(r"(?:@.*)?\s+[UwvW]\s*$", "", line).strip()
        if CORE_CALLS.match(name):
            yield f"{archive}: broker-core may not call {name}"


def core_link_faults(link_libraries):
    for name in filter(None, link_libraries.split(",")):
        if name not in CORE_LINKS:
            yield f"broker-core may not link {name}"


def door_faults(header):
    """The door needs nothing, so that any C compiler takes it."""
    found = {name for _, name in includes(header)}
    for name in sorted(found ^ DOOR_INCLUDES):
        yield f"{header}: includes must be {sorted(DOOR_INCLUDES)}; {name} differs"


def export_faults(plugin):
    """One symbol leaves the plugin: nothing of ours can take the place of something of coturn's."""
    names = [line.split()[0].split("@")[0] for line in symbols("-D", "--defined-only", str(plugin))]
    if "turn_plugin_entry" not in names:
        yield f"{plugin}: does not export turn_plugin_entry"
    for name in names:
        if name != "turn_plugin_entry":
            yield f"{plugin}: exports {name}"


def client_faults(root):
    """What ships does not lean on the tests."""
    for part in ("broker-core", "plugin"):
        for file in sorted((root / part).rglob("*")):
            if file.suffix in (".h", ".cpp"):
                for _, name in includes(file):
                    if "tests/" in name or name.startswith("support/"):
                        yield f"{file}: includes {name}"


def main():
    root = pathlib.Path(sys.argv[1])
    faults = [
        *core_include_faults(root / "broker-core"),
        *core_call_faults(sys.argv[2]),
        *core_link_faults(sys.argv[3]),
        *door_faults(root / "coturn-patches/include/turn_plugin.h"),
        *export_faults(sys.argv[4]),
        *client_faults(root),
    ]
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
