// The admin routes that tell of the fleet and of its ledger, and the metrics (handlers.h).
#include <array>
#include <string>

#include "broker/names.h"
#include "ctl/fleet_json.h"
#include "ctl/handlers.h"
#include "http/query.h"
#include "metrics/exposition.h"
#include "metrics/metrics_text.h"

namespace plugin {

namespace {

using http::json_response;
using http::problem;
using http::Request;
using http::Response;

/// The parameters of these routes: a CSP, and flags that are 0 or 1.
class Parameters {
 public:
  [[nodiscard]] static broker::Result<Parameters> parse(const Request& request,
                                                        std::span<const std::string_view> known) {
    auto values = http::parse_query(request.query, known);
    if (!values) return values.error();
    Parameters found(std::move(values).value());
    for (const auto& [name, value] : found.values_)
      if (name == "csp" ? !broker::is_csp_id(value) : value != "0" && value != "1")
        return broker::Error{name + (name == "csp" ? " is no id of a CSP" : " must be 0 or 1")};
    return found;
  }
  [[nodiscard]] std::string csp() const { return http::parameter(values_, "csp").value_or(""); }
  [[nodiscard]] bool flag(std::string_view name) const {
    return http::parameter(values_, name).value_or("0") == "1";
  }

 private:
  explicit Parameters(http::NamedValues values) : values_(std::move(values)) {}
  http::NamedValues values_;
};

template <typename Make>
Response without_parameters(const Request& request, Make&& make) {
  const auto parameters = Parameters::parse(request, {});
  return parameters ? make() : problem(400, parameters.error().message);
}

}  // namespace

Response get_relays(Control& control, const Request& request) {
  return without_parameters(request, [&] { return json_response(relays_json(control.relays())); });
}

Response get_domains(Control& control, const Request& request) {
  return without_parameters(
      request, [&] { return json_response(domains_json(domains_of(control.relays()))); });
}

void get_fleet_usage(Control& control, const Request& request, const http::Answer& answer) {
  static constexpr std::array<std::string_view, 3> known{"csp", "clients", "by_relay"};
  const auto parameters = Parameters::parse(request, known);
  if (!parameters) return answer(problem(400, parameters.error().message));
  const bool by_relay = parameters.value().flag("by_relay");
  control.ledger_usage({parameters.value().csp(), parameters.value().flag("clients")},
                       [answer, by_relay](const broker::Result<LedgerUsage>& usage) {
                         answer(usage ? json_response(ledger_usage_json(usage.value(), by_relay))
                                      : problem(503, usage.error().message));
                       });
}

void get_ledger_check(Control& control, const Request& request, const http::Answer& answer) {
  static constexpr std::array<std::string_view, 1> known{"csp"};
  const auto parameters = Parameters::parse(request, known);
  if (!parameters) return answer(problem(400, parameters.error().message));
  control.check_ledger(parameters.value().csp(),
                       [answer](const broker::Result<LedgerCheck>& check) {
                         answer(check ? json_response(ledger_check_json(check.value()))
                                      : problem(503, check.error().message));
                       });
}

Response get_metrics(Control& control, const Request& request) {
  return without_parameters(request, [&] {
    return Response{.content_type = std::string(exposition_content_type),
                    .headers = {},
                    .body = metrics_text(control.metrics())};
  });
}

}  // namespace plugin
