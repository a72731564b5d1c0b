// Any octets as what comes in at the control socket: "METHOD TARGET", a line with the Content-Type, then the
// body. The broker is only asked for what makes sense, each request once, and the answer is a whole document.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "broker/names.h"
#include "ctl/handlers.h"

namespace {

using plugin::http::Request;
using plugin::http::Response;

constexpr std::int64_t year_s = 31'536'000;

void require(bool holds) {
  if (!holds) std::abort();
}

/// Knows one CSP, "acme", and counts what it is asked.
class Desk final : public plugin::Control {
 public:
  std::size_t changes = 0;

  broker::Result<std::vector<plugin::AccountStatus>> usage(const std::optional<std::string>& csp,
                                                           bool) override {
    if (csp && *csp != "acme") return broker::Error{"there is no CSP \"" + *csp + "\""};
    plugin::AccountStatus account;
    account.csp = csp.value_or("acme");
    account.period = "2026-11";
    return std::vector{account};
  }
  std::vector<plugin::AllocationStatus> allocations(
      const std::optional<std::string>& csp) override {
    plugin::AllocationStatus allocation;
    allocation.id = "00000000000000aa-1";
    allocation.csp = csp.value_or("acme");
    allocation.transport = "udp";
    return {allocation};
  }
  broker::Result<std::uint64_t> cut(const plugin::CutTarget& target) override {
    ++changes;
    require(target.id.empty() != (target.csp.empty() && target.client.empty()));
    if (!target.id.empty()) return broker::Error{"there is no allocation \"" + target.id + "\""};
    return std::uint64_t{3};
  }
  broker::Result<broker::IssuedCredentials> credentials(const std::string& csp,
                                                        broker::MediaType media,
                                                        const std::string& client,
                                                        std::int64_t ttl_s) override {
    ++changes;
    require(!csp.empty() && !client.empty() && !broker::to_string(media).empty());
    require(ttl_s >= 0 && ttl_s <= year_s);
    return broker::IssuedCredentials{.client_id = "tb1." + client,
                                     .username = "1790000000:tb1." + client,
                                     .password = broker::Secret("cGFzc3dvcmQ="),
                                     .ttl_s = ttl_s,
                                     .uris = {"turn:relay.example:3478"}};
  }
  broker::Result<std::uint64_t> revoke(const std::string& who, const std::string& csp) override {
    ++changes;
    require(who.empty() != csp.empty());
    return std::uint64_t{2};
  }
  broker::Status reload() override {
    ++changes;
    return broker::Nothing{};
  }
  plugin::BrokerStatus status() override {
    plugin::BrokerStatus state;
    state.relay_id = "north";
    return state;
  }
  broker::Result<plugin::DrainStatus> drain(const plugin::DrainRequest& request) override {
    ++changes;
    require(request.deadline_s >= 0);
    return plugin::DrainStatus{
        .draining = true, .stay = request.stay, .until_s = request.deadline_s, .allocations = 3};
  }
  broker::Result<plugin::DrainStatus> undrain() override {
    ++changes;
    return broker::Error{"it does not drain"};
  }
  std::vector<plugin::RelayView> relays() override {
    plugin::RelayView self;
    self.status.id = "north";
    self.self = true;
    return {self};
  }
  void ledger_usage(const plugin::LedgerQuery& query, Later<plugin::LedgerUsage> done) override {
    require(query.csp.empty() || broker::is_csp_id(query.csp));
    done(plugin::LedgerUsage{});
  }
  void check_ledger(const std::string& csp, Later<plugin::LedgerCheck> done) override {
    require(csp.empty() || broker::is_csp_id(csp));
    done(broker::Error{"the ledger does not answer"});
  }
  plugin::MetricsView metrics() override { return {}; }
};

std::string_view take_until(std::string_view& text, char end) {
  const std::size_t size = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  return taken;
}

Request request_of(std::string_view text) {
  std::string_view line = take_until(text, '\n');
  Request out;
  out.method = take_until(line, ' ');
  out.path = take_until(line, '?');
  out.query = line;
  out.headers.emplace_back("Content-Type", take_until(text, '\n'));
  out.body = text;
  return out;
}

void check_answer(const Request& request, const Response& response, std::size_t changes) {
  static constexpr std::array known{200, 400, 404, 405, 422, 503};
  require(std::ranges::count(known, response.status) == 1);
  // Nothing is done for who is told that the request was wrong, and nothing twice.
  require(changes <= (response.status == 400 || response.status == 405 ? 0U : 1U));
  require(changes == 0 || request.method == "POST");
  if (response.content_type == "application/json" ||
      response.content_type == "application/problem+json")
    require(plugin::http::Json::parse(response.body).is_object());
  for (const auto& [name, value] : response.headers)
    require((name + value).find_first_of("\r\n") == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Request request = request_of(std::string_view(reinterpret_cast<const char*>(data), size));
  Desk desk;
  std::size_t answers = 0;
  Response answered;
  const auto later = [&] {
    return [&](Response response) {
      ++answers;
      answered = std::move(response);
    };
  };
  const auto outcome = plugin::admin_routes(desk).route(request, later);
  if (const auto* at_once = std::get_if<Response>(&outcome)) {
    ++answers;
    answered = *at_once;
  }
  require(answers == 1);
  check_answer(request, answered, desk.changes);
  return 0;
}
