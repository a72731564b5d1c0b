#include "api/event_hub.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <random>
#include <set>
#include <system_error>
#include <utility>

#include "api/event_text.h"

namespace plugin {

namespace {

constexpr timeval tick_interval{1, 0};
// How soon a client that had events left unread is looked at again.
constexpr timeval behind_interval{0, 20'000};

std::string random_life() {
  std::random_device random;
  return fmt::format("{:08x}", random());
}

UniqueFd make_wake_fd() {
  UniqueFd fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!fd) throw std::system_error(errno, std::generic_category(), "eventfd");
  return fd;
}

std::optional<Event> present_usage(const Standing& standing, const AccountName& account,
                                   std::int64_t at_ms) {
  const AccountStanding* now = standing.account(account.first, account.second);
  if (now == nullptr) return std::nullopt;
  Event event;
  event.at_ms = at_ms;
  event.csp = account.first;
  event.media = account.second;
  event.period = now->period;
  event.limit_octets = now->limit_octets;
  event.used_octets = now->used_octets.get();
  event.exhausted = now->exhausted;
  return event;
}

}  // namespace

struct EventHub::Seats {
  std::size_t taken = 0;
  std::map<std::string, std::size_t> by_address;
};

class EventHub::Seat {
 public:
  Seat(std::shared_ptr<Seats> seats, std::string address)
      : seats_(std::move(seats)), address_(std::move(address)) {
    ++seats_->taken;
    ++seats_->by_address[address_];
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  ~Seat() {
    --seats_->taken;
    const auto mine = seats_->by_address.find(address_);
    if (--mine->second == 0) seats_->by_address.erase(mine);
  }

 private:
  std::shared_ptr<Seats> seats_;
  std::string address_;
};

EventHub::EventHub(event_base* base, const StandingBoard& board, const Clock& clock,
                   const EventHubLimits& limits, LogLost log_lost)
    : board_(board),
      clock_(clock),
      limits_(limits),
      log_lost_(std::move(log_lost)),
      queue_(limits.queue_max),
      ring_(random_life(), limits.ring_max),
      wake_fd_(make_wake_fd()),
      wake_event_(::event_new(
          base, wake_fd_.get(), EV_READ | EV_PERSIST,
          [](int, short, void* self) { static_cast<EventHub*>(self)->on_wake(); }, this)),
      tick_event_(::event_new(
          base, -1, EV_PERSIST,
          [](int, short, void* self) { static_cast<EventHub*>(self)->tick(); }, this)),
      behind_event_(::event_new(
          base, -1, 0, [](int, short, void* self) { static_cast<EventHub*>(self)->on_behind(); },
          this)),
      seats_(std::make_shared<Seats>()) {
  if (!wake_event_ || !tick_event_ || !behind_event_ ||
      ::event_add(wake_event_.get(), nullptr) != 0 ||
      ::event_add(tick_event_.get(), &tick_interval) != 0)
    throw std::bad_alloc();
}

EventHub::~EventHub() {
  for (Member& member : watchers_)
    if (!member.writer->gone()) member.writer->close();
}

void EventHub::configure(const broker::Config& config) {
  constexpr std::size_t queue_min = 8'192;
  constexpr std::size_t queue_max = 131'072;  // some 50 MB
  limits_.watchers_max = config.http.watchers_max;
  limits_.watchers_per_address_max = config.http.watchers_per_address;
  // And as many for what is told of accounts meanwhile.
  queue_.set_events_max(
      std::clamp(std::size_t{2} * config.limits.allocations_max, queue_min, queue_max));
}

void EventHub::post(const Event& event) {
  if (!queue_.push(event)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd_.get(), &one, sizeof one);
}

std::variant<std::shared_ptr<EventHub::Seat>, EventHub::NoSeat> EventHub::take_seat(
    const std::string& address) {
  if (seats_->taken >= limits_.watchers_max) return NoSeat::full;
  const auto mine = seats_->by_address.find(address);
  if (mine != seats_->by_address.end() && mine->second >= limits_.watchers_per_address_max)
    return NoSeat::address_full;
  return std::make_shared<Seat>(seats_, address);
}

void EventHub::add(Watcher watcher, std::shared_ptr<http::StreamWriter> writer) {
  Member member{std::move(watcher), std::move(writer)};
  member.expiry_s = first_expiry_s(member.watcher.watch);
  if (!greet(member) || !catch_up(member)) {
    if (!member.writer->gone()) member.writer->close();
    return;
  }
  watchers_.push_back(std::move(member));
  watch_those_behind();
}

EventHub::Wrote EventHub::write(Member& member, std::string_view text) const {
  if (member.writer->gone()) return Wrote::gone;
  if (text.size() > member.writer->room()) return Wrote::no_room;
  member.written_ms = clock_.steady_ms();
  return member.writer->write(text) ? Wrote::yes : Wrote::gone;
}

bool EventHub::greet(Member& member) {
  const auto standing = board_.get();
  const auto after = ring_.number_of(member.watcher.last_event_id);
  member.next = after.value_or(ring_.last()) + 1;
  // Until what was missed has been told, the reader keeps the id it came with.
  const std::string id = after ? std::string() : ring_.last_id();
  const std::int64_t now_ms = clock_.unix_ms();

  // Whether an account is exhausted may be among what was missed: then it is told in its turn.
  std::set<AccountName> told_later;
  for (auto i = std::max(member.next, ring_.first()); i <= ring_.last(); ++i) {
    const Event& event = ring_.at(i);
    if (event.kind != EventKind::cut) told_later.emplace(event.csp, event.media);
  }
  std::string text;
  std::string exhausted;
  for (const auto& account : watched_accounts(member.watcher.watch, *standing->config)) {
    auto event = present_usage(*standing, account, now_ms);
    if (!event) continue;
    text += sse_event(*event, id);
    if (!event->exhausted || told_later.contains(account)) continue;
    event->kind = EventKind::threshold;
    event->percent = 100;
    exhausted += sse_event(*event, id);
  }
  text += exhausted;
  // An id of an earlier life, perhaps: what has happened since it was given is not known.
  if (!after && !member.watcher.last_event_id.empty()) text += sse_lost(0, id);
  // Sends the head of the answer in any case.
  if (text.empty()) text = sse_keep_alive;
  return write(member, text) == Wrote::yes;
}

bool EventHub::tell_usage(Member& member, const Event& usage) {
  if (!sees(member.watcher.watch, usage)) return true;
  if (is_behind(member)) {
    member.usage_missed = true;
    return true;
  }
  const Wrote wrote = write(member, sse_event(usage, ring_.last_id()));
  member.usage_missed = wrote == Wrote::no_room;
  return wrote != Wrote::gone;
}

bool EventHub::catch_up(Member& member) {
  if (member.next < ring_.first()) {
    const auto lost = sse_lost(ring_.first() - member.next, ring_.id_of(ring_.first() - 1));
    const Wrote wrote = write(member, lost);
    if (wrote != Wrote::yes) return wrote == Wrote::no_room;
    member.next = ring_.first();
  }
  for (; member.next <= ring_.last(); ++member.next) {
    const Event& event = ring_.at(member.next);
    const auto client_id = sees(member.watcher.watch, event);
    if (!client_id) continue;
    switch (write(member, client_id->empty()
                              ? common_text(member.next)
                              : sse_event(event, ring_.id_of(member.next), *client_id))) {
      case Wrote::yes: break;
      case Wrote::no_room: return true;
      case Wrote::gone: return false;
    }
  }
  return !member.usage_missed || catch_up_usage(member);
}

const std::string& EventHub::common_text(std::uint64_t number) {
  if (std::exchange(common_number_, number) != number)
    common_text_ = sse_event(ring_.at(number), ring_.id_of(number));
  return common_text_;
}

bool EventHub::catch_up_usage(Member& member) {
  const auto standing = board_.get();
  std::string text;
  for (const auto& account : watched_accounts(member.watcher.watch, *standing->config))
    if (const auto usage = present_usage(*standing, account, clock_.unix_ms()))
      text += sse_event(*usage, ring_.last_id());
  // There is no such account any more.
  if (text.empty()) {
    member.usage_missed = false;
    return true;
  }
  const Wrote wrote = write(member, text);
  member.usage_missed = wrote == Wrote::no_room;
  return wrote != Wrote::gone;
}

void EventHub::watch_those_behind() {
  const bool any = std::any_of(watchers_.begin(), watchers_.end(),
                               [&](const Member& member) { return is_behind(member); });
  if (any && ::event_pending(behind_event_.get(), EV_TIMEOUT, nullptr) == 0)
    ::event_add(behind_event_.get(), &behind_interval);
}

void EventHub::on_behind() {
  watchers_.remove_if([&](Member& member) { return is_behind(member) && !catch_up(member); });
  watch_those_behind();
}

void EventHub::on_wake() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_fd_.get(), &count, sizeof count);
  const EventQueue::Batch batch = queue_.take();
  if (batch.lost != 0) lose(batch.lost);
  for (const Event& event : batch.events) {
    if (event.kind == EventKind::usage) {
      watchers_.remove_if([&](Member& member) { return !tell_usage(member, event); });
      continue;
    }
    ring_.add(event);
    watchers_.remove_if(
        [&](Member& member) { return member.next == ring_.last() && !catch_up(member); });
  }
  watch_those_behind();
}

