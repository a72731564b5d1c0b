#include "config_secrets.h"

#include <algorithm>
#include <string>

#include "config_files_text.h"
#include "printable.h"

namespace broker {

namespace {

/// "api_key" is a key, "admin_token" a token.
std::string_view noun_of(std::string_view key) { return key.substr(key.rfind('_') + 1); }

std::string octets_allowed() {
  return std::to_string(secret_octets_min) + " to " + std::to_string(secret_octets_max) + " octets";
}

/// What is wrong with a secret, told without it.
std::optional<std::string> problem_of(std::string_view secret, const std::string& noun) {
  if (secret.empty()) return "an empty " + noun;
  if (secret.size() < secret_octets_min || secret.size() > secret_octets_max)
    return "a " + noun + " of " + std::to_string(secret.size()) + " octets";
  if (has_unprintable(secret)) return "a " + noun + " with a control character, or not in UTF-8";
  if (secret.front() == ' ' || secret.back() == ' ')
    return "a " + noun + " with a blank at its end";
  return std::nullopt;
}

class Reader {
 public:
  Reader(const ConfigTable& table, std::string_view noun) : table_(table), noun_(noun) {}

  [[nodiscard]] std::vector<Secret> take() && { return std::move(secrets_); }

  void secret(std::string_view key) {
    if (const TomlEntry* entry = table_.find(key)) add(entry->value, table_.place(key));
  }

  void secrets(std::string_view key) {
    const TomlEntry* entry = table_.find(key);
    if (entry == nullptr) return;
    const ConfigPlace place = table_.place(key);
    if (entry->value.kind != TomlNode::Kind::array) {
      report(place, describe(entry->value, false) + "; allowed: an array of strings");
      return;
    }
    std::size_t index = 0;
    for (const TomlNode& item : entry->value.items)
      add(item, {place.file, item.line, place.key + '[' + std::to_string(index++) + ']'});
  }

  void file(std::string_view key) {
    if (const auto path = table_.text(key, file_allowed_, path_octets_max))
      lines_of(*path, table_.place(key));
  }

  void files(std::string_view key) {
    const std::string allowed =
        "an array of at most " + std::to_string(secrets_max) + " paths, each of " + file_allowed_;
    for (const auto& item : table_.texts(key, allowed, path_octets_max, secrets_max))
      lines_of(item.text, item.place);
  }

 private:
  void report(const ConfigPlace& place, const std::string& what) {
    table_.load().report(place, what);
  }

  void add(const TomlNode& node, const ConfigPlace& place) {
    const auto wrong = node.kind == TomlNode::Kind::string ? problem_of(node.text.reveal(), noun_)
                                                           : describe(node, false);
    if (wrong) return report(place, *wrong + "; allowed: " + secret_allowed_);
    table_.load().note_secret_in(table_.file());
    add(node.text.reveal(), place);
  }

  void add(std::string_view secret, const ConfigPlace& place) {
    if (secrets_.size() < secrets_max)
      secrets_.emplace_back(secret);
    else
      report(place, "one " + noun_ + " more than " + std::to_string(secrets_max) +
                        "; allowed: at most " + std::to_string(secrets_max) + " " + noun_ +
                        "s valid at once");
  }

  void lines_of(const std::string& path, const ConfigPlace& place) {
    if (table_.load().problem) return;
    const std::string full_path = beside(table_.file(), path);
    const std::optional<Secret> content =
        read_config_text(table_.load(), full_path, place, file_allowed_);
    if (!content) return;
    table_.load().note_secret_in(full_path);
    std::string_view rest = content->reveal();
    bool found = false;
    for (int number = 1; !rest.empty() && !table_.load().problem; ++number) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      if (line.empty()) continue;
      found = true;
      if (const auto wrong = problem_of(line, noun_))
        report(place, "line " + std::to_string(number) + " of " + quoted(full_path, 256) + " is " +
                          *wrong + "; allowed: " + secret_allowed_);
      else
        add(line, place);
    }
    if (!found)
      report(place, quoted(full_path, 256) + " holds no " + noun_ + "; allowed: " + file_allowed_);
  }

  const ConfigTable& table_;
  const std::string noun_;
  const std::string secret_allowed_ = "a " + noun_ + " of " + octets_allowed() +
                                      " without control characters or blanks at its ends";
  const std::string file_allowed_ =
      "a file with one " + noun_ + " of " + octets_allowed() + " per line";
  std::vector<Secret> secrets_;
};

}  // namespace

std::vector<Secret> read_secrets(const ConfigTable& table, std::string_view key) {
  const std::string name(key);
  Reader reader(table, noun_of(key));
  reader.secret(name);
  reader.secrets(name + 's');
  reader.file(name + "_file");
  reader.files(name + "s_files");
  return std::move(reader).take();
}

Secret read_password(const ConfigTable& table, std::string_view key) {
  const std::string in_file = std::string(key) + "_file";
  const std::string allowed = "a password of 1 to " + std::to_string(secret_octets_max) +
                              " octets without control characters";
  const std::string file_allowed = "a file whose first line is " + allowed;
  const auto wrong = [](std::string_view password) -> std::optional<std::string> {
    if (password.empty()) return "an empty password";
    if (password.size() > secret_octets_max)
      return "a password of " + std::to_string(password.size()) + " octets";
    if (has_unprintable(password)) return "a password with a control character, or not in UTF-8";
    return std::nullopt;
  };
  const TomlEntry* entry = table.find(key);
  if (entry != nullptr && table.find(in_file) != nullptr)
    table.report(in_file, "given beside " + std::string(key) + "; allowed: one of the two");
  if (entry != nullptr) {
    const bool is_string = entry->value.kind == TomlNode::Kind::string;
    const auto problem =
        is_string ? wrong(entry->value.text.reveal()) : describe(entry->value, false);
    if (!problem) {
      table.load().note_secret_in(table.file());
      return entry->value.text;
    }
    table.report(key, *problem + "; allowed: " + allowed);
    return {};
  }
  const auto path = table.text(in_file, file_allowed, path_octets_max);
  if (!path || table.load().problem) return {};
  const std::string full_path = beside(table.file(), *path);
  const auto content =
      read_config_text(table.load(), full_path, table.place(in_file), file_allowed);
  if (!content) return {};
  table.load().note_secret_in(full_path);
  std::string_view line = content->reveal().substr(0, content->reveal().find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (const auto problem = wrong(line)) {
    table.report(in_file, "line 1 of " + quoted(full_path, 256) + " is " + *problem +
                              "; allowed: " + allowed);
    return {};
  }
  return Secret(line);
}

}  // namespace broker
