// Which modules the C library may load for a host's name.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "sandbox/name_service.h"

using plugin::host_services;
using Services = std::vector<std::string>;

TEST_CASE("the services for hosts are read from nsswitch.conf") {
  CHECK(host_services("passwd: files systemd\nhosts: files dns\n") == Services{"files", "dns"});
  CHECK(
      host_services(
          "hosts:\tmymachines mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return] files\n") ==
      Services{"mymachines", "mdns4_minimal", "resolve", "files"});
  CHECK(host_services("  hosts: files [ NOTFOUND = return ] dns # myhostname") ==
        Services{"files", "dns"});
}

TEST_CASE("a file without them names none") {
  CHECK(host_services("").empty());
  CHECK(host_services("# hosts: files\nnetworks: files\nhostsx: dns\n").empty());
  CHECK(host_services("hosts:").empty());
}

TEST_CASE("loading what this machine names does no harm") { plugin::load_name_service_modules(); }
