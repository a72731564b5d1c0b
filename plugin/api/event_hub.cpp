#include "api/event_hub.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <random>
#include <set>
#include <system_error>

#include "api/event_text.h"

namespace plugin {

namespace {

constexpr timeval tick_interval{1, 0};

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
  event.used_octets = now->used_octets;
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
                   const EventHubLimits& limits)
    : board_(board),
      clock_(clock),
      limits_(limits),
      queue_(limits.queue_max),
      ring_(random_life(), limits.ring_max),
      wake_fd_(make_wake_fd()),
      wake_event_(::event_new(
          base, wake_fd_.get(), EV_READ | EV_PERSIST,
          [](int, short, void* self) { static_cast<EventHub*>(self)->deliver(); }, this)),
      tick_event_(::event_new(
          base, -1, EV_PERSIST,
          [](int, short, void* self) { static_cast<EventHub*>(self)->tick(); }, this)),
      seats_(std::make_shared<Seats>()) {
  if (!wake_event_ || !tick_event_ || ::event_add(wake_event_.get(), nullptr) != 0 ||
      ::event_add(tick_event_.get(), &tick_interval) != 0)
    throw std::bad_alloc();
}

EventHub::~EventHub() {
  for (Member& member : watchers_)
    if (!member.writer->gone()) member.writer->close();
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
  if (greet(member)) watchers_.push_back(std::move(member));
}

bool EventHub::write(Member& member, std::string_view text) const {
  member.written_ms = clock_.steady_ms();
  if (member.writer->write(text)) return true;
  // Who reads too slowly comes back, and hears then what it missed.
  if (!member.writer->gone()) member.writer->close();
  return false;
}

bool EventHub::greet(Member& member) {
  const auto standing = board_.get();
  const auto after = ring_.number_of(member.watcher.last_event_id);
  // Until what was missed has been told, the reader keeps the id it came with.
  const std::string id = after ? std::string() : ring_.last_id();
  const std::int64_t now_ms = clock_.unix_ms();
  const auto accounts = watched_accounts(member.watcher.watch, *standing->config);
  std::string text;
  for (const auto& account : accounts)
    if (const auto usage = present_usage(*standing, account, now_ms)) text += sse_event(*usage, id);

  std::set<AccountName> known_exhausted;
  if (after)
    ring_.for_each_after(*after, [&](std::uint64_t number, const Event& event) {
      const auto client_id = sees(member.watcher.watch, event);
      if (!client_id) return;
      text += sse_event(event, ring_.id_of(number), *client_id);
      if (event.kind == EventKind::restored) known_exhausted.erase({event.csp, event.media});
      if (event.kind == EventKind::threshold && event.percent == 100)
        known_exhausted.emplace(event.csp, event.media);
    });
  for (const auto& account : accounts) {
    auto event = present_usage(*standing, account, now_ms);
    if (!event || !event->exhausted || known_exhausted.contains(account)) continue;
    event->kind = EventKind::threshold;
    event->percent = 100;
    text += sse_event(*event, ring_.last_id());
  }
  // Sends the head of the answer in any case.
  if (text.empty()) text = sse_keep_alive;
  return write(member, text);
}

void EventHub::deliver() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_fd_.get(), &count, sizeof count);
  for (const Event& event : queue_.take()) {
    const std::string id =
        event.kind == EventKind::usage ? ring_.last_id() : ring_.id_of(ring_.add(event));
    std::string common;
    watchers_.remove_if([&](Member& member) {
      const auto client_id = sees(member.watcher.watch, event);
      if (!client_id) return false;
      if (!client_id->empty()) return !write(member, sse_event(event, id, *client_id));
      if (common.empty()) common = sse_event(event, id);
      return !write(member, common);
    });
  }
}

void EventHub::tick() {
  const std::int64_t now_ms = clock_.steady_ms();
  const broker::UnixSeconds now_s = clock_.unix_ms() / 1'000;
  const auto standing = board_.get();
  const auto config = standing == nullptr ? nullptr : standing->config;
  const bool other_config = config != nullptr && config != config_;
  if (other_config) config_ = config;
  watchers_.remove_if([&](Member& member) {
    if (member.writer->gone()) return true;
    const bool over = member.expiry_s != 0 && now_s >= member.expiry_s;
    if (over || (other_config && !member.watcher.allowed(*config))) {
      member.writer->close();
      return true;
    }
    return now_ms - member.written_ms >= limits_.keep_alive_ms && !write(member, sse_keep_alive);
  });
}

}  // namespace plugin
