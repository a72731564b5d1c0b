// A table for people: aligned columns, two blanks between them.
// Owner: value. Threads: any.
#pragma once

#include <string>
#include <vector>

namespace plugin::ctl {

enum class Align { left, right };

class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// One cell per column, as it came; it is made fit for a terminal here.
  void add(const std::vector<std::string>& cells);
  /// Lines with newlines and without trailing blanks.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace plugin::ctl
