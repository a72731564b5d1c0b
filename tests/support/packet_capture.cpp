#include "support/packet_capture.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/socket_setup.h"
#include "support/stun_wire.h"
#include "support/wait_until.h"

namespace turntest {
namespace {

constexpr std::size_t ports_max = 64;
/// Ethernet, IPv4 with options or IPv6, and UDP headers; never the payload.
constexpr int snapshot_octets = 128;
constexpr int hand_over_ms = 10;
constexpr std::size_t ethernet_octets = 14, udp_octets = 8;

struct PcapClose {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};

struct Datagram {
  Flow flow;
  std::size_t payload_octets = 0;
};

/// nullopt for anything but a whole UDP datagram with plain headers.
std::optional<Datagram> parse_packet(ByteView packet) {
  if (packet.size() < ethernet_octets + 20) return std::nullopt;
  const std::uint16_t ether_type = load_u16(packet, 12);
  const ByteView ip = packet.subspan(ethernet_octets);
  Datagram datagram;
  Address& source = datagram.flow.source;
  Address& destination = datagram.flow.destination;
  std::size_t header = 0;
  if (ether_type == 0x0800 && (ip[0] >> 4) == 4 && ip[9] == 17) {
    header = std::size_t{ip[0] & 0x0FU} * 4;
    source.family = destination.family = 4;
    std::copy_n(ip.begin() + 12, 4, source.octets.begin());
    std::copy_n(ip.begin() + 16, 4, destination.octets.begin());
  } else if (ether_type == 0x86DD && ip.size() >= 40 && ip[6] == 17) {
    header = 40;
    source.family = destination.family = 6;
    std::copy_n(ip.begin() + 8, 16, source.octets.begin());
    std::copy_n(ip.begin() + 24, 16, destination.octets.begin());
  }
  if (header < 20 || ip.size() < header + udp_octets) return std::nullopt;
  const ByteView udp = ip.subspan(header);
  source.port = load_u16(udp, 0);
  destination.port = load_u16(udp, 2);
  const std::size_t size = load_u16(udp, 4);
  if (size < udp_octets) return std::nullopt;
  datagram.payload_octets = size - udp_octets;
  return datagram;
}

}  // namespace

struct PacketCapture::Capture {
  std::unique_ptr<pcap_t, PcapClose> pcap;
  Descriptor marker_from = make_socket(SOCK_DGRAM, 4, Address::loopback(4));
  Descriptor marker_to = make_socket(SOCK_DGRAM, 4, Address::loopback(4));
  Flow marker{Address::of_socket(marker_from.get()), Address::of_socket(marker_to.get())};
  std::atomic<bool> stopping = false;
  Event changed;
  mutable std::mutex mutex;
  std::map<Flow, TrafficCount> flows;  ///< guarded by mutex
  std::uint64_t markers_seen = 0;      ///< guarded by mutex
  std::uint64_t markers_sent = 0;      ///< guarded by mutex
  std::thread thread;

