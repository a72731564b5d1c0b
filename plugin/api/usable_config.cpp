#include "api/usable_config.h"

#include "config_files.h"
#include "fleet/geo_lookup.h"
#include "http/tls_context.h"

namespace plugin {

broker::Result<broker::Config> load_usable_config(const std::string& file) {
  auto config = broker::load_config(file, real_config_files());
  if (!config) return config;
  if (const auto& geo = config.value().geoip_database; !geo.empty())
    if (const auto opened = GeoLookup::open(geo); !opened)
      return broker::Error{config.value().geoip_origin.text + ": " + opened.error().message +
                           "; allowed: a readable file in MaxMind's format (MMDB)"};
  const broker::HttpConfig& http = config.value().http;
  if (!http.tls_problem.empty()) return broker::Error{http.tls_problem};
  if (http.listen_tls.empty()) return config;
  if (const auto tls = http::TlsContext::load(http.certificate, http.private_key); !tls)
    return broker::Error{"HTTP API: " + tls.error().message};
  return config;
}

}  // namespace plugin
