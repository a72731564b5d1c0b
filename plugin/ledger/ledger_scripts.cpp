#include "ledger/ledger_scripts.h"

#include <string>

#include "lua_content.h"

namespace plugin::ledger_scripts {

const redis::Script& exchange() {
  static const redis::Script script(
      "exchange", std::string(web::content_common_lua) + std::string(web::content_exchange_lua));
  return script;
}

const redis::Script& places() {
  static const redis::Script script(
      "places", std::string(web::content_common_lua) + std::string(web::content_places_lua));
  return script;
}

const redis::Script& usage() {
  static const redis::Script script("usage", std::string(web::content_usage_lua));
  return script;
}

const redis::Script& books() {
  static const redis::Script script("books", std::string(web::content_books_lua));
  return script;
}

const redis::Script& refund() {
  static const redis::Script script("refund", std::string(web::content_refund_lua));
  return script;
}

const redis::Script& revoke() {
  static const redis::Script script("revoke", std::string(web::content_revoke_lua));
  return script;
}

}  // namespace plugin::ledger_scripts