  void open(const std::vector<std::uint16_t>& ports, int buffer_octets);
  void set_filter(const std::vector<std::uint16_t>& ports);
  void run();
  void take(ByteView packet);
};

void PacketCapture::Capture::open(const std::vector<std::uint16_t>& ports, int buffer_octets) {
  char error[PCAP_ERRBUF_SIZE] = "";
  pcap.reset(pcap_create("lo", error));
  if (!pcap) throw std::runtime_error(std::string("cannot capture on lo: ") + error);
  pcap_set_snaplen(pcap.get(), snapshot_octets);
  pcap_set_timeout(pcap.get(), hand_over_ms);
  pcap_set_buffer_size(pcap.get(), buffer_octets);
  if (const int status = pcap_activate(pcap.get()); status != 0)
    throw std::runtime_error(std::string("cannot capture on lo: ") + pcap_statustostr(status) +
                             " " + pcap_geterr(pcap.get()));
  if (pcap_datalink(pcap.get()) != DLT_EN10MB)
    throw std::runtime_error("lo is not captured with Ethernet headers here");
  set_filter(ports);
}

void PacketCapture::Capture::set_filter(const std::vector<std::uint16_t>& ports) {
  std::string text = "udp and (port " + std::to_string(marker.destination.port);
  for (const std::uint16_t port : ports) text += " or port " + std::to_string(port);
  text += ")";
  bpf_program program{};
  if (pcap_compile(pcap.get(), &program, text.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
    throw std::runtime_error("no filter \"" + text + "\": " + pcap_geterr(pcap.get()));
  const int status = pcap_setfilter(pcap.get(), &program);
  pcap_freecode(&program);
  if (status != 0)
    throw std::runtime_error("cannot set the filter \"" + text + "\": " + pcap_geterr(pcap.get()));
}

void PacketCapture::Capture::run() {
  const auto each = [](u_char* self, const pcap_pkthdr* header, const u_char* octets) {
    reinterpret_cast<Capture*>(self)->take(ByteView(octets, header->caplen));
  };
  while (!stopping) {
    const int count = pcap_dispatch(pcap.get(), -1, each, reinterpret_cast<u_char*>(this));
    if (count < 0 && count != PCAP_ERROR_BREAK) return;
    if (count > 0) changed.notify();
  }
}

void PacketCapture::Capture::take(ByteView packet) {
  const auto datagram = parse_packet(packet);
  if (!datagram) return;
  const std::lock_guard lock(mutex);
  if (datagram->flow != marker)
    flows[datagram->flow] += {datagram->payload_octets, 1};
  else
    ++markers_seen;
}

PacketCapture::PacketCapture(std::vector<std::uint16_t> ports, int buffer_octets)
    : capture_(std::make_unique<Capture>()) {
  if (ports.empty() || ports.size() > ports_max)
    throw std::invalid_argument("a capture watches 1 to 64 ports");
  capture_->open(ports, buffer_octets);
  capture_->thread = std::thread([capture = capture_.get()] { capture->run(); });
  try {
    drain();
  } catch (...) {
    capture_->stopping = true;
    pcap_breakloop(capture_->pcap.get());
    capture_->thread.join();
    throw;
  }
}

PacketCapture::~PacketCapture() {
  capture_->stopping = true;
  pcap_breakloop(capture_->pcap.get());
  capture_->thread.join();
}

void PacketCapture::drain(Milliseconds timeout) {
  const SocketAddress to(capture_->marker.destination);
  std::uint64_t wanted = 0;
  on_every_cpu([&] {
    if (::sendto(capture_->marker_from.get(), "", 0, 0, to.get(), to.size) < 0) return;
    const std::lock_guard lock(capture_->mutex);
    wanted = ++capture_->markers_sent;
  });
  const bool seen = wanted != 0 && wait_until(
                                       timeout,
                                       [&] {
                                         const std::lock_guard lock(capture_->mutex);
                                         return capture_->markers_seen >= wanted;
                                       },
                                       &capture_->changed);
  if (!seen) throw std::runtime_error("the capture did not see its own marker in time");
}

std::map<Flow, TrafficCount> PacketCapture::flows() const {
  const std::lock_guard lock(capture_->mutex);
  return capture_->flows;
}

TrafficCount PacketCapture::sent_from(const Address& source) const {
  TrafficCount sum;
  for (const auto& [flow, count] : flows())
    if (flow.source == source) sum += count;
  return sum;
}

TrafficCount PacketCapture::sent_to(const Address& destination) const {
  TrafficCount sum;
  for (const auto& [flow, count] : flows())
    if (flow.destination == destination) sum += count;
  return sum;
}

TrafficCount PacketCapture::between(const Address& source, const Address& destination) const {
  const auto all = flows();
  const auto found = all.find({source, destination});
  return found == all.end() ? TrafficCount{} : found->second;
}

std::uint64_t PacketCapture::drops() const {
  pcap_stat statistics{};
  if (pcap_stats(capture_->pcap.get(), &statistics) != 0) return 0;
  return std::uint64_t{statistics.ps_drop} + statistics.ps_ifdrop;
}

}  // namespace turntest
