// Usage records as a queue: read again from where the reader stopped, over rotated files.
#include "records/record_tail.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "support/temp_dir.h"

using plugin::RecordTail;
using Lines = std::vector<std::string>;

TEST_CASE("records are handed out once, the oldest file first") {
  const turntest::TempDir directory;
  directory.write("usage.jsonl.1", "one\ntwo\n");
  directory.write("usage.jsonl", "three\nfo");
  RecordTail tail(directory / "usage.jsonl");
  CHECK(tail.next().value() == Lines{"one", "two"});
  CHECK(tail.next().value() == Lines{"three"});
  CHECK(tail.next().value().empty());
  REQUIRE(tail.commit());
  RecordTail later(directory / "usage.jsonl");
  CHECK(later.next().value().empty());
  CHECK(later.octets_left() == 2);
}

TEST_CASE("a rotated file whose last line nobody ends any more does not hold up the newer one") {
  const turntest::TempDir directory;
  directory.write("usage.jsonl.1", "one\ntw");
  RecordTail tail(directory / "usage.jsonl");
  CHECK(tail.next().value() == Lines{"one"});
  // The writer may be about to end it, for all that can be seen.
  CHECK(tail.next().value().empty());
  directory.write("usage.jsonl", "");
  CHECK(tail.next().value().empty());
  directory.write("usage.jsonl", "three\n");
  CHECK(tail.next().value() == Lines{"three"});
  CHECK(tail.next().value().empty());
}

TEST_CASE("empty lines are none, however many") {
  const turntest::TempDir directory;
  directory.write("usage.jsonl", std::string(RecordTail::batch_octets_max + 7, '\n') + "one\n");
  RecordTail tail(directory / "usage.jsonl");
  CHECK(tail.next().value() == Lines{"one"});
}

TEST_CASE(
    "a cursor that cannot be read, or is of a file that is gone, means all records there are") {
  for (const char* cursor : {"", "x", "-1", "18446744073709551615 18446744073709551615", "7 7"}) {
    const turntest::TempDir directory;
    directory.write("usage.jsonl", "one\n");
    directory.write("usage.jsonl.cursor", cursor);
    RecordTail tail(directory / "usage.jsonl");
    CHECK(tail.next().value() == Lines{"one"});
  }
}
