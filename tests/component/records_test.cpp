// Usage records: their JSON and the file they are written to.
#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "ctl_fixture.h"
#include "records/record_writer.h"
#include "records/recorded.h"
#include "support/file_size_limit.h"

using Catch::Matchers::Contains;
using plugin::RecordWriter;
using plugin::UsageRecord;
using std::chrono::seconds;

namespace {

const RecordWriter::Time start{};

UsageRecord numbered(int number) {
  UsageRecord record;
  record.relay = "r1";
  record.incarnation = "00ff";
  record.allocation = std::to_string(number);
  record.csp = "acme";
  return record;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The allocation numbers in a file; every line must be a whole record.
std::vector<int> numbers_in(const std::string& path) {
  std::vector<int> numbers;
  for (const std::string& line : lines_of(path))
    numbers.push_back(std::stoi(nlohmann::json::parse(line).at("allocation").get<std::string>()));
  return numbers;
}

std::vector<int> from_to(int first, int last) {
  std::vector<int> numbers;
  for (int i = first; i <= last; ++i) numbers.push_back(i);
  return numbers;
}

const std::uint64_t line_octets = plugin::json_line(numbered(100)).size();

}  // namespace

TEST_CASE("a usage record is one JSON line with its fields in order") {
  UsageRecord record;
  record.relay = "r1";
  record.incarnation = "00ff";
  record.allocation = "00ff-7";
  record.csp = "acme";
  record.media = broker::MediaType::video;
  record.client = "line\nbreak\xff";
  record.transport = "udp";
  record.client_address = "192.0.2.1:4711";
  record.relayed_addresses = {"198.51.100.1:50000", "[2001:db8::1]:50000"};
  record.start_ms = 1'790'000'000'007;
  record.end_ms = 1'790'000'060'999;
  record.used = {.octets = {10, 18'446'744'073'709'551'615U}, .packets = {1, 2}};
  record.reason = plugin::EndReason::quota_exhausted;
  CHECK(plugin::json_line(record) ==
        R"({"relay":"r1","incarnation":"00ff","allocation":"00ff-7","csp":"acme","media":"video",)"
        R"("client":"line\nbreak)"
        "\xef\xbf\xbd"
        R"(","transport":"udp","client_address":"192.0.2.1:4711",)"
        R"("relayed_addresses":["198.51.100.1:50000","[2001:db8::1]:50000"],)"
        R"("start":"2026-09-21T14:13:20.007Z","end":"2026-09-21T14:14:20.999Z",)"
        R"("client_to_peer_octets":10,"peer_to_client_octets":18446744073709551615,)"
        R"("client_to_peer_packets":1,"peer_to_client_packets":2,"reason":"quota_exhausted"})"
        "\n");
}

TEST_CASE("every end of an allocation has its word") {
  using enum plugin::EndReason;
  std::string words;
  for (const auto reason :
       {released, expired, quota_exhausted, cancelled, revoked, shutdown, recovered})
    words.append(plugin::to_string(reason)).append(" ");
  CHECK(words == "released expired quota_exhausted cancelled revoked shutdown recovered ");
}

