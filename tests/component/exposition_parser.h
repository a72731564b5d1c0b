// A strict reader of Prometheus' text format 0.0.4: what it does not understand, or what the format or the
// naming conventions do not allow, is an exception.
// Owner: each test. Threads: any.
#pragma once

#include <cctype>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

namespace exposition_test {

using Labels = std::map<std::string, std::string>;

struct Family {
  std::string type;
  std::string help;
  std::map<std::pair<std::string, Labels>, double> samples;  ///< by name and labels
};

class Parser {
 public:
  explicit Parser(const std::string& text) {
    if (text.empty() || text.back() != '\n') fail("the last line has no end");
    std::string_view left = text;
    while (!left.empty()) {
      const std::size_t end = left.find('\n');
      line_ = left.substr(0, end);
      left.remove_prefix(end + 1);
      if (line_.starts_with("# HELP "))
        take_help(line_.substr(7));
      else if (line_.starts_with("# TYPE "))
        take_type(line_.substr(7));
      else
        take_sample();
    }
    for (const auto& [name, family] : families) check(name, family);
  }

  std::map<std::string, Family> families;

  /// Throws when there is no such sample.
  [[nodiscard]] double value(const std::string& name, const Labels& labels = {}) const {
    for (const auto& [of, family] : families)
      if (const auto found = family.samples.find({name, labels}); found != family.samples.end())
        return found->second;
    throw std::runtime_error("there is no such sample of " + name);
  }
  [[nodiscard]] bool has(const std::string& name, const Labels& labels = {}) const {
    for (const auto& [of, family] : families)
      if (family.samples.contains({name, labels})) return true;
    return false;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw std::runtime_error(why + ": " + std::string(line_));
  }

  static bool is_name(std::string_view text) {
    if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) != 0) return false;
    for (const char c : text)
      if (std::islower(static_cast<unsigned char>(c)) == 0 &&
          std::isdigit(static_cast<unsigned char>(c)) == 0 && c != '_')
        return false;
    return true;
  }

  void take_help(std::string_view rest) {
    const std::size_t blank = rest.find(' ');
    const std::string name(rest.substr(0, blank));
    if (!is_name(name)) fail("no name of a family");
    if (families.contains(name)) fail("a family begins twice");
    if (blank == std::string_view::npos || rest.substr(blank + 1).empty()) fail("no help");
    families[name].help = rest.substr(blank + 1);
    now_ = name;
  }

  void take_type(std::string_view rest) {
    const std::size_t blank = rest.find(' ');
    if (rest.substr(0, blank) != now_ || blank == std::string_view::npos)
      fail("a type of another family");
    Family& family = families[now_];
    if (!family.type.empty() || !family.samples.empty()) fail("a type that is late");
    family.type = rest.substr(blank + 1);
    if (family.type != "counter" && family.type != "gauge" && family.type != "histogram")
      fail("no type");
  }

  void take_sample() {
    std::size_t at = line_.find_first_of("{ ");
    if (at == std::string_view::npos) fail("no sample");
    const std::string name(line_.substr(0, at));
    if (!is_name(name)) fail("no name of a sample");
    Labels labels;
    if (line_[at] == '{') labels = take_labels(at);
    if (at >= line_.size() || line_[at] != ' ') fail("no blank before the value");
    const double value = number(std::string(line_.substr(at + 1)));
    Family& family = families[now_];
    const bool part =
        family.type == "histogram" &&
        (name == now_ + "_bucket" || name == now_ + "_sum" || name == now_ + "_count");
    if (family.type.empty() || (family.type == "histogram" ? !part : name != now_))
      fail("a sample outside of its family");
    if (!family.samples.emplace(std::pair{name, labels}, value).second) fail("a sample twice");
  }

  /// `at` is at the brace, and behind the other one afterwards.
  Labels take_labels(std::size_t& at) {
    Labels labels;
    do {
      const std::size_t equals = line_.find('=', ++at);
      if (equals == std::string_view::npos) fail("no label");
      const std::string name(line_.substr(at, equals - at));
      at = equals + 1;
      if (!is_name(name) || at >= line_.size() || line_[at] != '"') fail("no label");
      if (!labels.emplace(name, take_quoted(at)).second) fail("a label twice");
    } while (at < line_.size() && line_[at] == ',');
    if (at >= line_.size() || line_[at] != '}') fail("labels without an end");
    ++at;
    return labels;
  }

  std::string take_quoted(std::size_t& at) {
    std::string out;
    for (++at; at < line_.size() && line_[at] != '"'; ++at) {
      if (line_[at] != '\\') {
        out += line_[at];
        continue;
      }
      const char c = ++at < line_.size() ? line_[at] : ' ';
      if (c != '\\' && c != '"' && c != 'n') fail("an escape that is none");
      out += c == 'n' ? '\n' : c;
    }
    if (at >= line_.size()) fail("a value without an end");
    ++at;
    return out;
  }

  [[nodiscard]] double number(const std::string& text) const {
    if (text == "+Inf") return HUGE_VAL;
    std::size_t used = 0;
    double value = 0;
    try {
      value = std::stod(text, &used);
    } catch (const std::exception&) {
      fail("no number");
    }
    if (used != text.size() || !std::isfinite(value)) fail("no number");
    return value;
  }

  static void check(const std::string& name, const Family& family) {
    const auto fault = [&](const std::string& why) { throw std::runtime_error(name + ": " + why); };
    if (!name.starts_with("turnbroker_")) fault("another project's name");
    if (family.type.empty()) fault("no type");
    if (name.ends_with("_total") != (family.type == "counter")) fault("_total is of counters");
    for (const auto& [series, value] : family.samples)
      if (family.type == "counter" && value < 0) fault("a negative counter");
    if (family.type == "histogram") check_histogram(name, family);
  }

  static void check_histogram(const std::string& name, const Family& family) {
    std::map<double, double> buckets;
    double count = -1;
    for (const auto& [series, value] : family.samples) {
      if (series.first == name + "_count") count = value;
      if (series.first != name + "_bucket") continue;
      const std::string& bound = series.second.at("le");
      buckets[bound == "+Inf" ? HUGE_VAL : std::stod(bound)] = value;
    }
    double before = 0;
    for (const auto& [bound, value] : buckets) {
      if (value < before) throw std::runtime_error(name + ": buckets that do not add up");
      before = value;
    }
    if (buckets.empty() || !std::isinf(buckets.rbegin()->first) || before != count)
      throw std::runtime_error(name + ": +Inf is not the count");
  }

  std::string_view line_;
  std::string now_;  ///< the family that samples are of
};

}  // namespace exposition_test
