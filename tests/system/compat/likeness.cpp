#include "likeness.h"

#include <algorithm>
#include <sstream>

namespace compat {

std::string plain(std::string text, const std::vector<Replacement>& replacements) {
  for (const auto& [what, by] : replacements)
    for (std::size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + by.size()))
      text.replace(at, what.size(), by);
  std::string timeless;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t digits_end = line.find_first_not_of("0123456789");
    const bool timed = digits_end != 0 && digits_end != std::string::npos &&
                       line.compare(digits_end, 2, ": ") == 0;
    timeless += (timed ? line.substr(digits_end + 2) : line) + "\n";
  }
  return timeless;
}

std::multiset<std::string> lines_of(std::string text,
                                    const std::vector<Replacement>& replacements) {
  std::multiset<std::string> lines;
  std::istringstream stream(plain(std::move(text), replacements));
  for (std::string line; std::getline(stream, line);) lines.insert(line);
  return lines;
}

std::string difference(const std::multiset<std::string>& left,
                       const std::multiset<std::string>& right) {
  std::vector<std::string> missing, added;
  std::set_difference(left.begin(), left.end(), right.begin(), right.end(),
                      std::back_inserter(missing));
  std::set_difference(right.begin(), right.end(), left.begin(), left.end(),
                      std::back_inserter(added));
  std::string text;
  for (const std::string& line : missing) text += "- " + line + "\n";
  for (const std::string& line : added) text += "+ " + line + "\n";
  return text;
}

}  // namespace compat
