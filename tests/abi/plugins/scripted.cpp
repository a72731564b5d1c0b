// A plugin that does what its configuration says, records every hook as a line of JSON, and takes
// commands on a thread of its own, so that the services are used from a thread the server does not
// know.
//
// Configuration: lines of "key value". Commands: datagrams to the Unix socket `commands`.
#include "turn_plugin.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

const turn_host* host;
std::map<std::string, std::string> config;
std::mutex lock;  // guards events, meters
FILE* events;
std::vector<std::unique_ptr<turn_meter>> meters;
turn_meter* first_meter;
turn_meter* last_meter;
std::thread commands;
int command_socket = -1;
std::atomic<long long> grants_left;
std::atomic<bool> later{false};
std::atomic<int> ticks{0};

std::string option(const char* key, const char* fallback = "") {
  auto found = config.find(key);
  return found == config.end() ? fallback : found->second;
}

long long number(const char* key, long long fallback) {
  return config.count(key) ? std::stoll(config[key]) : fallback;
}

__attribute__((format(printf, 1, 2))) void record(const char* format, ...) {
  std::lock_guard guard(lock);
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(events, format, arguments);
  va_end(arguments);
  std::fputc('\n', events);
  std::fflush(events);
}

std::string text(const turn_address& address) {
  if (address.family == 0) return "none";
  char line[64];
  std::snprintf(line, sizeof line, "%u.%u.%u.%u:%u", address.octets[0], address.octets[1],
                address.octets[2], address.octets[3], address.port);
  return line;
}

turn_meter* new_meter(long long credit) {
  std::lock_guard guard(lock);
  auto meter = std::make_unique<turn_meter>();
  meter->credit_octets = credit;
  const auto charge = option("charge", "both");
  meter->charged_directions = charge == "both"             ? 3
                              : charge == "none"           ? 0
                              : charge == "client_to_peer" ? 1
                                                           : 2;
  meters.push_back(std::move(meter));
  last_meter = meters.back().get();
  if (first_meter == nullptr) first_meter = last_meter;
  return last_meter;
}

turn_verdict verdict(const std::string& word) {
  if (word == "allow") return TURN_VERDICT_ALLOW;
  if (word == "reject") return TURN_VERDICT_REJECT;
  if (word == "pending") return TURN_VERDICT_PENDING;
  if (word == "nonsense") return static_cast<turn_verdict>(77);
  return TURN_VERDICT_DEFER;
}

void fill(turn_credential_answer& answer, const std::string& passwords) {
  std::istringstream words(passwords);
  std::string word;
  while (answer.passwords_count < TURN_PASSWORDS_MAX && words >> word) {
    std::snprintf(answer.passwords[answer.passwords_count], TURN_PASSWORD_OCTETS_MAX, "%s",
                  word.c_str());
    ++answer.passwords_count;
  }
}

void fill(turn_allocation_answer& answer) {
  if (config.count("credit")) answer.meter = new_meter(number("credit", 0));
  answer.plugin_data = static_cast<uint64_t>(number("plugin_data", 4711));
  answer.lifetime_max_s = static_cast<uint32_t>(number("lifetime_max", 0));
}

void tell_meter(const char* event, const turn_meter& meter) {
  record(
      R"({"event":"%s","credit":%lld,"used":[%llu,%llu],"packets":[%llu,%llu]})", event,
      static_cast<long long>(__atomic_load_n(&meter.credit_octets, __ATOMIC_RELAXED)),
      static_cast<unsigned long long>(__atomic_load_n(&meter.used_octets[0], __ATOMIC_RELAXED)),
      static_cast<unsigned long long>(__atomic_load_n(&meter.used_octets[1], __ATOMIC_RELAXED)),
      static_cast<unsigned long long>(__atomic_load_n(&meter.used_packets[0], __ATOMIC_RELAXED)),
      static_cast<unsigned long long>(__atomic_load_n(&meter.used_packets[1], __ATOMIC_RELAXED)));
}

