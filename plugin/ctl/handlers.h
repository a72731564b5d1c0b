// The admin routes. The control socket serves them now; any other server of ours can.
//
//   GET  /v1/admin/usage?csp=C&clients=1     Control::usage
//   GET  /v1/admin/allocations?csp=C         Control::allocations
//   POST /v1/admin/cut                       {"id"} or {"csp", "client"} or one of the two
//   POST /v1/admin/credentials               {"csp", "media", "client", "ttl"?}, ttl in seconds
//   POST /v1/admin/revoke                    {"client_id"} or {"csp"}; a client id with or without its proof
//   POST /v1/admin/reload                    no body
//   POST /v1/admin/drain                     {"deadline"?, "stay"?} or {"cancel": true}, deadline in seconds
//   GET  /v1/admin/status
//   GET  /v1/admin/relays
//   GET  /v1/admin/domains
//   GET  /v1/admin/fleet/usage?csp=C&clients=1&by_relay=1
//   GET  /v1/admin/ledger/check?csp=C
//   GET  /metrics
//
// Answers: ctl/status_json.h, ctl/fleet_json.h, metrics/metrics_text.h. Errors: problem documents; 400 for a malformed request (a POST has no
// query), 404 for a CSP whose usage is asked or an allocation that is not there, 422 for what the broker
// refuses, 503 when the store fails.
//
// Owner: pure functions but for what `control` does. Threads: the one `control` wants.
#pragma once

#include <string_view>
#include <vector>

#include "ctl/control.h"
#include "http/message.h"
#include "http/router.h"

namespace plugin {

/// One of them; the other handler is null. `later` may answer after it has returned.
struct AdminHandler {
  std::string_view method;
  std::string_view path;
  http::Response (*at_once)(Control&, const http::Request&) = nullptr;
  void (*later)(Control&, const http::Request&, const http::Answer&) = nullptr;
  bool is_metrics = false;  ///< a metrics token is enough over HTTP
};

[[nodiscard]] const std::vector<AdminHandler>& admin_handlers();

[[nodiscard]] http::Response get_usage(Control& control, const http::Request& request);
[[nodiscard]] http::Response get_allocations(Control& control, const http::Request& request);
[[nodiscard]] http::Response post_cut(Control& control, const http::Request& request);
[[nodiscard]] http::Response post_credentials(Control& control, const http::Request& request);
[[nodiscard]] http::Response post_revoke(Control& control, const http::Request& request);
[[nodiscard]] http::Response post_reload(Control& control, const http::Request& request);
[[nodiscard]] http::Response post_drain(Control& control, const http::Request& request);
[[nodiscard]] http::Response get_status(Control& control, const http::Request& request);
[[nodiscard]] http::Response get_relays(Control& control, const http::Request& request);
[[nodiscard]] http::Response get_domains(Control& control, const http::Request& request);
void get_fleet_usage(Control& control, const http::Request& request, const http::Answer& answer);
void get_ledger_check(Control& control, const http::Request& request, const http::Answer& answer);
[[nodiscard]] http::Response get_metrics(Control& control, const http::Request& request);

/// All of them. `control` is borrowed and outlives the router.
[[nodiscard]] http::Router admin_routes(Control& control);

}  // namespace plugin
