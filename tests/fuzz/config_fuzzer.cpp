// Any text as turnbroker.toml, with further files behind lines "#@ NAME": it is loaded or refused
// with one printable line, and the same way every time.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "broker/config.h"
#include "memory_files.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_error(const broker::Error& error) {
  const std::string& message = error.message;
  require(!message.empty() && message.size() < 4'096);
  for (char c : message) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  require(message.find("; allowed: ") != std::string::npos);
}

void check_amounts(const broker::Quota& quota) {
  require(quota.volume.count <= broker::octets_max);
  const auto back = broker::parse_octets(broker::format_octets(quota.volume));
  require(back.ok() && back.value() == quota.volume);
  require(!broker::format_octets_rounded(quota.volume).empty());
  if (quota.per_client) require(*quota.per_client <= quota.volume);
  if (quota.rate) require(quota.rate->bits_per_s >= 1);
  if (quota.allocations_max) require(*quota.allocations_max >= 1);
}

void check_config(const broker::Config& config) {
  require(!config.state_dir.empty() && !config.control_socket.empty());
  require(config.credential_ttl_s >= 60 && config.credential_ttl_s <= 31'536'000);
  require(config.secrets.size() <= broker::secrets_max);
  if (!config.default_csp.empty())
    require(config.csps.at(config.default_csp).quotas.contains(broker::MediaType::data));
  for (const auto& [id, csp] : config.csps) {
    require(id == csp.id && !id.empty() && id.size() <= 63 && !csp.quotas.empty());
    for (const auto& secret : csp.secrets)
      require(secret.reveal().size() >= broker::secret_octets_min);
    for (const auto& [media, quota] : csp.quotas) check_amounts(quota);
  }
  require(broker::restart_needed(config, config).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto files = tests::config_files(tests::split_files(text));
  const auto config = broker::load_config("turnbroker.toml", files);
  const auto again = broker::load_config("turnbroker.toml", files);
  require(config.ok() == again.ok());
  if (config) {
    check_config(config.value());
    require(config.value() == again.value());
  } else {
    check_error(config.error());
    require(config.error() == again.error());
  }
  return 0;
}