void on_command(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  uint64_t id = 0;
  words >> word;
  if (word == "cancel") {
    int reason = 0, times = 1;
    words >> id >> reason >> times;
    turn_service_result result = TURN_SERVICE_OK;
    for (int i = 0; i < times; ++i)
      result = host->cancel_allocation(id + static_cast<uint64_t>(i),
                                       static_cast<turn_close_reason>(reason));
    record(R"({"event":"cancel","result":%d})", result);
  } else if (word == "credential") {
    turn_credential_answer answer{};
    answer.size = sizeof answer;
    std::string how, passwords;
    words >> id >> how;
    std::getline(words, passwords);
    fill(answer, passwords);
    record(R"({"event":"completed","result":%d})",
           host->complete_credential(id, verdict(how), &answer));
  } else if (word == "allocation") {
    turn_allocation_answer answer{};
    answer.size = sizeof answer;
    std::string how;
    words >> id >> how >> answer.error_code;
    if (how == "allow") fill(answer);
    record(R"({"event":"completed","result":%d})",
           host->complete_allocation(id, verdict(how), &answer));
  } else if (word == "credit") {
    long long octets = 0;
    words >> octets;
    __atomic_fetch_add(&last_meter->credit_octets, octets, __ATOMIC_RELAXED);
    record(R"({"event":"credited"})");
  } else if (word == "meter") {
    tell_meter("meter", *last_meter);
  } else if (word == "first_meter") {
    tell_meter("first_meter", *first_meter);
  } else if (word == "log") {
    std::string rest;
    std::getline(words, rest);
    for (auto& c : rest) {
      if (c == '|') c = '\n';
    }
    host->log(TURN_LOG_WARNING, rest.c_str());
    record(R"({"event":"logged"})");
  } else if (word == "stop") {
    record(R"({"event":"stop_server","result":%d})", host->stop_server());
  }
}

void run_commands() {
  char line[1024];
  for (;;) {
    const auto size = recv(command_socket, line, sizeof line - 1, 0);
    if (size <= 0) return;
    on_command(std::string(line, static_cast<std::size_t>(size)));
  }
}

bool configure(const turn_configure* in, turn_configured* out) {
  std::ifstream file(in->config_file);
  std::string line;
  while (std::getline(file, line)) {
    const auto space = line.find(' ');
    config[line.substr(0, space)] = space == std::string::npos ? "" : line.substr(space + 1);
  }
  events = std::fopen(option("events").c_str(), "w");
  if (!events) {
    std::snprintf(in->error, in->error_size, "%s: cannot be written", option("events").c_str());
    return false;
  }
  out->requires_credentials = number("requires_credentials", 1) != 0;
  out->realm = config.count("realm") ? config["realm"].c_str() : nullptr;
  grants_left = number("grants", 0);
  record(R"({"event":"configure","pid":%d})", static_cast<int>(getpid()));
  return true;
}

