// A file mapped into memory, shared and writable: what is stored survives the process.
// Owner: unique. Threads: mapping and unmapping by one thread; the memory by whoever it is lent to.
#pragma once

#include <cstddef>
#include <string>

#include "broker/result.h"

namespace plugin {

class MappedFile {
 public:
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  /// A new file of `size` octets, all zero, mode 0600, with its whole room on the disk: what is stored later finds
  /// some however full that is. The path must not exist, and does not after an error.
  [[nodiscard]] static broker::Result<MappedFile> create(const std::string& path, std::size_t size);

  /// An existing regular file, all of it.
  [[nodiscard]] static broker::Result<MappedFile> open(const std::string& path);

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  MappedFile(std::byte* data, std::size_t size) : data_(data), size_(size) {}
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace plugin