void EventHub::lose(std::uint64_t events) {
  lost_unlogged_ += events;
  ring_.lose(events);
  watchers_.remove_if([&](Member& member) { return !catch_up(member); });
}

void EventHub::tick() {
  const std::int64_t now_ms = clock_.steady_ms();
  if (lost_unlogged_ != 0 && now_ms >= next_log_ms_) {
    if (log_lost_) log_lost_(lost_unlogged_);
    lost_unlogged_ = 0;
    next_log_ms_ = now_ms + limits_.log_lost_ms;
  }
  const broker::UnixSeconds now_s = clock_.unix_ms() / 1'000;
  const auto standing = board_.get();
  const bool changed =
      standing != nullptr && (standing->config != config_ || standing->revocations != revocations_);
  if (changed) {
    config_ = standing->config;
    revocations_ = standing->revocations;
  }
  watchers_.remove_if([&](Member& member) {
    if (member.writer->gone()) return true;
    const bool over = member.expiry_s != 0 && now_s >= member.expiry_s;
    const std::int64_t quiet_ms = now_ms - member.written_ms;
    // Who does not read comes back, and hears then what it missed.
    const bool stalled = is_behind(member) && quiet_ms >= limits_.stalled_ms;
    if (over || stalled || (changed && !member.watcher.allowed(*standing))) {
      member.writer->close();
      return true;
    }
    if (quiet_ms < limits_.keep_alive_ms || is_behind(member)) return false;
    const Wrote wrote = write(member, sse_keep_alive);
    if (wrote == Wrote::no_room) member.writer->close();
    return wrote != Wrote::yes;
  });
}

}  // namespace plugin