TEST_CASE("times are RFC 3339 with milliseconds, before 1970 and at the ends of the calendar too") {
  CHECK(plugin::format_utc_ms(0) == "1970-01-01T00:00:00.000Z");
  CHECK(plugin::format_utc_ms(-1) == "1969-12-31T23:59:59.999Z");
  CHECK(plugin::format_utc_ms(951'782'400'000) == "2000-02-29T00:00:00.000Z");
  CHECK(plugin::format_utc_ms(INT64_MAX) == "9999-12-31T23:59:59.999Z");
  CHECK(plugin::format_utc_ms(INT64_MIN) == "0000-01-01T00:00:00.000Z");
}

TEST_CASE("records are in the file when append returns, and a new writer goes on after them") {
  const turntest::TempDir directory;
  const std::string path = directory / "usage.jsonl";
  {
    RecordWriter writer({.path = path});
    REQUIRE(writer.open());
    REQUIRE(writer.append(numbered(1), start));
    CHECK(numbers_in(path) == from_to(1, 1));
    CHECK(writer.written() == 1);
  }
  RecordWriter writer({.path = path});
  REQUIRE(writer.append(numbered(2), start));
  CHECK(numbers_in(path) == from_to(1, 2));
}

TEST_CASE("a new records file has mode 0640 whatever the umask, an old one keeps its own") {
  const turntest::TempDir directory;
  const std::string path = directory / "usage.jsonl";
  struct stat file {};
  const mode_t before = ::umask(0077);
  const auto opened = RecordWriter({.path = path}).open();
  ::umask(before);
  REQUIRE(opened);
  REQUIRE(::stat(path.c_str(), &file) == 0);
  CHECK((file.st_mode & 07777U) == 0640U);
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  REQUIRE(RecordWriter({.path = path}).open());
  REQUIRE(::stat(path.c_str(), &file) == 0);
  CHECK((file.st_mode & 07777U) == 0600U);
}

TEST_CASE("ten thousand records rotate by size and none is lost") {
  const turntest::TempDir directory;
  const std::string path = directory / "usage.jsonl";
  const std::uint64_t rotate_octets = 1'000 * line_octets;
  RecordWriter writer({.path = path, .rotate_octets = rotate_octets, .keep = 20});
  for (int i = 1; i <= 10'000; ++i) REQUIRE(writer.append(numbered(i), start));
  std::vector<int> all;
  for (int i = 20; i >= 0; --i) {
    const std::string file = i == 0 ? path : path + "." + std::to_string(i);
    if (!std::filesystem::exists(file)) continue;
    CHECK(std::filesystem::file_size(file) <= rotate_octets);
    const auto part = numbers_in(file);
    all.insert(all.end(), part.begin(), part.end());
  }
  CHECK(all == from_to(1, 10'000));
  CHECK(std::filesystem::exists(path + ".9"));
  CHECK(writer.written() == 10'000);
}

TEST_CASE("only as many rotated files are kept as wanted") {
  const turntest::TempDir directory;
  const std::string path = directory / "usage.jsonl";
  RecordWriter writer({.path = path, .rotate_octets = 1, .keep = 3});
  for (int i = 101; i <= 106; ++i) REQUIRE(writer.append(numbered(i), start));
  CHECK(numbers_in(path) == from_to(106, 106));
  CHECK(numbers_in(path + ".1") == from_to(105, 105));
  CHECK(numbers_in(path + ".3") == from_to(103, 103));
  CHECK_FALSE(std::filesystem::exists(path + ".4"));
  writer.set_rotation(2 * line_octets, 1);
  for (int i = 107; i <= 108; ++i) REQUIRE(writer.append(numbered(i), start));
  CHECK(numbers_in(path) == from_to(108, 108));
  CHECK(numbers_in(path + ".1") == from_to(106, 107));
  CHECK_FALSE(std::filesystem::exists(path + ".2"));
  CHECK_FALSE(std::filesystem::exists(path + ".3"));
}

TEST_CASE("a line that a crash cut short is ended before the next record") {
  const turntest::TempDir directory;
  const std::string path = directory / "usage.jsonl";
  const std::string whole = plugin::json_line(numbered(1));
  std::ofstream(path) << whole << whole.substr(0, 40);
  RecordWriter writer({.path = path});
  REQUIRE(writer.append(numbered(2), start));
  REQUIRE(writer.append(numbered(3), start));
  const auto lines = lines_of(path);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] + "\n" == whole);
  CHECK(lines[1] == whole.substr(0, 40));
  CHECK(lines[2] + "\n" == plugin::json_line(numbered(2)));
  CHECK(lines[3] + "\n" == plugin::json_line(numbered(3)));
}

TEST_CASE("a file that was moved away is followed by a new one") {
  const turntest::TempDir directory;
  const std::string path = directory / "usage.jsonl";
  RecordWriter writer({.path = path});
  REQUIRE(writer.append(numbered(1), start));
  std::filesystem::rename(path, path + ".old");
  REQUIRE(writer.append(numbered(2), start));
  CHECK(numbers_in(path + ".old") == from_to(1, 1));
  CHECK(numbers_in(path) == from_to(2, 2));
  std::filesystem::remove(path);
  REQUIRE(writer.append(numbered(3), start));
  CHECK(numbers_in(path) == from_to(3, 3));
}

TEST_CASE("a file that was emptied in place is filled from its start again") {
  const turntest::TempDir directory;
  const std::string path = directory / "usage.jsonl";
  RecordWriter writer({.path = path, .rotate_octets = 3 * line_octets, .keep = 2});
  for (int i = 101; i <= 103; ++i) REQUIRE(writer.append(numbered(i), start));
  std::filesystem::resize_file(path, 0);
  for (int i = 104; i <= 106; ++i) REQUIRE(writer.append(numbered(i), start));
  CHECK(numbers_in(path) == from_to(104, 106));
  CHECK_FALSE(std::filesystem::exists(path + ".1"));
}

TEST_CASE("a full disk is reported once a minute while records wait in a bounded queue") {
  RecordWriter writer({.path = "/dev/full", .records_pending_max = 5});
  const auto first = writer.append(numbered(1), start);
  REQUIRE_FALSE(first);
  CHECK(
      first.error().message ==
      "usage records /dev/full: cannot be written: No space left on device; 1 records wait, 0 are "
      "lost");
  for (int i = 2; i <= 8; ++i) CHECK(writer.append(numbered(i), start + seconds(i)));
  CHECK(writer.pending() == 5);
  CHECK(writer.lost() == 3);
  CHECK(writer.retry(start + seconds(59)));
  const auto again = writer.retry(start + seconds(60));
  REQUIRE_FALSE(again);
  CHECK_THAT(again.error().message, Contains("5 records wait, 3 are lost"));
  CHECK(writer.written() == 0);
  const auto last = writer.finish();
  REQUIRE_FALSE(last);
  CHECK_THAT(last.error().message, Contains("5 records were not written"));
}

TEST_CASE("a disk that fills in the middle of a line gets no half line, and all records later") {
  const turntest::TempDir directory;
  const std::string path = directory / "usage.jsonl";
  RecordWriter writer({.path = path});
  {
    const turntest::FileSizeLimit limit(line_octets * 5 / 2);
    REQUIRE(writer.append(numbered(101), start));
    REQUIRE(writer.append(numbered(102), start));
    CHECK_FALSE(writer.append(numbered(103), start));
    CHECK(writer.append(numbered(104), start));
    CHECK(writer.retry(start + seconds(2)));
    CHECK(std::filesystem::file_size(path) == 2 * line_octets);
    CHECK(numbers_in(path) == from_to(101, 102));
  }
  CHECK(writer.retry(start + seconds(2)));
  CHECK(writer.pending() == 2);
  REQUIRE(writer.retry(start + seconds(3)));
  CHECK(writer.pending() == 0);
  CHECK(writer.written() == 4);
  CHECK(numbers_in(path) == from_to(101, 104));
}

TEST_CASE("records that waited respect the size of a file") {
  const turntest::TempDir directory;
  const std::string missing = directory / "later";
  const std::string path = missing + "/usage.jsonl";
  RecordWriter writer({.path = path, .rotate_octets = 10 * line_octets, .keep = 8});
  const auto opened = writer.open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().message ==
        "usage records " + path + ": cannot be opened: No such file or directory");
  CHECK_FALSE(writer.append(numbered(101), start));
  for (int i = 102; i <= 125; ++i) REQUIRE(writer.append(numbered(i), start));
  std::filesystem::create_directory(missing);
  REQUIRE(writer.retry(start + seconds(1)));
  CHECK(numbers_in(path + ".2") == from_to(101, 110));
  CHECK(numbers_in(path + ".1") == from_to(111, 120));
  CHECK(numbers_in(path) == from_to(121, 125));
}

TEST_CASE("a file that cannot be rotated grows, and the older ones stay where they are") {
  const turntest::TempDir directory;
  const std::string path = directory / "usage.jsonl";
  RecordWriter writer({.path = path, .rotate_octets = line_octets, .keep = 3});
  for (int i = 101; i <= 102; ++i) REQUIRE(writer.append(numbered(i), start));
  // A directory with something in it cannot be replaced by a file, not even by root.
  std::filesystem::rename(path + ".1", path + ".2");
  std::filesystem::create_directories(path + ".1/full");
  std::filesystem::create_directories(path + ".3/full");
  const auto failed = writer.append(numbered(103), start);
  REQUIRE_FALSE(failed);
  CHECK_THAT(failed.error().message, Contains("cannot be rotated: "));
  for (int i = 104; i <= 106; ++i) CHECK(writer.append(numbered(i), start + seconds(i - 100)));
  CHECK(numbers_in(path) == from_to(102, 106));
  CHECK(numbers_in(path + ".2") == from_to(101, 101));
}

TEST_CASE("what is no file is refused and not waited for") {
  const turntest::TempDir directory;
  const std::string fifo = directory / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const auto opened = RecordWriter({.path = fifo}).open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().message == "usage records " + fifo + ": is not a regular file");
  const auto of_directory = RecordWriter({.path = directory.path()}).open();
  REQUIRE_FALSE(of_directory);
  CHECK_THAT(of_directory.error().message, Contains("cannot be opened: Is a directory"));
}

TEST_CASE("the allocations that have a record are found in the file and the rotated ones") {
  const turntest::TempDir directory;
  const std::string path = directory / "usage.jsonl";
  CHECK(plugin::recorded_allocations(path, "00ff").empty());
  RecordWriter writer({path, line_octets * 4, 8, 10});
  UsageRecord other = numbered(100);
  other.incarnation = "00fe";
  for (int i = 0; i < 5; ++i) REQUIRE(writer.append(other, start));
  for (int i = 101; i < 110; ++i) REQUIRE(writer.append(numbered(i), start));
  const auto found = plugin::recorded_allocations(path, "00ff");
  CHECK(found.size() == 9);
  for (int i = 101; i < 110; ++i) CHECK(found.contains(std::to_string(i)));
  CHECK(plugin::recorded_allocations(path, "00fd").empty());
}

TEST_CASE("a record that a crash cut short is none, nor is what is no record at all") {
  const turntest::TempDir directory;
  const std::string path = directory / "usage.jsonl";
  const std::string whole = plugin::json_line(numbered(100));
  std::ofstream(path) << "00ff\n[\"00ff\"]\n{\"incarnation\":\"00ff\"}\n"
                      << "{\"incarnation\":\"00ff\",\"allocation\":7}\n"
                      << whole << plugin::json_line(numbered(101)).substr(0, whole.size() - 3);
  const auto found = plugin::recorded_allocations(path, "00ff");
  CHECK(found == std::unordered_set<std::string>{"100"});
  CHECK(plugin::recorded_allocations("/dev/full", "00ff").empty());
}
