#include "config_files_text.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "printable.h"

namespace broker {

namespace {

constexpr std::size_t path_shown_octets_max = 256;

std::string_view directory_of(std::string_view file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : file.substr(0, slash + 1);
}

bool absolute(std::string_view path) { return !path.empty() && path.front() == '/'; }

}  // namespace

std::string beside(std::string_view from_file, std::string_view path) {
  if (absolute(path)) return std::string(path);
  return std::string(directory_of(from_file)) + std::string(path);
}

std::string pattern_beside(std::string_view from_file, std::string_view pattern) {
  if (absolute(pattern)) return std::string(pattern);
  std::string result;
  for (char c : directory_of(from_file)) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result + std::string(pattern);
}

std::optional<Secret> read_config_text(ConfigLoad& load, const std::string& path,
                                       const ConfigPlace& place, std::string_view allowed) {
  const auto refuse = [&](const std::string& what) {
    const std::string name = path == place.file ? "" : quoted(path, path_shown_octets_max) + ' ';
    load.report(place, name + what + "; allowed: " + std::string(allowed));
    return std::nullopt;
  };
  // Noted before it is read: a file that cannot be read now may be put right later.
  if (std::find(load.files_read.begin(), load.files_read.end(), path) == load.files_read.end())
    load.files_read.push_back(path);
  Result<std::string> content = load.files.read(path);
  if (!content)
    return refuse("cannot be read: " + printable(content.error().message, path_shown_octets_max));
  std::string& text = content.value();
  const Secret result(text);
  OPENSSL_cleanse(text.data(), text.size());
  if (text.size() > config_file_octets_max)
    return refuse("has more than " + std::to_string(config_file_octets_max) + " octets");
  load.octets_read += text.size();
  if (load.octets_read > config_octets_max)
    return refuse("makes all files together exceed " + std::to_string(config_octets_max) +
                  " octets");
  return result;
}

}  // namespace broker
