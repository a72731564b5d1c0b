// A configuration as tests of credentials need it, built without a file.
// Owner: value. Threads: any.
#pragma once

#include "broker/config.h"

namespace broker {

/// CSPs "acme" (video and data, two secrets) and "globex" (audio, no secret of its own); two broker
/// secrets, the newest first.
inline Config sample_config() {
  Config config;
  config.secrets = {Secret("north-star"), Secret("old-north-star")};
  config.relay.id = "relay-1";
  config.relay.urls = {"turn:relay-1.example:3478", "turns:relay-1.example:5349"};
  Csp acme;
  acme.id = acme.name = "acme";
  acme.secrets = {Secret("anvil"), Secret("old-anvil")};
  acme.quotas[MediaType::video].volume = Octets{1'000'000};
  acme.quotas[MediaType::data].volume = Octets{1'000'000};
  config.csps["acme"] = acme;
  Csp globex;
  globex.id = globex.name = "globex";
  globex.quotas[MediaType::audio].volume = Octets{1'000'000};
  config.csps["globex"] = globex;
  return config;
}

}  // namespace broker
