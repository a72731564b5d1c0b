#include "fleet/registry_scripts.h"

#include <string>

#include "registry_lua_content.h"

namespace plugin::registry_scripts {

const redis::Script& heartbeat() {
  static const redis::Script script("heartbeat", std::string(web::content_heartbeat_lua));
  return script;
}

const redis::Script& roster() {
  static const redis::Script script("roster", std::string(web::content_roster_lua));
  return script;
}

const redis::Script& gone() {
  static const redis::Script script("gone", std::string(web::content_gone_lua));
  return script;
}

}  // namespace plugin::registry_scripts
