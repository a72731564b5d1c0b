#!/usr/bin/env python3
"""The layering check itself: each rule finds what breaks it, and lets pass what does not."""
import os
import pathlib
import subprocess
import tempfile
import unittest

import layering


class LayeringTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = pathlib.Path(holder.name)
        self.write("core/include/broker/a.h", "#include <string>\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def core_faults(self, text, name="core/src/a.cpp"):
        self.write(name, text)
        return list(layering.core_include_faults(self.root / "core"))

    def compile(self, text, *arguments):
        source = self.write("object.cpp", text)
        out = self.root / "object.o"
        compiler = os.environ.get("CXX", "c++")
        subprocess.run([compiler, *arguments, str(source), "-o", str(out)], check=True)
        return out

    def test_clean_core_has_no_fault(self):
        text = '#include "broker/a.h"\n#include <vector>\n#include <openssl/hmac.h>\n'
        self.assertEqual(self.core_faults(text), [])

    def test_core_that_includes_the_world_is_found(self):
        for header in ("event2/event.h", "hiredis/hiredis.h", "sqlite3.h", "turn_plugin.h",
                       "thread", "fstream", "ctime", "unistd.h"):
            with self.subTest(header):
                self.assertEqual(len(self.core_faults(f"  #  include <{header}>\n")), 1)

    def test_core_that_includes_the_plugin_is_found(self):
        self.assertEqual(len(self.core_faults('#include "meter/layout.h"\n')), 1)

    def test_a_second_user_of_the_toml_parser_is_found(self):
        self.assertEqual(self.core_faults("#include <toml++/toml.h>\n"), [])
        faults = self.core_faults("#include <toml++/toml.h>\n", "core/src/b.cpp")
        self.assertEqual(len(faults), 2)

    def test_calls_that_reach_the_world_are_found_in_the_object(self):
        calls = {
            "getenv": '#include <cstdlib>\nchar* f() { return std::getenv("A"); }',
            "fopen": '#include <cstdio>\nvoid* f() { return std::fopen("a", "r"); }',
            "now": "#include <chrono>\nauto f() { return std::chrono::system_clock::now(); }",
            "time": "#include <ctime>\nauto f() { return std::time(nullptr); }",
            "socket": "#include <sys/socket.h>\nint f() { return socket(1, 1, 0); }",
            "stream": '#include <fstream>\nvoid f() { std::ifstream a("a"); }',
        }
        for name, text in calls.items():
            with self.subTest(name):
                faults = list(layering.core_call_faults(self.compile(text, "-c", "-std=c++20")))
                self.assertTrue(faults)

    def test_pure_object_has_no_fault(self):
        out = self.compile("#include <string>\nstd::string f() { return {}; }", "-c")
        self.assertEqual(list(layering.core_call_faults(out)), [])

    def test_links_beyond_libcrypto_are_found(self):
        self.assertEqual(list(layering.core_link_faults("OpenSSL::Crypto,project_warnings")), [])
        self.assertEqual(len(list(layering.core_link_faults("OpenSSL::Crypto,fmt::fmt"))), 1)

    def test_an_include_too_many_in_the_door_is_found(self):
        three = "#include <stdint.h>\n#include <stddef.h>\n#include <stdbool.h>\n"
        self.assertEqual(list(layering.door_faults(self.write("door.h", three))), [])
        door = self.write("door.h", three + "#include <stdio.h>\n")
        self.assertEqual(len(list(layering.door_faults(door))), 1)

    def test_exports_besides_the_entry_are_found(self):
        entry = 'extern "C" int turn_plugin_entry() { return 0; }\n'
        shared = ("-shared", "-fPIC")
        self.assertEqual(list(layering.export_faults(self.compile(entry, *shared))), [])
        two = self.compile(entry + "int other() { return 0; }", *shared)
        self.assertEqual(len(list(layering.export_faults(two))), 1)
        none = self.compile("static int a; int* b() { return &a; }", *shared)
        self.assertEqual(len(list(layering.export_faults(none))), 2)


if __name__ == "__main__":
    unittest.main()
