#include "support/temp_dir.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

namespace turntest {

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "turntest-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "cannot make " + pattern);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TempDir::write(std::string_view name, std::string_view text) const {
  const std::filesystem::path target = path_ / name;
  const std::filesystem::path beside = target.string() + ".new";
  std::filesystem::create_directories(target.parent_path());
  std::ofstream file(beside, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + beside.string());
  std::filesystem::rename(beside, target);
  return target;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace turntest
