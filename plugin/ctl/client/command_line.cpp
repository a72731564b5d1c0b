#include "ctl/client/command_line.h"

#include <CLI/CLI.hpp>

#include "broker/quota_period.h"
#include "ctl/client/fleet_reports.h"
#include "ctl/client/reports.h"

namespace plugin::ctl {

namespace {

using http::Json;

/// Where the parser puts what it finds; one set for all commands, of which only one is used.
struct Arguments {
  std::string csp, client, media, id, who, file, ttl, timeout, deadline;
  bool clients = false;
  bool fleet = false;
  bool by_relay = false;
  bool stay = false;
  bool cancel = false;
};

HttpCall get(const std::string& name,
             std::initializer_list<std::pair<std::string, std::string>> query) {
  std::string target = "/v1/admin/" + name;
  char separator = '?';
  for (const auto& [key, value] : query) {
    if (value.empty()) continue;
    target += separator + key + "=" + percent_encoded(value);
    separator = '&';
  }
  return {.method = "GET", .target = target, .body = {}};
}

HttpCall post(const std::string& name,
              std::initializer_list<std::pair<std::string, Json>> members) {
  Json body = Json::object();
  for (const auto& [key, value] : members)
    if (!value.is_null() && value != "") body[key] = value;
  std::string text;
  try {
    if (!body.empty()) text = body.dump();
  } catch (const Json::exception&) {
    throw CLI::ValidationError(name, "an argument is not valid UTF-8");
  }
  return {.method = "POST", .target = "/v1/admin/" + name, .body = text};
}

std::int64_t duration_s(const std::string& option, const std::string& text) {
  const auto parsed = broker::parse_duration_s(text);
  if (!parsed) throw CLI::ValidationError(option, parsed.error().message);
  return parsed.value();
}

class Parser {
 public:
  Parser() {
    app_.require_subcommand(1);
    for (CLI::App* command : app_.get_subcommands({})) command->fallthrough();
    check_ledger_->fallthrough();
    auto* socket = app_.add_option("--socket", line_.socket,
                                   "The server's control socket (default: $TURNBROKER_SOCKET, or "
                                   "/var/lib/turnbroker/control.sock)");
    app_.add_option("--config", line_.config, "Take the socket's path from this turnbroker.toml")
        ->excludes(socket);
    app_.add_option("--timeout", in_.timeout, "How long to wait for an answer (default: 10s)");
    app_.add_flag("--json", line_.json, "Print JSON, for programs");

    usage_->add_option("--csp", in_.csp, "Only this CSP's");
    usage_->add_flag("--clients", in_.clients, "Also the shares of single client names");
    auto* fleet = usage_->add_flag("--fleet", in_.fleet,
                                   "All accounts of the ledger, as all relays have reported");
    usage_->add_flag("--by-relay", in_.by_relay, "Also what each relay has of them")->needs(fleet);
    ledger_->require_subcommand(1);
    check_ledger_->add_option("--csp", in_.csp, "Only this CSP's accounts");
    allocations_->add_option("--csp", in_.csp, "Only this CSP's");
    auto* id = cut_->add_option("ID", in_.id, "One allocation, as `allocations` names it");
    cut_->add_option("--csp", in_.csp, "All of this CSP's")->excludes(id);
    cut_->add_option("--client", in_.client, "All of this client name's")->excludes(id);
    credentials_->add_option("--csp", in_.csp, "Whose quota pays")->required();
    credentials_->add_option("--media", in_.media, "audio, video or data")
        ->required()
        ->check(CLI::IsMember({"audio", "video", "data"}));
    credentials_->add_option("--client", in_.client, "The client's name")->required();
    credentials_->add_option("--ttl", in_.ttl, "How long they are valid: 90s, 10m, 1h, 7d");
    auto* who = revoke_->add_option("WHO", in_.who,
                                    "A client id, or <csp>/<media>/<client>, or a username");
    revoke_->add_option("--csp", in_.csp, "All credentials of this CSP")->excludes(who);
    auto* deadline = drain_->add_option(
        "--deadline", in_.deadline, "How long at most: 90s, 10m, 1h; what is left then is ended");
    auto* stay = drain_->add_flag("--stay", in_.stay, "The server does not stop at the end");
    drain_->add_flag("--cancel", in_.cancel, "Take clients again")
        ->excludes(deadline)
        ->excludes(stay);
    check_config_->add_option("FILE", in_.file, "A turnbroker.toml")->required();
  }

