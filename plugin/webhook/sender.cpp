#include "webhook/sender.h"

#include <curl/curl.h>

#include <algorithm>
#include <climits>
#include <new>

#include "version.h"

namespace plugin {

namespace {

struct EasyCleanup {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

struct Sender::Curl {
  Curl() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw std::bad_alloc();
    multi = curl_multi_init();
    if (multi == nullptr) {
      curl_global_cleanup();
      throw std::bad_alloc();
    }
  }
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;
  ~Curl() {
    curl_multi_cleanup(multi);
    curl_global_cleanup();
  }
  CURLM* multi = nullptr;
};

struct Sender::Transfer {
  explicit Transfer(CURLM* multi) : multi_(multi), handle(curl_easy_init()) {
    if (!handle) throw std::bad_alloc();
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() {
    if (added) curl_multi_remove_handle(multi_, handle.get());
  }

  template <typename Value>
  void set(CURLoption option, Value value) {
    ok = ok && curl_easy_setopt(handle.get(), option, value) == CURLE_OK;
  }
  void add_header(const std::string& line) {
    curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
    if (longer == nullptr) {
      ok = false;
      return;
    }
    static_cast<void>(headers.release());
    headers.reset(longer);
  }
  static std::size_t on_answer(char*, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::size_t octets = size * count;
    if (octets > transfer.answer_octets_left) {
      transfer.cut_short = true;
      return 0;  // ends the transfer: its status is known by now
    }
    transfer.answer_octets_left -= octets;
    return octets;
  }

 private:
  CURLM* multi_;

 public:
  std::unique_ptr<curl_slist, ListFree> headers;
  std::unique_ptr<CURL, EasyCleanup> handle;  // goes before the headers it names
  std::size_t answer_octets_left = 0;
  bool cut_short = false;
  bool added = false;
  bool ok = true;
};

Sender::Sender(const SenderLimits& limits) : limits_(limits), curl_(std::make_unique<Curl>()) {}

Sender::~Sender() { transfers_.clear(); }

bool Sender::start(const std::string& key, const SendRequest& request) {
  auto transfer = std::make_unique<Transfer>(curl_->multi);
  transfer->answer_octets_left = limits_.answer_octets_max;
  for (const std::string& line : request.headers) transfer->add_header(line);
  transfer->add_header("Expect:");  // no round trip before a body this small

  transfer->set(CURLOPT_PROTOCOLS_STR, "http,https");
  transfer->set(CURLOPT_URL, request.url.c_str());
  transfer->set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  transfer->set(CURLOPT_COPYPOSTFIELDS, request.body.c_str());
  transfer->set(CURLOPT_HTTPHEADER, transfer->headers.get());
  transfer->set(CURLOPT_USERAGENT, (std::string("turnbroker/") + version).c_str());
  transfer->set(CURLOPT_FOLLOWLOCATION, 0L);
  // The environment of a relay is no place for decisions about where its messages go.
  transfer->set(CURLOPT_PROXY, "");
  transfer->set(CURLOPT_NOSIGNAL, 1L);
  transfer->set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits_.connect_ms));
  transfer->set(CURLOPT_TIMEOUT_MS, static_cast<long>(limits_.total_ms));
  // A name server that does not answer must not hold up a stop.
  transfer->set(CURLOPT_QUICK_EXIT, 1L);
  transfer->set(CURLOPT_WRITEFUNCTION, &Transfer::on_answer);
  transfer->set(CURLOPT_WRITEDATA, static_cast<void*>(transfer.get()));
  if (!transfer->ok) return false;
  if (curl_multi_add_handle(curl_->multi, transfer->handle.get()) != CURLM_OK) return false;
  transfer->added = true;
  transfers_[key] = std::move(transfer);
  return true;
}

void Sender::cancel(const std::string& key) { transfers_.erase(key); }

void Sender::wait(std::int64_t timeout_ms) {
  const auto bounded = static_cast<int>(std::clamp<std::int64_t>(timeout_ms, 0, INT_MAX));
  curl_multi_poll(curl_->multi, nullptr, 0, bounded, nullptr);
}

void Sender::wake() { curl_multi_wakeup(curl_->multi); }

std::vector<SendOutcome> Sender::perform() {
  int running = 0;
  curl_multi_perform(curl_->multi, &running);
  std::vector<SendOutcome> ended;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(curl_->multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode result = message->data.result;
    const auto found = std::find_if(transfers_.begin(), transfers_.end(), [&](const auto& each) {
      return each.second->handle.get() == message->easy_handle;
    });
    if (found == transfers_.end()) continue;
    long status = 0;
    curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
    SendOutcome outcome{found->first, ""};
    // libcurl's own longer texts name the host and may name more.
    if (result != CURLE_OK && !found->second->cut_short)
      outcome.problem = curl_easy_strerror(result);
    else if (status < 200 || status > 299)
      outcome.problem = "the answer is " + std::to_string(status);
    transfers_.erase(found);
    ended.push_back(std::move(outcome));
  }
  return ended;
}

}  // namespace plugin
