#include "broker/client_room.h"

#include <catch2/catch.hpp>

using broker::MediaType;
using plugin::ClientRoom;

namespace {

const ClientRoom::Quota acme{"acme", MediaType::data};
const ClientRoom::Quota beta{"beta", MediaType::data};

std::size_t fill(ClientRoom& room, const ClientRoom::Quota& quota) {
  std::size_t taken = 0;
  for (; room.has_any(quota); ++taken) room.take(quota);
  return taken;
}

}  // namespace

TEST_CASE("a quota that takes all the room leaves the others their own") {
  ClientRoom room;
  room.resize(800, 2);
  CHECK_FALSE(room.is_scarce());
  CHECK(fill(room, acme) == 700);
  CHECK(room.is_scarce());
  CHECK(fill(room, beta) == 100);
  CHECK_FALSE(room.has_any(acme));
}

TEST_CASE("what is given back goes to whoever comes first, but for the others' own") {
  ClientRoom room;
  room.resize(800, 2);
  fill(room, acme);
  fill(room, beta);
  for (int i = 0; i < 50; ++i) room.give_back(beta);
  CHECK_FALSE(room.has_any(acme));
  for (int i = 0; i < 50; ++i) room.give_back(acme);
  CHECK(fill(room, beta) == 100);
  CHECK_FALSE(room.has_any(acme));
}

TEST_CASE("another division counts those that are there") {
  ClientRoom room;
  room.resize(800, 1);
  CHECK(fill(room, acme) == 800);
  room.resize(800, 2);
  CHECK_FALSE(room.has_any(acme));
  CHECK(fill(room, beta) == 100);
  room.resize(2'000, 0);
  CHECK(fill(room, acme) == 2'000 - 900);
  CHECK_FALSE(room.has_any(beta));
}

TEST_CASE("without room nobody has any") {
  ClientRoom room;
  CHECK_FALSE(room.has_any(acme));
  room.resize(0, 3);
  CHECK_FALSE(room.has_any(acme));
}
