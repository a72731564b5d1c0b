#include "ledger/ended_lives.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "unique_fd.h"

namespace plugin {

namespace {

using broker::Error;
using broker::Nothing;
using broker::Result;
using broker::Status;
using broker::UsageReport;
using Json = nlohmann::json;

constexpr int version = 1;

Json json_of(const UsageReport& report) {
  const auto& key = report.account;
  return {{"csp", key.csp},
          {"media", broker::to_string(key.media)},
          {"period_start", key.period_start_s},
          {"client", key.client},
          {"limit_octets", report.limit_octets},
          {"charged_octets", report.charged_octets},
          {"octets", report.used.octets},
          {"packets", report.used.packets},
          {"sequence", report.sequence}};
}

/// The conversion alone would take fractions, and what no number can hold.
std::uint64_t amount_in(const Json& json) {
  if (!json.is_number_unsigned()) throw std::runtime_error("an amount is no whole number");
  return json.get<std::uint64_t>();
}

std::int64_t time_in(const Json& json) {
  if (!json.is_number_integer() ||
      (json.is_number_unsigned() && json.get<std::uint64_t>() > std::uint64_t{INT64_MAX}))
    throw std::runtime_error("a time is no whole number");
  return json.get<std::int64_t>();
}

UsageReport report_in(const Json& json) {
  UsageReport report;
  const auto media = broker::parse_media_type(json.at("media").get<std::string>());
  if (!media) throw std::runtime_error("media is none");
  report.account = {json.at("csp"), *media, time_in(json.at("period_start")), json.at("client")};
  report.limit_octets = amount_in(json.at("limit_octets"));
  report.charged_octets = report.granted_octets = amount_in(json.at("charged_octets"));
  for (std::size_t d = 0; d < 2; ++d) {
    report.used.octets[d] = amount_in(json.at("octets").at(d));
    report.used.packets[d] = amount_in(json.at("packets").at(d));
  }
  report.sequence = amount_in(json.at("sequence"));
  if (Status sound = broker::check_report(report); !sound)
    throw std::runtime_error(sound.error().message);
  return report;
}

Json json_of(const EndedLives::Life& life) {
  Json reports = Json::array();
  for (const auto& report : life.reports) reports.push_back(json_of(report));
  return {{"relay", life.who.relay_id},
          {"incarnation", life.who.id},
          {"ended", life.ended_s},
          {"reports", std::move(reports)}};
}

EndedLives::Life life_in(const Json& json) {
  EndedLives::Life life{
      {json.at("relay"), amount_in(json.at("incarnation"))}, time_in(json.at("ended")), {}};
  for (const auto& report : json.at("reports")) life.reports.push_back(report_in(report));
  return life;
}

Error system_error(const std::string& what) { return {what + ": " + std::strerror(errno)}; }

Status write_whole(const UniqueFd& file, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const ssize_t count = ::write(file.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("write " + name);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(file.get()) != 0) return system_error("write " + name);
  return Nothing{};
}

}  // namespace

Result<EndedLives> EndedLives::open(std::string path) {
  EndedLives lives(std::move(path));
  std::ifstream file(lives.path_);
  if (!file) {
    if (std::filesystem::exists(lives.path_)) return Error{"cannot read " + lives.path_};
    return lives;
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  try {
    const Json json = Json::parse(text);
    if (json.at("version") != version) throw std::runtime_error("its version is not known");
    for (const auto& life : json.at("lives")) lives.lives_.push_back(life_in(life));
  } catch (const std::exception& error) {
    return Error{lives.path_ + " is damaged: " + error.what() +
                 "; without it, what earlier runs used is known to Redis alone"};
  }
  return lives;
}

Status EndedLives::remember(const broker::Incarnation& who,
                            const std::vector<UsageReport>& last_reports,
                            broker::UnixSeconds now_s) {
  Life life{who, now_s, {}};
  for (const UsageReport& report : last_reports)
    if (report.used.all_octets() != 0 || report.charged_octets != 0) life.reports.push_back(report);
  std::erase_if(lives_, [&](const Life& other) {
    return other.who == who || other.ended_s < now_s - kept_s;
  });
  // Nothing is lost of one that used nothing.
  if (!life.reports.empty()) lives_.push_back(std::move(life));
  keep_bounds();
  return save();
}

void EndedLives::keep_bounds() {
  while (lives_.size() > lives_max) lives_.pop_front();
  std::size_t reports = 0;
  for (const Life& life : lives_) reports += life.reports.size();
  dropped_ = reports - std::min(reports, reports_max);
  if (dropped_ == 0) return;
  // A CSP's own account has what all its clients used, and is what it pays for.
  const auto is_of_client = [](const UsageReport& report) {
    return !report.account.client.empty();
  };
  const std::size_t left = dropped_ - drop(dropped_, is_of_client);
  drop(left, [](const UsageReport&) { return true; });
  std::erase_if(lives_, [](const Life& life) { return life.reports.empty(); });
}

std::size_t EndedLives::drop(std::size_t reports_most,
                             const std::function<bool(const UsageReport&)>& which) {
  std::size_t dropped = 0;
  for (Life& life : lives_)
    std::erase_if(life.reports, [&](const UsageReport& report) {
      if (dropped == reports_most || !which(report)) return false;
      ++dropped;
      return true;
    });
  return dropped;
}

const EndedLives::Life* EndedLives::find(const broker::Incarnation& who) const {
  const auto found =
      std::find_if(lives_.begin(), lives_.end(), [&](const Life& life) { return life.who == who; });
  return found == lives_.end() ? nullptr : &*found;
}

Status EndedLives::save() const {
  Json lives = Json::array();
  for (const Life& life : lives_) lives.push_back(json_of(life));
  const std::string text = Json{{"version", version}, {"lives", std::move(lives)}}.dump() + "\n";
  const std::string fresh = path_ + ".new";
  {
    const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                               S_IRUSR | S_IWUSR | S_IRGRP));
    if (file.get() < 0) return system_error("open " + fresh);
    if (Status written = write_whole(file, text, fresh); !written) return written;
  }
  if (std::rename(fresh.c_str(), path_.c_str()) != 0) return system_error("rename " + fresh);
  const std::string directory = std::filesystem::path(path_).parent_path().string();
  const UniqueFd parent(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.get() < 0 || ::fsync(parent.get()) != 0) return system_error("sync " + directory);
  return Nothing{};
}

}  // namespace plugin
