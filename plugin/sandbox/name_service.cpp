#include "sandbox/name_service.h"

#include <dlfcn.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

namespace plugin {

std::vector<std::string> host_services(std::string_view text) {
  constexpr std::string_view database = "hosts:";
  std::istringstream lines{std::string(text)};
  std::vector<std::string> services;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    if (!(words >> word) || word != database) continue;
    bool in_brackets = false;  // "[NOTFOUND=return]", perhaps of several words
    while (words >> word) {
      if (word.starts_with('[')) in_brackets = true;
      if (!in_brackets) services.push_back(word);
      if (word.ends_with(']')) in_brackets = false;
    }
  }
  return services;
}

void load_name_service_modules() {
  std::ifstream file("/etc/nsswitch.conf");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const std::string& service : host_services(text)) {
    // A service becomes a file's name, and nothing else.
    const bool is_word = std::all_of(service.begin(), service.end(), [](unsigned char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
    // Never closed: the library asks for it again by its name.
    if (is_word) ::dlopen(("libnss_" + service + ".so.2").c_str(), RTLD_NOW | RTLD_LOCAL);
  }
}

}  // namespace plugin
