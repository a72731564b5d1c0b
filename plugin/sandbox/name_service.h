// What the C library would load when a name is looked up first. Owner: none. Threads: main.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace plugin {

/// The services that nsswitch.conf's text names for hosts: {"files", "mymachines", "dns"}.
[[nodiscard]] std::vector<std::string> host_services(std::string_view text);

/// Loads their modules, as long as memory may become code. What cannot be loaded would not be later either.
void load_name_service_modules();

}  // namespace plugin
