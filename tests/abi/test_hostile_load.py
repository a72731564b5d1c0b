"""Plugins that break the agreement before they start: one line says why, and nothing listens."""

import os
import tempfile
import unittest

from turn_client import Client
from turn_server import Server, plugin, run_to_end


class HostileLoad(unittest.TestCase):
    def refused(self, name, reason, config=None, options=(), path=None):
        path = path or plugin(name)
        status, output = run_to_end(path, config, options)
        self.assertNotEqual(status, 0, output)
        self.assertGreater(status, 0, f"ended by a signal: {output}")
        # Once in the log (with its time), once on stderr.
        lines = [line for line in output.split("\n") if line.startswith("plugin ")]
        self.assertEqual(lines, [f"plugin {path}: {reason}"], output)
        self.assertNotIn("listener opened on", output)
        return output

    def test_a_missing_file_is_refused(self):
        self.refused(None, "No such file or directory", path="/nonexistent/plugin.so")

    def test_a_file_that_is_no_shared_object_is_refused(self):
        with tempfile.NamedTemporaryFile(suffix=".so") as file:
            file.write(b"#!/bin/sh\nexit 0\n" * 100)
            file.flush()
            self.refused(None, "cannot be loaded: invalid ELF header", path=file.name)

    def test_a_directory_is_refused(self):
        self.refused(None, "cannot be loaded: cannot read file data: Is a directory", path=os.path.dirname(plugin("x")))

    def test_a_shared_object_without_the_symbol_is_refused(self):
        self.refused("no_symbol", "exports no function turn_plugin_entry")

    def test_an_entry_that_returns_null_is_refused_and_what_it_logged_is_one_line(self):
        output = self.refused("returns_null", "refused to load")
        self.assertIn("I do not\\nlike this \\x1b[31m host\n", output)

    def test_another_abi_version_is_refused(self):
        self.refused("wrong_version", "was built for version 42 of the plugin interface, this server has version 1")

    def test_a_table_that_does_not_reach_configure_is_refused(self):
        self.refused("too_short_struct", "its table has 24 octets, at least 32 are needed")

    def test_a_table_of_size_zero_is_refused(self):
        self.refused("size_zero", "its table claims 0 octets")

    def test_a_table_of_absurd_size_is_refused(self):
        self.refused("absurd_size", "its table claims 4294967295 octets")

    def test_a_configure_that_fails_with_a_message_is_quoted_on_one_line(self):
        self.refused("configure_message", 'line 3: volume: found "lots"\\nallowed: a number')

    def test_a_configure_that_fails_silently_is_refused(self):
        self.refused("configure_silent", "could not be configured, and did not say why")

    def test_an_unterminated_error_text_is_cut(self):
        self.refused("configure_unterminated", "x" * 511)

    def test_a_plugin_that_does_not_start_stops_the_server(self):
        status, output = run_to_end("start_fails", options=["--no-auth"])
        self.assertGreater(status, 0)
        self.assertIn(f"\nplugin {plugin('start_fails')}: did not start\n", output)

    def test_a_configuration_without_a_plugin_is_refused(self):
        status, output = run_to_end(options=["--plugin-config=/tmp/x"])
        self.assertGreater(status, 0)
        self.assertIn("\nplugin-config /tmp/x: given without a plugin\n", output)

    def test_a_configuration_for_a_plugin_that_takes_none_is_refused(self):
        self.refused("null_callbacks", "takes no configuration file, but --plugin-config=/tmp/x was given",
                     options=["--plugin-config=/tmp/x"])

    def test_two_plugins_are_refused(self):
        self.refused("short_struct", f"is not the only one: {plugin('null_callbacks')} was given, too",
                     options=["--plugin=" + plugin("null_callbacks")])

    def test_a_realm_that_contradicts_the_servers_is_refused(self):
        status, output = run_to_end("scripted", "realm here.example\n", ["-r", "there.example"])
        self.assertGreater(status, 0)
        self.assertIn(f"\nplugin {plugin('scripted')}: wants realm \"here.example\", "
                      "but the server's realm is \"there.example\"\n", output)

    def test_an_empty_name_is_no_server_without_a_plugin(self):
        for option in ("plugin", "plugin-config"):
            for how in ({"options": ["-z", f"--{option}="]}, {"conf": f"no-auth\n{option}=\n"}):
                with self.subTest(option=option, how=how):
                    status, output = run_to_end(**how)
                    self.assertGreater(status, 0)
                    self.assertRegex(output, f"(?m)^{option}: names no file$")

    def test_the_plugin_may_be_given_in_the_configuration_file(self):
        status, output = run_to_end(conf=f"plugin={plugin('wrong_version')}\n")
        self.assertGreater(status, 0)
        self.assertIn(f"\nplugin {plugin('wrong_version')}: was built for version 42", output)

    def test_so_may_its_configuration(self):
        status, output = run_to_end(conf=f"plugin={plugin('null_callbacks')}\nplugin-config=/tmp/x\n")
        self.assertGreater(status, 0)
        self.assertIn("takes no configuration file, but --plugin-config=/tmp/x was given", output)


class HarmlessLoad(unittest.TestCase):
    def test_a_table_that_ends_after_configure_loads_and_nothing_beyond_it_is_called(self):
        with Server("short_struct", options=["-z"]) as server, Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(server.stop(), 0)

    def test_a_table_of_null_callbacks_changes_nothing_for_clients(self):
        with Server("null_callbacks", options=["-z"]) as server, Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(client.permit(("127.0.0.1", 9)).kind, 2)
            self.assertEqual(client.bind_channel(0x4000, ("127.0.0.1", 9)).kind, 2)
            self.assertEqual(client.refresh(0).kind, 2)
            self.assertEqual(server.stop(), 0)

    def test_without_credentials_required_the_server_stays_as_it_was_configured(self):
        with Server("null_callbacks", options=["-a", "-u", "alice:secret", "-r", "x.example"]) as server, \
                Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)
            with Client(server.port, password="wrong") as other:
                self.assertEqual(other.allocate().error, 401)


if __name__ == "__main__":
    unittest.main()