bool start(uint32_t relay_threads) {
  record(R"({"event":"start","relay_threads":%u,"uid":%d,"pid":%d})", relay_threads,
         static_cast<int>(getuid()), static_cast<int>(getpid()));
  if (option("start") == "fails") return false;
  if (option("start") == "asks_stop")
    record(R"({"event":"stop_server","result":%d})", host->stop_server());
  if (option("start") == "is_signalled") kill(getpid(), SIGTERM);
  command_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", option("commands").c_str());
  if (bind(command_socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return false;
  commands = std::thread(run_commands);
  return true;
}

void stop() {
  if (option("stop") == "hangs") {
    record(R"({"event":"stopping"})");
    for (;;) pause();
  }
  shutdown(command_socket, SHUT_RDWR);
  commands.join();
  record(R"({"event":"stop"})");
}

bool stop_wanted() {
  record(R"({"event":"stop_wanted"})");
  return option("stop_wanted", "now") == "now";
}

void reload() { record(R"({"event":"reload"})"); }
void relay_thread_start(uint32_t thread) {
  record(R"({"event":"relay_thread_start","thread":%u})", thread);
}
void relay_thread_stop(uint32_t thread) {
  record(R"({"event":"relay_thread_stop","thread":%u})", thread);
}
void relay_thread_tick(uint32_t thread) {
  if (ticks++ < 20) record(R"({"event":"tick","thread":%u})", thread);
}

void misbehave_if_asked(const char* what) {
  if (option("hang") == what) {
    record(R"({"event":"hanging"})");
    for (;;) pause();
  }
  if (option("throw") == what) throw std::runtime_error(std::string("thrown by ") + what);
}

turn_verdict credential_wanted(const turn_credential_request* in, turn_credential_answer* out) {
  misbehave_if_asked("credential_wanted");
  record(
      R"({"event":"credential_wanted","request":%llu,"session":%llu,"user":"%s","realm":"%s","transport":%d,"client":"%s","server":"%s"})",
      static_cast<unsigned long long>(in->request_id),
      static_cast<unsigned long long>(in->requester.session_id), in->requester.username,
      in->requester.realm, in->requester.client_transport, text(in->requester.client).c_str(),
      text(in->requester.server).c_str());
  const auto how = option("credential", "allow");
  if (how == "early") {
    // Answers from another thread while the hook has not returned.
    std::thread([id = in->request_id] {
      turn_credential_answer answer{};
      answer.size = sizeof answer;
      fill(answer, option("passwords", "secret"));
      record(R"({"event":"completed","result":%d})",
             host->complete_credential(id, TURN_VERDICT_ALLOW, &answer));
    }).join();
    return TURN_VERDICT_PENDING;
  }
  out->error_code = static_cast<uint16_t>(number("error_code", 0));
  fill(*out, option("passwords", "secret"));
  if (option("passwords_count") != "")
    out->passwords_count = static_cast<uint16_t>(number("passwords_count", 1));
  return verdict(how);
}

turn_verdict allocation_wanted(const turn_allocation_request* in, turn_allocation_answer* out) {
  misbehave_if_asked("allocation_wanted");
  record(
      R"({"event":"allocation_wanted","request":%llu,"session":%llu,"by_plugin":%d,"tcp_relay":%d,"lifetime":%u,"user":"%s"})",
      static_cast<unsigned long long>(in->request_id),
      static_cast<unsigned long long>(in->requester.session_id), in->authenticated_by_plugin,
      in->tcp_relay, in->lifetime_s, in->requester.username);
  const auto how = option("allocation", "allow");
  out->error_code = static_cast<uint16_t>(number("error_code", 0));
  if (how == "allow") fill(*out);
  return verdict(how);
}

unsigned long long id_of(const turn_allocation& allocation) { return allocation.id; }

void allocation_created(const turn_allocation_created* in) {
  misbehave_if_asked("allocation_created");
  record(
      R"({"event":"created","id":%llu,"data":%llu,"lifetime":%u,"client":"%s","relayed":"%s","relayed6":"%s"})",
      id_of(in->allocation), static_cast<unsigned long long>(in->allocation.plugin_data),
      in->lifetime_s, text(in->requester.client).c_str(), text(in->relayed[0]).c_str(),
      text(in->relayed[1]).c_str());
  if (option("created") == "stops")
    record(R"({"event":"stop_server","result":%d})", host->stop_server());
}

void allocation_refreshed(const turn_allocation_refreshed* in) {
  record(R"({"event":"refreshed","id":%llu,"lifetime":%u,"client":"%s"})", id_of(in->allocation),
         in->lifetime_s, text(in->client).c_str());
}

void allocation_closed(const turn_allocation_closed* in) {
  const turn_meter none{};
  const auto& meter = in->allocation.meter ? *in->allocation.meter : none;
  record(
      R"({"event":"closed","id":%llu,"data":%llu,"reason":%d,"created":%d,"credit":%lld,"used":[%llu,%llu],"packets":[%llu,%llu]})",
      id_of(in->allocation), static_cast<unsigned long long>(in->allocation.plugin_data),
      in->reason, in->created, static_cast<long long>(meter.credit_octets),
      static_cast<unsigned long long>(meter.used_octets[0]),
      static_cast<unsigned long long>(meter.used_octets[1]),
      static_cast<unsigned long long>(meter.used_packets[0]),
      static_cast<unsigned long long>(meter.used_packets[1]));
}

void flow(const char* event, const turn_flow* in) {
  record(
      R"({"event":"%s","id":%llu,"channel":%u,"lifetime":%u,"client":"%s","relayed":"%s","peer":"%s"})",
      event, id_of(in->allocation), in->channel, in->lifetime_s, text(in->client).c_str(),
      text(in->relayed).c_str(), text(in->peer).c_str());
}

void permission_bound(const turn_flow* in) { flow("permission_bound", in); }
void permission_expired(const turn_flow* in) { flow("permission_expired", in); }
void channel_bound(const turn_flow* in) { flow("channel_bound", in); }
void channel_expired(const turn_flow* in) { flow("channel_expired", in); }

turn_credit_verdict credit_wanted(const turn_credit_request* in, turn_credit_answer* out) {
  const auto how = option("credit_wanted", "exhausted");
  if (how == "swap" || how == "lie") {
    record(R"({"event":"credit_wanted","needed":%llu})",
           static_cast<unsigned long long>(in->needed_octets));
    if (how == "swap") out->meter = new_meter(number("swap_credit", 1000));
    return TURN_CREDIT_GRANTED;
  }
  if (how == "swap_later" || how == "swap_exhausted") {
    out->meter = new_meter(number("swap_credit", 1000));
    return how == "swap_later" ? TURN_CREDIT_LATER : TURN_CREDIT_EXHAUSTED;
  }
  if (how.rfind("grant", 0) == 0 && grants_left > 0) {
    if (how == "grant_null") out->meter = nullptr;
    --grants_left;
    record(R"({"event":"credit_wanted","needed":%llu})",
           static_cast<unsigned long long>(in->needed_octets));
    __atomic_fetch_add(&in->allocation.meter->credit_octets,
                       static_cast<int64_t>(in->needed_octets), __ATOMIC_RELAXED);
    return TURN_CREDIT_GRANTED;
  }
  if (!later.exchange(true))
    record(R"({"event":"refused","needed":%llu})",
           static_cast<unsigned long long>(in->needed_octets));
  return how == "later" ? TURN_CREDIT_LATER : TURN_CREDIT_EXHAUSTED;
}

#if defined(SCRIPTED_OLDER)
// As if it had been built before there was stop_wanted: what follows is none of the host's business.
constexpr uint32_t table_octets = offsetof(turn_plugin, stop_wanted);
#else
constexpr uint32_t table_octets = sizeof(turn_plugin);
#endif

}  // namespace

extern "C" const turn_plugin* turn_plugin_entry(const turn_host* given) {
  static const turn_plugin table = {
      .size = table_octets,
      .abi_version = TURN_PLUGIN_ABI_VERSION,
      .name = "scripted",
      .version = "1",
      .configure = configure,
      .start = start,
      .stop = stop,
      .reload = reload,
      .relay_thread_start = relay_thread_start,
      .relay_thread_stop = relay_thread_stop,
      .relay_thread_tick = relay_thread_tick,
      .credential_wanted = credential_wanted,
      .allocation_wanted = allocation_wanted,
      .allocation_created = allocation_created,
      .allocation_refreshed = allocation_refreshed,
      .allocation_closed = allocation_closed,
      .permission_bound = permission_bound,
      .permission_expired = permission_expired,
      .channel_bound = channel_bound,
      .channel_expired = channel_expired,
      .credit_wanted = credit_wanted,
      .stop_wanted = stop_wanted,
  };
  host = given;
  return &table;
}