  CommandLine parse(int argc, const char* const* argv) {
    app_.parse(argc, argv);
    if (!in_.timeout.empty())
      line_.timeout = std::chrono::seconds(duration_s("--timeout", in_.timeout));
    line_.command = command();
    return line_;
  }

  int exit(const CLI::ParseError& error) const { return app_.exit(error); }

 private:
  std::variant<AskServer, CheckConfig> command() const {
    if (*usage_ && in_.fleet)
      return AskServer{get("fleet/usage", {{"csp", in_.csp},
                                           {"clients", in_.clients ? "1" : ""},
                                           {"by_relay", in_.by_relay ? "1" : ""}}),
                       fleet_usage_report};
    if (*usage_)
      return AskServer{get("usage", {{"csp", in_.csp}, {"clients", in_.clients ? "1" : ""}}),
                       usage_report};
    if (*allocations_) return AskServer{get("allocations", {{"csp", in_.csp}}), allocations_report};
    if (*cut_) {
      if (in_.id.empty() && in_.csp.empty() && in_.client.empty())
        throw CLI::RequiredError("ID, --csp or --client");
      return AskServer{post("cut", {{"id", in_.id}, {"csp", in_.csp}, {"client", in_.client}}),
                       cut_report};
    }
    if (*credentials_) {
      const Json ttl = in_.ttl.empty() ? Json(nullptr) : Json(duration_s("--ttl", in_.ttl));
      return AskServer{
          post("credentials",
               {{"csp", in_.csp}, {"media", in_.media}, {"client", in_.client}, {"ttl", ttl}}),
          credentials_report};
    }
    if (*revoke_) {
      if (in_.who.empty() && in_.csp.empty()) throw CLI::RequiredError("WHO or --csp");
      return AskServer{post("revoke", {{"client_id", in_.who}, {"csp", in_.csp}}), revoke_report};
    }
    if (*drain_) return AskServer{drain_call(), drain_report};
    if (*reload_) return AskServer{post("reload", {}), reload_report};
    if (*relays_) return AskServer{get("relays", {}), relays_report};
    if (*domains_) return AskServer{get("domains", {}), domains_report};
    if (*ledger_)
      return AskServer{get("ledger/check", {{"csp", in_.csp}}), ledger_check_report,
                       ledger_is_good};
    if (*status_) return AskServer{get("status", {}), status_report};
    return CheckConfig{in_.file};
  }

  HttpCall drain_call() const {
    if (in_.cancel) return post("drain", {{"cancel", true}});
    const Json deadline =
        in_.deadline.empty() ? Json(nullptr) : Json(duration_s("--deadline", in_.deadline));
    return post("drain", {{"deadline", deadline}, {"stay", in_.stay}});
  }

  CLI::App app_{"Asks and steers the quota broker of a running TURN server.", "turnbrokerctl"};
  CLI::App* usage_ = app_.add_subcommand("usage", "What each account has used of its quota");
  CLI::App* allocations_ = app_.add_subcommand("allocations", "The live allocations of this relay");
  CLI::App* cut_ = app_.add_subcommand("cut", "End allocations now");
  CLI::App* credentials_ = app_.add_subcommand("credentials", "Issue TURN credentials");
  CLI::App* revoke_ = app_.add_subcommand(
      "revoke", "Refuse credentials from now on and end the allocations made with them");
  CLI::App* drain_ =
      app_.add_subcommand("drain", "Let the calls there are run out, take no new ones, then stop");
  CLI::App* reload_ = app_.add_subcommand("reload", "Read the configuration again");
  CLI::App* check_config_ =
      app_.add_subcommand("check-config", "Check a configuration; needs no running server");
  CLI::App* relays_ =
      app_.add_subcommand("relays", "The relays of the fleet, as this one knows them");
  CLI::App* domains_ = app_.add_subcommand("domains", "The same, summed up by domain");
  CLI::App* ledger_ = app_.add_subcommand("ledger", "Look the ledger over");
  CLI::App* check_ledger_ = ledger_->add_subcommand(
      "check", "Whether it adds up, and what every difference means; changes nothing");
  CLI::App* status_ = app_.add_subcommand("status", "How the broker is");
  Arguments in_;
  CommandLine line_;
};

}  // namespace

std::variant<CommandLine, ExitCode> parse_command_line(int argc, const char* const* argv) {
  Parser parser;
  try {
    return parser.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parser.exit(error) == 0 ? ExitCode::ok : ExitCode::usage;
  }
}

}  // namespace plugin::ctl
