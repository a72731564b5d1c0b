#include "broker/config_remarks.h"

#include <sys/stat.h>

#include "broker/names.h"

namespace plugin {

namespace {

/// Of the thousands that there may be.
constexpr std::size_t files_named_max = 8;
constexpr std::size_t path_octets_max = 256;

bool is_open_to_others(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && (found.st_mode & (S_IROTH | S_IWOTH)) != 0;
}

std::string in_quotes(const std::string& path) {
  return '"' + broker::for_log(path, path_octets_max) + '"';
}

}  // namespace

std::vector<std::string> remarks_on(const broker::Config& config,
                                    const broker::ConfigFiles& files) {
  std::vector<std::string> remarks;
  std::string open;
  std::size_t open_count = 0;
  for (const std::string& path : config.secret_files)
    if (is_open_to_others(path) && ++open_count <= files_named_max)
      open += (open.empty() ? "" : ", ") + in_quotes(path);
  if (open_count > files_named_max)
    open += " and " + std::to_string(open_count - files_named_max) + " more";
  if (open_count != 0)
    remarks.push_back("everybody on this machine may read or change the secrets in " + open +
                      "; chmod o-rw takes that away");
  for (const std::string& pattern : config.include_patterns)
    if (const auto found = files.match(pattern); found && found.value().empty())
      remarks.push_back("no file matches include = " + in_quotes(pattern));
  return remarks;
}

}  // namespace plugin
