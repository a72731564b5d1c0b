// The one exported symbol, and the table behind it.
// Owner: the process; the only global state of the plugin. Threads: see turn_plugin.h at each hook.
#include <cstring>
#include <memory>

#include "abi_guard.h"
#include "broker/broker.h"
#include "sandbox/sandbox.h"
#include "turn_plugin.h"
#include "version.h"

namespace {

using plugin::guarded;

struct Instance {
  explicit Instance(const turn_host* table) : host(table), broker(host, clock), sandbox(host) {}
  plugin::Clock clock;
  plugin::Host host;
  plugin::Broker broker;
  plugin::Sandbox sandbox;
};

std::unique_ptr<Instance> instance;

plugin::RelaySide& relay_side() { return instance->broker.relay_side(); }

/// For hooks without a result.
template <typename Function>
void guarded_void(const char* hook, Function&& function) noexcept {
  guarded(instance->host, hook, false, [&] {
    function();
    return true;
  });
}

bool configure(const turn_configure* in, turn_configured* out) noexcept {
  const auto say = [&](const char* text) {
    if (in->error_size == 0) return;
    std::strncpy(in->error, text, in->error_size - 1);
    in->error[in->error_size - 1] = '\0';
  };
  say("out of memory");
  return guarded(instance->host, "configure", false, [&] {
    const auto status = instance->broker.load(in->config_file);
    if (!status) {
      say(status.error().message.c_str());
      return false;
    }
    const auto hardened =
        instance->sandbox.harden(in->config_file, instance->broker.config().sandbox);
    if (!hardened) {
      say(hardened.error().message.c_str());
      return false;
    }
    out->requires_credentials = true;
    out->realm = instance->broker.config().realm.c_str();
    return true;
  });
}

bool start(std::uint32_t relay_threads) noexcept {
  return guarded(instance->host, "start", false, [&] {
    if (relay_threads > plugin::relay_threads_max) {
      instance->host.error("more than {} relay threads", plugin::relay_threads_max);
      return false;
    }
    const auto refuse = [](const broker::Status& status) {
      if (!status) instance->host.error("{}", status.error().message);
      return !status;
    };
    if (refuse(instance->sandbox.prepare()) || refuse(instance->broker.start())) return false;
    if (!refuse(instance->sandbox.close())) return true;
    instance->broker.stop();
    return false;
  });
}

void stop() noexcept {
  guarded_void("stop", [] { instance->broker.stop(); });
}

// True, when it cannot be said: a server that cannot be stopped is worse than one that stops too soon.
bool stop_wanted() noexcept {
  return guarded(instance->host, "stop_wanted", true,
                 [] { return instance->broker.stop_wanted(); });
}

void reload() noexcept {
  guarded_void("reload", [] { instance->broker.request_reload(); });
}

void relay_thread_start(std::uint32_t relay_thread) noexcept {
  instance->broker.snapshots().enter(relay_thread);
}

void relay_thread_stop(std::uint32_t relay_thread) noexcept {
  instance->broker.snapshots().leave(relay_thread);
}

void relay_thread_tick(std::uint32_t relay_thread) noexcept {
  instance->broker.snapshots().quiescent(relay_thread);
}

turn_verdict credential_wanted(const turn_credential_request* in,
                               turn_credential_answer* out) noexcept {
  return guarded(instance->host, "credential_wanted", TURN_VERDICT_REJECT,
                 [&] { return relay_side().credential_wanted(*in, *out); });
}

turn_verdict allocation_wanted(const turn_allocation_request* in,
                               turn_allocation_answer* out) noexcept {
  return guarded(instance->host, "allocation_wanted", TURN_VERDICT_REJECT,
                 [&] { return relay_side().allocation_wanted(*in, *out); });
}

void allocation_created(const turn_allocation_created* in) noexcept {
  guarded_void("allocation_created", [&] { relay_side().allocation_created(*in); });
}

void allocation_closed(const turn_allocation_closed* in) noexcept {
  guarded_void("allocation_closed", [&] { relay_side().allocation_closed(*in); });
}

turn_credit_verdict credit_wanted(const turn_credit_request* in, turn_credit_answer* out) noexcept {
  return guarded(instance->host, "credit_wanted", TURN_CREDIT_EXHAUSTED,
                 [&] { return relay_side().credit_wanted(*in, *out); });
}

constexpr turn_plugin make_table() {
  turn_plugin table{};
  table.size = sizeof table;
  table.abi_version = TURN_PLUGIN_ABI_VERSION;
  table.name = "turnbroker";
  table.version = plugin::version;
  table.configure = configure;
  table.start = start;
  table.stop = stop;
  table.reload = reload;
  table.relay_thread_start = relay_thread_start;
  table.relay_thread_stop = relay_thread_stop;
  table.relay_thread_tick = relay_thread_tick;
  table.credential_wanted = credential_wanted;
  table.allocation_wanted = allocation_wanted;
  table.allocation_created = allocation_created;
  table.allocation_closed = allocation_closed;
  table.credit_wanted = credit_wanted;
  table.stop_wanted = stop_wanted;
  return table;
}

constexpr turn_plugin table = make_table();

}  // namespace

extern "C" TURN_PLUGIN_EXPORT const turn_plugin* turn_plugin_entry(const turn_host* host) {
  if (host == nullptr || host->size < sizeof(turn_host) ||
      host->abi_version != TURN_PLUGIN_ABI_VERSION)
    return nullptr;
  try {
    instance = std::make_unique<Instance>(host);
  } catch (...) {
    return nullptr;
  }
  return &table;
}
